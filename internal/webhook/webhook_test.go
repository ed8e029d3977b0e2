package webhook_test

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"parley/internal/webhook"
)

// reference is the library of Standard Webhooks, with a secret of ours.
func reference(t *testing.T, s webhook.Secret) *standardwebhooks.Webhook {
	t.Helper()
	w, err := standardwebhooks.NewWebhook(s.Text())
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// parse reads a secret that is one.
func parse(t *testing.T, text string) webhook.Secret {
	t.Helper()
	s, err := webhook.ParseSecret(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The signature that the reference library's own tests have.
func TestTheReferenceSignature(t *testing.T) {
	t.Parallel()
	h := make(http.Header)
	s := parse(t, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	webhook.Sign(h, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`), s)
	for name, want := range map[string]string{
		"webhook-id":        "msg_p5jXN8AQM9LWM0D4loKWxJek",
		"webhook-timestamp": "1614265330",
		"webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// What we sign, the reference library takes; while a secret is replaced, whoever has either.
func TestTheReferenceLibraryTakesWhatWeSign(t *testing.T) {
	t.Parallel()
	young, old, other := webhook.NewSecret(), webhook.NewSecret(), webhook.NewSecret()
	for _, body := range []string{"", "{}", strings.Repeat("é\x00\r\n", 50_000)} {
		h := make(http.Header)
		webhook.Sign(h, "id-1", time.Now(), []byte(body), young, old)
		for _, s := range []webhook.Secret{young, old} {
			if err := reference(t, s).Verify([]byte(body), h); err != nil {
				t.Error(err)
			}
		}
		if err := reference(t, other).Verify([]byte(body), h); err == nil {
			t.Error("the reference library takes it by another secret")
		}
		if err := reference(t, old).Verify([]byte(body+" "), h); err == nil {
			t.Error("the reference library takes another body")
		}
	}
}

// What the reference library signs, we take; and we take nothing else.
func TestVerify(t *testing.T) {
	t.Parallel()
	const body = `{"type":"call.completed"}`
	now := time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC)
	s, other := webhook.NewSecret(), webhook.NewSecret()
	sign := func(by webhook.Secret, id string, at time.Time) string {
		text, err := reference(t, by).Sign(id, at, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	seconds := func(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }
	good := sign(s, "id-1", now)
	tests := []struct {
		name                     string
		id, timestamp, signature []string
		body                     string
		want                     error
	}{
		{"signed", []string{"id-1"}, []string{seconds(now)}, []string{good}, body, nil},
		{"signed by another, too", []string{"id-1"}, []string{seconds(now)}, []string{sign(other, "id-1", now) + " " + good}, body, nil},
		{"beside other kinds", []string{"id-1"}, []string{seconds(now)}, []string{"v1a,AAAA v2,x  v1, v1,! " + good}, body, nil},
		{"as old as may be", []string{"id-1"}, []string{seconds(now.Add(-webhook.Tolerance))}, []string{sign(s, "id-1", now.Add(-webhook.Tolerance))}, body, nil},
		{"as young as may be", []string{"id-1"}, []string{seconds(now.Add(webhook.Tolerance))}, []string{sign(s, "id-1", now.Add(webhook.Tolerance))}, body, nil},

		{"too old", []string{"id-1"}, []string{seconds(now.Add(-301 * time.Second))}, []string{sign(s, "id-1", now.Add(-301*time.Second))}, body, webhook.ErrTime},
		{"too young", []string{"id-1"}, []string{seconds(now.Add(301 * time.Second))}, []string{sign(s, "id-1", now.Add(301*time.Second))}, body, webhook.ErrTime},
		{"signed by another", []string{"id-1"}, []string{seconds(now)}, []string{sign(other, "id-1", now)}, body, webhook.ErrSignature},
		{"another body", []string{"id-1"}, []string{seconds(now)}, []string{good}, body + " ", webhook.ErrSignature},
		{"another id", []string{"id-2"}, []string{seconds(now)}, []string{good}, body, webhook.ErrSignature},
		{"another time", []string{"id-1"}, []string{seconds(now.Add(time.Second))}, []string{good}, body, webhook.ErrSignature},
		{"no time", []string{"id-1"}, []string{"now"}, []string{good}, body, webhook.ErrSignature},
		{"of another kind", []string{"id-1"}, []string{seconds(now)}, []string{"v2" + good[2:]}, body, webhook.ErrSignature},
		{"cut off", []string{"id-1"}, []string{seconds(now)}, []string{good[:len(good)-4]}, body, webhook.ErrSignature},
		{"empty", []string{"id-1"}, []string{seconds(now)}, []string{"v1,"}, body, webhook.ErrSignature},
		{"behind many", []string{"id-1"}, []string{seconds(now)}, []string{strings.Repeat("v1,AAAA ", 32) + good}, body, webhook.ErrSignature},
		{"no id", nil, []string{seconds(now)}, []string{good}, body, webhook.ErrUnsigned},
		{"an empty id", []string{""}, []string{seconds(now)}, []string{good}, body, webhook.ErrUnsigned},
		{"no timestamp", []string{"id-1"}, nil, []string{good}, body, webhook.ErrUnsigned},
		{"no signature", []string{"id-1"}, []string{seconds(now)}, nil, body, webhook.ErrUnsigned},
		{"two signatures", []string{"id-1"}, []string{seconds(now)}, []string{good, good}, body, webhook.ErrUnsigned},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := http.Header{webhook.HeaderID: tt.id, webhook.HeaderTimestamp: tt.timestamp, webhook.HeaderSignature: tt.signature}
			if err := webhook.Verify(h, []byte(tt.body), now, s); !errors.Is(err, tt.want) {
				t.Errorf("%v, want %v", err, tt.want)
			}
		})
	}
	if err := webhook.Verify(http.Header{webhook.HeaderID: {"id-1"}, webhook.HeaderTimestamp: {seconds(now)}, webhook.HeaderSignature: {good}}, []byte(body), now); !errors.Is(err, webhook.ErrSignature) {
		t.Errorf("without a secret: %v", err)
	}
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	s := webhook.NewSecret()
	if got := parse(t, s.Text()); !got.Equal(s) || got.ID() != s.ID() {
		t.Error("a secret is not read as it was written")
	}
	if s.Equal(webhook.NewSecret()) {
		t.Error("two new secrets are the same")
	}
	for _, shown := range []string{fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s", s, s, s, s), fmt.Sprintf("%v", struct{ S webhook.Secret }{s})} {
		if strings.Contains(shown, s.Text()[len("whsec_"):]) || strings.Contains(shown, "[]") {
			t.Errorf("shown as %s", shown)
		}
	}
	for _, text := range []string{
		"", "whsec_", "whsec_AAAA", s.Text()[len("whsec_"):], s.Text() + "=", s.Text()[:len(s.Text())-1], s.Text() + "\n", "WHSEC_" + s.Text()[6:],
		"whsec_" + strings.Repeat("A", 92), // 69 bytes
	} {
		if got, err := webhook.ParseSecret(text); err == nil {
			t.Errorf("%q is read as %s", text, got)
		} else if len(text) > 20 && strings.Contains(err.Error(), text[8:16]) {
			t.Errorf("the error shows the secret: %v", err)
		}
	}
}

func FuzzParseSecret(f *testing.F) {
	f.Add("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	f.Add("whsec_")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := webhook.ParseSecret(text)
		if err == nil && s.Text() != text {
			t.Fatalf("%q is written as %q", text, s.Text())
		}
	})
}

func BenchmarkSign(b *testing.B) {
	s, body := webhook.NewSecret(), []byte(strings.Repeat("x", 1_000))
	b.ReportAllocs()
	for b.Loop() {
		webhook.Sign(make(http.Header, 3), "id-1", time.Unix(1614265330, 0), body, s)
	}
}
