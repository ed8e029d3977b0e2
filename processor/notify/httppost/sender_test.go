package httppost_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"go.uber.org/goleak"

	"parley/internal/account"
	"parley/internal/egress"
	"parley/processor/notify"
	"parley/processor/notify/httppost"
	parleyv1 "parley/schemas/parley/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// agreed is what is agreed on about the account acme.
type agreed struct {
	mu       sync.Mutex
	secrets  account.CallbackSecrets
	disabled map[string]account.DisabledTarget
	away     error // not nil: Kafka is away
}

func agree() *agreed {
	return &agreed{secrets: account.FirstCallbackSecret("acme", time.Now(), "ops"), disabled: make(map[string]account.DisabledTarget)}
}

func (a *agreed) CallbackSecrets(_ context.Context, of string) (account.CallbackSecrets, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if of != "acme" {
		panic("asked for the secrets of " + of)
	}
	return a.secrets, a.away
}

func (a *agreed) DisabledTarget(of, address string) *account.DisabledTarget {
	a.mu.Lock()
	defer a.mu.Unlock()
	if d, ok := a.disabled[of+" "+address]; ok {
		return &d
	}
	return nil
}

func (a *agreed) DisableTarget(_ context.Context, d account.DisabledTarget) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.away == nil {
		a.disabled[d.Account+" "+d.Address] = d
	}
	return a.away
}

// receiver is one that speaks TLS, on loopback, and keeps what it was sent.
type receiver struct {
	*httptest.Server
	mu   sync.Mutex
	got  []*http.Request
	body []byte
}

func startReceiver(t *testing.T, answer http.HandlerFunc) *receiver {
	t.Helper()
	r := new(receiver)
	r.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			t.Error(err)
		}
		r.mu.Lock()
		r.got, r.body = append(r.got, request), body
		r.mu.Unlock()
		answer(w, request)
	}))
	r.EnableHTTP2 = true
	r.StartTLS()
	t.Cleanup(r.Close)
	return r
}

// requests are those that it was sent.
func (r *receiver) requests() []*http.Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.got
}

// sender returns one that may reach the receiver, and trusts it.
func (r *receiver) sender(t *testing.T, a *agreed) *httppost.Sender {
	t.Helper()
	allow, err := egress.ParseNetworks([]string{"127.0.0.1/32"})
	if err != nil {
		t.Fatal(err)
	}
	trust := &tls.Config{RootCAs: r.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	s := httppost.New(httppost.Config{Accounts: a, Egress: egress.TransportConfig{Guard: egress.New(allow), TLS: trust}})
	t.Cleanup(s.Close)
	return s
}

// notification is one for an address.
func notification(address string) *notify.Notification {
	return &notify.Notification{
		ID:          "cb_1",
		Account:     "acme",
		Target:      &parleyv1.ResponseTarget{ResponseType: "HTTPPost", ResponseAddress: address},
		Attempt:     1,
		Traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		Body:        []byte(`{"type":"call.completed"}`),
	}
}

func TestANotificationIsPosted(t *testing.T) {
	t.Parallel()
	r := startReceiver(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	a := agree()
	old := a.secrets.Secrets[0]
	rotated, err := a.secrets.Rotate(time.Now(), time.Hour, "ops")
	if err != nil {
		t.Fatal(err)
	}
	a.secrets = rotated
	n := notification(r.URL + "/hook?a=b")
	if v := r.sender(t, a).Send(t.Context(), n); v != (notify.Verdict{Kind: notify.Taken}) {
		t.Fatalf("%+v", v)
	}
	got := r.requests()
	if len(got) != 1 || got[0].Method != http.MethodPost || got[0].URL.String() != "/hook?a=b" || string(r.body) != string(n.Body) {
		t.Fatalf("sent %v, %s", got, r.body)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/json", "User-Agent": "parley", "Webhook-Id": "cb_1", "Traceparent": n.Traceparent,
	} {
		if said := got[0].Header.Get(name); said != want {
			t.Errorf("%s: %q, want %q", name, said, want)
		}
	}
	for _, s := range []account.CallbackSecret{rotated.Secrets[0], old} { // whoever has either takes it
		w, err := standardwebhooks.NewWebhook(s.Text())
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Verify(r.body, got[0].Header); err != nil {
			t.Errorf("the reference library: %v", err)
		}
	}
}

func TestWhatAnAnswerMeans(t *testing.T) {
	t.Parallel()
	in90s := time.Now().Add(90 * time.Second).UTC().Format(http.TimeFormat)
	tests := []struct {
		name       string
		status     int
		retryAfter string
		want       notify.Verdict // its RetryAfter is the least
	}{
		{"200", 200, "", notify.Verdict{Kind: notify.Taken}},
		{"202", 202, "60", notify.Verdict{Kind: notify.Taken}},
		{"299", 299, "", notify.Verdict{Kind: notify.Taken}},
		{"301", 301, "", notify.Verdict{Kind: notify.Again, Code: "TargetNotTaking", Message: "the receiver has answered 301 Moved Permanently"}},
		{"307", 307, "", notify.Verdict{Kind: notify.Again, Code: "TargetNotTaking", Message: "the receiver has answered 307 Temporary Redirect"}},
		{"400", 400, "", notify.Verdict{Kind: notify.Again, Code: "TargetNotTaking", Message: "the receiver has answered 400 Bad Request"}},
		{"404", 404, "", notify.Verdict{Kind: notify.Again, Code: "TargetNotTaking", Message: "the receiver has answered 404 Not Found"}},
		{"410", 410, "", notify.Verdict{Kind: notify.Refused, Code: "TargetGone", Message: "it has answered 410 Gone: parley webhooks enable has it called again"}},
		{"429", 429, "7", notify.Verdict{Kind: notify.Again, RetryAfter: 7 * time.Second, Code: "TargetNotTaking", Message: "the receiver has answered 429 Too Many Requests"}},
		{"503 with a date", 503, in90s, notify.Verdict{Kind: notify.Again, RetryAfter: 60 * time.Second, Code: "TargetNotTaking", Message: "the receiver has answered 503 Service Unavailable"}},
		{"503 with a date that has passed", 503, "Sun, 06 Nov 1994 08:49:37 GMT", notify.Verdict{Kind: notify.Again, Code: "TargetNotTaking", Message: "the receiver has answered 503 Service Unavailable"}},
		{"503 with what is neither", 503, "soon", notify.Verdict{Kind: notify.Again, Code: "TargetNotTaking", Message: "the receiver has answered 503 Service Unavailable"}},
		{"503 for ages", 503, "999999999", notify.Verdict{Kind: notify.Again, RetryAfter: 24 * time.Hour, Code: "TargetNotTaking", Message: "the receiver has answered 503 Service Unavailable"}},
		{"503 for less than nothing", 503, "-5", notify.Verdict{Kind: notify.Again, Code: "TargetNotTaking", Message: "the receiver has answered 503 Service Unavailable"}},
		{"a status that is none", 799, "", notify.Verdict{Kind: notify.Again, Code: "TargetNotTaking", Message: "the receiver has answered 799 "}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := startReceiver(t, func(w http.ResponseWriter, _ *http.Request) {
				if tt.retryAfter != "" {
					w.Header().Set("Retry-After", tt.retryAfter)
				}
				w.Header().Set("Location", "https://127.0.0.1:1/")
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, "hunter2") // a body may not be allowed; nobody reads it
			})
			got := r.sender(t, agree()).Send(t.Context(), notification(r.URL))
			least := tt.want.RetryAfter
			if got.RetryAfter < least || got.RetryAfter > least+31*time.Second {
				t.Errorf("again after %s, want %s", got.RetryAfter, least)
			}
			got.RetryAfter = least
			if got != tt.want {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
			if n := len(r.requests()); n != 1 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

// A target that is gone is left alone, of this account and at this address, until it is enabled.
func TestATargetThatIsGone(t *testing.T) {
	t.Parallel()
	r := startReceiver(t, func(w http.ResponseWriter, request *http.Request) {
		if request.URL.Path == "/gone" {
			w.WriteHeader(http.StatusGone)
		}
	})
	a := agree()
	s := r.sender(t, a)
	a.away = errors.New("Kafka is away")
	a.secrets.Account = "acme"
	if v := s.Send(t.Context(), notification(r.URL+"/gone")); v.Kind != notify.Again || v.Code != "QueueUnavailable" || len(r.requests()) != 0 {
		t.Errorf("without a secret %+v after %d requests", v, len(r.requests()))
	}
	a.away = nil
	if v := s.Send(t.Context(), notification(r.URL+"/gone")); v.Kind != notify.Refused || v.Code != "TargetGone" {
		t.Errorf("%+v", v)
	}
	v := s.Send(t.Context(), notification(r.URL+"/gone"))
	if v.Kind != notify.Refused || v.Code != "TargetDisabled" || !strings.Contains(v.Message, "410 Gone at 20") {
		t.Errorf("%+v", v)
	}
	if v := s.Send(t.Context(), notification(r.URL+"/here")); v.Kind != notify.Taken {
		t.Errorf("another address of the receiver: %+v", v)
	}
	if n := len(r.requests()); n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
}

// goneUnwritten cannot keep that a target is gone.
type goneUnwritten struct{ *agreed }

func (goneUnwritten) DisableTarget(context.Context, account.DisabledTarget) error {
	return errors.New("Kafka is away")
}

func TestATargetThatIsGoneWhileKafkaIsAway(t *testing.T) {
	t.Parallel()
	r := startReceiver(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) })
	allow, err := egress.ParseNetworks([]string{"127.0.0.1/32"})
	if err != nil {
		t.Fatal(err)
	}
	s := httppost.New(httppost.Config{Accounts: goneUnwritten{agree()}, Egress: egress.TransportConfig{
		Guard: egress.New(allow), TLS: &tls.Config{RootCAs: r.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs},
	}})
	t.Cleanup(s.Close)
	if v := s.Send(t.Context(), notification(r.URL)); v.Kind != notify.Again || v.Code != "QueueUnavailable" {
		t.Errorf("%+v", v)
	}
}

// By default nothing that is not public is reached, and what the URL tells is final; what DNS tells is not.
func TestWhatMustNotBeReached(t *testing.T) {
	t.Parallel()
	r := startReceiver(t, func(http.ResponseWriter, *http.Request) {})
	s := httppost.New(httppost.Config{Accounts: agree()})
	t.Cleanup(s.Close)
	for address, want := range map[string]notify.Kind{
		r.URL:                           notify.Refused,
		"https://127.0.0.1/":            notify.Refused,
		"https://[::ffff:127.0.0.1]/":   notify.Refused,
		"https://169.254.169.254/":      notify.Refused,
		"http://hook.example/":          notify.Refused,
		"https://2130706433/":           notify.Refused,
		"https://user:hunter2@1.2.3.4/": notify.Refused,
		"https://localhost/":            notify.Again,
	} {
		v := s.Send(t.Context(), notification(address))
		if v.Kind != want || v.Code != "TargetForbidden" || v.Message == "" || strings.Contains(v.Message, "hunter2") {
			t.Errorf("%s: %+v, want it %s", address, v, want)
		}
	}
	if n := len(r.requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// A receiver that does not answer costs the time of the attempt; one that goes on for ever costs no more than it.
func TestReceiversThatDoNotAnswer(t *testing.T) {
	t.Parallel()
	released := make(chan struct{})
	r := startReceiver(t, func(w http.ResponseWriter, request *http.Request) {
		switch request.URL.Path {
		case "/silent":
			<-released
		case "/drips":
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush() // the sender may be gone
			<-released
		case "/endless":
			for {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		case "/breaks":
			panic(http.ErrAbortHandler)
		}
	})
	t.Cleanup(func() { close(released) })
	s := r.sender(t, agree())
	within := func(d time.Duration, path string) notify.Verdict {
		ctx, cancel := context.WithTimeout(t.Context(), d)
		defer cancel()
		return s.Send(ctx, notification(r.URL+path))
	}
	if v := within(100*time.Millisecond, "/silent"); v != (notify.Verdict{Kind: notify.Again, Code: "TargetUnanswered", Message: "no answer in time"}) {
		t.Errorf("/silent: %+v", v)
	}
	taken := notify.Verdict{Kind: notify.Taken}
	d := 100 * time.Millisecond
	for within(d, "/drips") != taken { // it says so at once, which may take a while on a busy machine
		if d *= 2; d > time.Minute {
			t.Fatal("/drips: not taken")
		}
	}
	if v := s.Send(t.Context(), notification(r.URL+"/endless")); v != taken {
		t.Errorf("/endless: %+v", v)
	}
	if v := s.Send(t.Context(), notification(r.URL+"/breaks")); v.Kind != notify.Again || v.Code != "TargetUnanswered" {
		t.Errorf("a connection that breaks: %+v", v)
	}
}

// Nobody there, a certificate of somebody else: what is said of it shows nothing of the path.
func TestReceiversThatCannotBeReached(t *testing.T) {
	t.Parallel()
	r := startReceiver(t, func(http.ResponseWriter, *http.Request) {})
	closed, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	allow, err := egress.ParseNetworks([]string{"127.0.0.1/32"})
	if err != nil {
		t.Fatal(err)
	}
	distrustful := httppost.New(httppost.Config{Accounts: agree(), Egress: egress.TransportConfig{Guard: egress.New(allow)}})
	t.Cleanup(distrustful.Close)
	for address, want := range map[string]string{
		"http://" + closed.Addr().String() + "/hunter2": "connection refused",
		r.URL + "/hunter2": "unknown authority",
	} {
		v := distrustful.Send(t.Context(), notification(address))
		if v.Kind != notify.Again || v.Code != "TargetUnanswered" || !strings.Contains(v.Message, want) || strings.Contains(v.Message, "hunter2") {
			t.Errorf("%s: %+v, want %q", address, v, want)
		}
	}
}
