package kafka

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"parley/internal/certs"
	"parley/internal/secret"
)

func TestValidate(t *testing.T) {
	t.Parallel()
	oauth := OAuth{TokenURL: "https://id.example.com/token", ClientID: "c", Secret: secret.Text{Value: "s"}}
	with := func(change func(*OAuth)) OAuth {
		o := oauth
		change(&o)
		return o
	}
	for _, c := range []struct {
		name string
		cfg  Config
		want string // of the error; empty: it is right
	}{
		{"nothing", Config{}, ""},
		{"TLS", Config{TLS: true}, ""},
		{"an authority", Config{Files: certs.ClientFiles{CA: "ca.pem"}}, ""},
		{"a certificate and its key", Config{Files: certs.ClientFiles{Cert: "c", Key: "k"}}, ""},
		{"a certificate without key", Config{Files: certs.ClientFiles{Cert: "c"}}, "PARLEY_KAFKA_KEY"},
		{"a key without certificate", Config{Files: certs.ClientFiles{Key: "k"}}, "PARLEY_KAFKA_CERT"},
		{"scram", Config{SASL: SASL{Mechanism: ScramSHA512, User: "u", Password: secret.Text{File: "f"}}}, ""},
		{"no such mechanism", Config{SASL: SASL{Mechanism: "SCRAM"}}, `PARLEY_KAFKA_SASL is "SCRAM"; it is one of plain, scram-sha-256`},
		{"no user", Config{SASL: SASL{Mechanism: Plain, Password: secret.Text{Value: "p"}}}, "PARLEY_KAFKA_USER is empty"},
		{"no password", Config{SASL: SASL{Mechanism: Plain, User: "u"}}, "PARLEY_KAFKA_PASSWORD_FILE is empty"},
		{"two passwords", Config{SASL: SASL{Mechanism: Plain, User: "u", Password: secret.Text{Value: "p", File: "f"}}}, "both set"},
		{"a user and no mechanism", Config{SASL: SASL{User: "u"}}, "PARLEY_KAFKA_SASL is empty"},
		{"scram with a token URL", Config{SASL: SASL{Mechanism: ScramSHA256, User: "u", Password: secret.Text{Value: "p"}, OAuth: oauth}}, "PARLEY_KAFKA_OAUTH_"},
		{"oauthbearer", Config{SASL: SASL{Mechanism: OAuthBearer, OAuth: oauth}}, ""},
		{"oauthbearer with a user", Config{SASL: SASL{Mechanism: OAuthBearer, User: "u", OAuth: oauth}}, "PARLEY_KAFKA_USER"},
		{"no client id", Config{SASL: SASL{Mechanism: OAuthBearer, OAuth: with(func(o *OAuth) { o.ClientID = "" })}}, "PARLEY_KAFKA_OAUTH_CLIENT_ID is empty"},
		{"no secret", Config{SASL: SASL{Mechanism: OAuthBearer, OAuth: with(func(o *OAuth) { o.Secret = secret.Text{} })}}, "PARLEY_KAFKA_OAUTH_CLIENT_SECRET_FILE is empty"},
		{"no token URL", Config{SASL: SASL{Mechanism: OAuthBearer, OAuth: with(func(o *OAuth) { o.TokenURL = "" })}}, "PARLEY_KAFKA_OAUTH_TOKEN_URL"},
		{"a token URL with a password", Config{SASL: SASL{Mechanism: OAuthBearer, OAuth: with(func(o *OAuth) { o.TokenURL = "https://u:p@id/" })}}, "credentials in it"},
		{"a token URL in clear", Config{SASL: SASL{Mechanism: OAuthBearer, OAuth: with(func(o *OAuth) { o.TokenURL = "http://id.example.com/" })}}, "https"},
		{"a token URL in clear on this machine", Config{SASL: SASL{Mechanism: OAuthBearer, OAuth: with(func(o *OAuth) { o.TokenURL = "http://[::1]:80/" })}}, ""},
	} {
		err := c.cfg.Validate()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
	}
}

// A password in clear is warned of, unless nobody else can read it; and it is never shown.
func TestWarnings(t *testing.T) {
	t.Parallel()
	sasl := SASL{Mechanism: Plain, User: "u", Password: secret.Text{Value: "hidden"}}
	for _, c := range []struct {
		name string
		cfg  Config
		want bool
	}{
		{"plain", Config{Brokers: []string{"127.0.0.1:9092", "k:9092"}, SASL: sasl}, true},
		{"plain by TLS", Config{Brokers: []string{"k:9092"}, SASL: sasl, TLS: true}, false},
		{"plain on this machine", Config{Brokers: []string{"localhost:9092"}, SASL: sasl}, false},
		{"scram", Config{Brokers: []string{"k:9092"}, SASL: SASL{Mechanism: ScramSHA256, User: "u", Password: secret.Text{Value: "hidden"}}}, false},
		{"oauthbearer", Config{Brokers: []string{"k:9092"}, SASL: SASL{Mechanism: OAuthBearer, OAuth: OAuth{TokenURL: "https://id/", ClientID: "c", Secret: secret.Text{Value: "hidden"}}}}, true},
	} {
		said := new(bytes.Buffer)
		c.cfg.Log = slog.New(slog.NewTextHandler(said, nil))
		if _, err := New(c.cfg); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(said.String(), "level=WARN"); got != c.want {
			t.Errorf("%s: warned %v: %s", c.name, got, said)
		}
		c.cfg.Log.Info("configuration", "effective", c.cfg)
		fmt.Fprintf(said, "%v %+v %#v", c.cfg.SASL, c.cfg.SASL, c.cfg.SASL)
		if strings.Contains(said.String(), "hidden") {
			t.Errorf("%s: the password is shown: %s", c.name, said)
		}
	}
}

func TestFilesOfNew(t *testing.T) {
	t.Parallel()
	if _, err := New(Config{Files: certs.ClientFiles{CA: "nowhere.pem"}, Log: slog.New(slog.DiscardHandler)}); err == nil || !strings.Contains(err.Error(), "PARLEY_KAFKA_CA") {
		t.Errorf("error %v", err)
	}
	if _, err := New(Config{Files: certs.ClientFiles{Cert: "c"}}); err == nil {
		t.Error("a certificate without a key will do")
	}
}
