package node

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"parley/internal/kafka"
)

func TestDefaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name             string
		cfg              Config
		auth             string
		partitions, more int32
	}{
		{"embedded on loopback", Config{HTTPAddr: "127.0.0.1:8080"}, AuthNone, 8, 8},
		{"embedded on localhost", Config{HTTPAddr: "localhost:8080"}, AuthNone, 8, 8},
		{"embedded on IPv6 loopback", Config{HTTPAddr: "[::1]:8080"}, AuthNone, 8, 8},
		{"embedded for everybody", Config{HTTPAddr: ":8080"}, AuthKeys, 8, 8},
		{"a cluster", Config{HTTPAddr: "127.0.0.1:8080", Kafka: kafka.Config{Brokers: []string{"k:9092"}}}, AuthKeys, 48, 8},
		{"given", Config{HTTPAddr: ":8080", Auth: AuthNone, Partitions: 4, ResultPartitions: 2}, AuthNone, 4, 2},
	} {
		if got := c.cfg.withDefaults(); got.Auth != c.auth || got.Partitions != c.partitions || got.ResultPartitions != c.more {
			t.Errorf("%s: auth %s, partitions %d and %d; want %s, %d, %d", c.name, got.Auth, got.Partitions, got.ResultPartitions, c.auth, c.partitions, c.more)
		}
	}
}

func TestLogHasNoSecrets(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	slog.New(slog.NewTextHandler(&b, nil)).Info("configuration", "effective", Config{
		Secret: "hidden-secret-hidden", ClickHouseDSN: "clickhouse://u:hidden@ch:9000/parley?password=hidden",
		Mail: MailConfig{URL: "smtp://u:hidden@mail.example.com", From: "parley@example.com", Rate: 1},
	})
	if text := b.String(); strings.Contains(text, "hidden") || !strings.Contains(text, "effective.secret=given") || !strings.Contains(text, "ch:9000/parley") || !strings.Contains(text, "effective.mail.server=mail.example.com:587") {
		t.Errorf("logged %s", text)
	}
}

// A ConversationID is remembered for as long as a part of it may still be on its way, or for ever.
func TestConversationsAreRemembered(t *testing.T) {
	t.Parallel()
	const late = 70 * time.Second
	for keep, refused := range map[time.Duration]bool{0: false, 1: true, late - 1: true, late: false, late + 1: false} {
		err := Config{PartTimeout: time.Minute, ForwardGrace: 10 * time.Second, Keep: KeepConfig{Conversations: keep}}.Validate()
		if err == nil || strings.Contains(err.Error(), "PARLEY_REMEMBER_CONVERSATIONS is "+keep.String()+"; it is at least 1m10s") != refused {
			t.Errorf("%s: refused is to be %t: %v", keep, refused, err)
		}
	}
}

func TestMailSettings(t *testing.T) {
	t.Parallel()
	good := MailConfig{URL: "smtp://mail.example.com", From: "{account}@example.com", Rate: 0.5}
	for setting, c := range map[string]MailConfig{
		"":                {},
		" ":               good,
		"PARLEY_SMTP_URL": {URL: "mail.example.com:587", From: good.From, Rate: 1},
		"PARLEY_SMTP_FROM": {
			URL: good.URL, From: "parley", Rate: 1,
		},
		"PARLEY_SMTP_FROM is set": {From: good.From},
		"PARLEY_SMTP_RATE":        {URL: good.URL, From: good.From},
		"PARLEY_SMTP_CA":          {CA: "nowhere.pem"},
	} {
		err := c.check()
		if well := strings.TrimSpace(setting) == ""; well != (err == nil) || !well && !strings.HasPrefix(err.Error(), setting) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestMailInSettings(t *testing.T) {
	t.Parallel()
	for setting, c := range map[string]MailInConfig{
		"":                       {},
		" ":                      {Addr: ":2525", To: "replies@example.com"},
		"PARLEY_MAIL_ADDR":       {Addr: "2525", To: "example.com"},
		"PARLEY_MAIL_TO":         {Addr: ":2525"},
		"PARLEY_MAIL_TO is set,": {To: "example.com"},
	} {
		err := c.check()
		if well := strings.TrimSpace(setting) == ""; well != (err == nil) || !well && !strings.HasPrefix(err.Error(), setting) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
