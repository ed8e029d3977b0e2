package kafka

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"parley/internal/certs"
	"parley/internal/secret"
	"parley/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func broker(t *testing.T, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	k, err := kfake.NewCluster(append(opts, kfake.NumBrokers(1))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	return k
}

func cluster(t *testing.T, cfg Config, k *kfake.Cluster) *Cluster {
	t.Helper()
	cfg.Brokers = k.ListenAddrs()
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func client(t *testing.T, c *Cluster, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append(c.Options("test"), opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

func file(t *testing.T, name, text string) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	write(t, name, text)
	return name
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// site is a broker that speaks TLS, and the files of a client that it believes.
func site(t *testing.T, auth tls.ClientAuthType, opts ...kfake.Opt) (*kfake.Cluster, certs.ClientFiles) {
	t.Helper()
	a, err := testkit.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	f, err := a.Issue(t.TempDir(), "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	config, err := a.Server(f, auth)
	if err != nil {
		t.Fatal(err)
	}
	k := broker(t, append(opts, kfake.TLS(config))...)
	return k, certs.ClientFiles{CA: f.Authority, Cert: f.Cert, Key: f.Key}
}

// Every way in lets a record in.
func TestWaysIn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		mechanism string // of kfake
		sasl      SASL
		tls       bool
	}{
		{"in clear", "", SASL{}, false},
		{"TLS with certificates of both", "", SASL{}, true},
		{"PLAIN", "PLAIN", SASL{Mechanism: Plain, User: "u", Password: secret.Text{Value: "p"}}, false},
		{"SCRAM-SHA-256", "SCRAM-SHA-256", SASL{Mechanism: ScramSHA256, User: "u", Password: secret.Text{Value: "p"}}, false},
		{"SCRAM-SHA-512 over TLS", "SCRAM-SHA-512", SASL{Mechanism: ScramSHA512, User: "u", Password: secret.Text{File: "set below"}}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			opts := []kfake.Opt{kfake.SeedTopics(1, "t")}
			if c.mechanism != "" {
				opts = append(opts, kfake.EnableSASL(), kfake.Superuser(c.mechanism, "u", "p"))
			}
			cfg := Config{SASL: c.sasl}
			if c.sasl.Password.File != "" {
				cfg.SASL.Password.File = file(t, "password", "p\n")
			}
			var k *kfake.Cluster
			if c.tls {
				k, cfg.Files = site(t, tls.RequireAndVerifyClientCert, opts...)
			} else {
				k = broker(t, opts...)
			}
			in := cluster(t, cfg, k)
			if err := in.Reach(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := client(t, in).ProduceSync(t.Context(), &kgo.Record{Topic: "t", Value: []byte("v")}).FirstErr(); err != nil {
				t.Error(err)
			}
		})
	}
}

// answering has a broker answer to what authenticates: an error, or whatever it makes of the bytes.
func answering(k *kfake.Cluster, handshake *kerr.Error, authenticate func(sent []byte) (*kerr.Error, []byte)) {
	k.ControlKey(int16(kmsg.SASLHandshake), func(r kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		resp := r.ResponseKind().(*kmsg.SASLHandshakeResponse)
		if handshake != nil {
			resp.ErrorCode = handshake.Code
		}
		return resp, nil, true
	})
	k.ControlKey(int16(kmsg.SASLAuthenticate), func(r kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		resp := r.ResponseKind().(*kmsg.SASLAuthenticateResponse)
		err, said := authenticate(r.(*kmsg.SASLAuthenticateRequest).SASLAuthBytes)
		if err != nil {
			resp.ErrorCode, resp.ErrorMessage = err.Code, kmsg.StringPtr("Authentication failed")
		}
		resp.SASLAuthBytes = said
		return resp, nil, true
	})
}

// Whoever is not let in is told why, and what to look at, at once.
func TestRefused(t *testing.T) {
	t.Parallel()
	user := SASL{Mechanism: Plain, User: "parley", Password: secret.Text{Value: "hidden"}}
	failing := func(e *kerr.Error) func(*testing.T) (*kfake.Cluster, Config) {
		return func(t *testing.T) (*kfake.Cluster, Config) {
			t.Helper()
			k := broker(t)
			answering(k, nil, func([]byte) (*kerr.Error, []byte) { return e, nil })
			return k, Config{SASL: user}
		}
	}
	for _, c := range []struct {
		name string
		make func(*testing.T) (*kfake.Cluster, Config)
		want []string
	}{
		{"a wrong password", failing(kerr.SaslAuthenticationFailed), []string{"refused parley", "Authentication failed", "PARLEY_KAFKA_USER", "PARLEY_KAFKA_PASSWORD"}},
		{"a wrong password, without a word", func(t *testing.T) (*kfake.Cluster, Config) {
			return broker(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", "parley", "another")), Config{SASL: user}
		}, []string{"closed the connection while parley was authenticated", "PARLEY_KAFKA_USER"}},
		{"a password in a file that is not there", func(t *testing.T) (*kfake.Cluster, Config) {
			return broker(t), Config{SASL: SASL{Mechanism: ScramSHA256, User: "parley", Password: secret.Text{File: filepath.Join(t.TempDir(), "password")}}}
		}, []string{"read secret from", "no such file"}},
		{"a password in a file that is empty", func(t *testing.T) (*kfake.Cluster, Config) {
			return broker(t), Config{SASL: SASL{Mechanism: ScramSHA512, User: "parley", Password: secret.Text{File: file(t, "password", "\n")}}}
		}, []string{"read secret from", "it is empty"}},
		{"another mechanism", func(t *testing.T) (*kfake.Cluster, Config) {
			k := broker(t)
			answering(k, kerr.UnsupportedSaslMechanism, nil)
			return k, Config{SASL: user}
		}, []string{"does not know PLAIN", "PARLEY_KAFKA_SASL"}},
		{"a listener without SASL", func(t *testing.T) (*kfake.Cluster, Config) {
			k := broker(t)
			answering(k, kerr.IllegalSaslState, nil)
			return k, Config{SASL: user}
		}, []string{"wants no credentials", "PARLEY_KAFKA_SASL"}},
		{"no credentials", func(t *testing.T) (*kfake.Cluster, Config) {
			return broker(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", "parley", "another")), Config{}
		}, []string{"closed the connection at the first request", "PARLEY_KAFKA_SASL"}},
		{"an authority that is not believed", func(t *testing.T) (*kfake.Cluster, Config) {
			k, _ := site(t, tls.NoClientCert)
			_, other := site(t, tls.NoClientCert)
			return k, Config{Files: certs.ClientFiles{CA: other.CA}}
		}, []string{"has a certificate that is not believed", "PARLEY_KAFKA_CA"}},
		{"no certificate where one is wanted", func(t *testing.T) (*kfake.Cluster, Config) {
			k, f := site(t, tls.RequireAndVerifyClientCert)
			return k, Config{Files: certs.ClientFiles{CA: f.CA}}
		}, []string{"does not take our certificate", "certificate required", "PARLEY_KAFKA_CERT"}},
		{"a certificate of another authority", func(t *testing.T) (*kfake.Cluster, Config) {
			k, f := site(t, tls.RequireAndVerifyClientCert)
			_, other := site(t, tls.NoClientCert)
			return k, Config{Files: certs.ClientFiles{CA: f.CA, Cert: other.Cert, Key: other.Key}}
		}, []string{"does not take our certificate", "PARLEY_KAFKA_CERT"}},
		{"in clear to TLS", func(t *testing.T) (*kfake.Cluster, Config) {
			k, _ := site(t, tls.NoClientCert)
			return k, Config{}
		}, []string{"PARLEY_KAFKA_TLS"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k, cfg := c.make(t)
			err := cluster(t, cfg, k).Reach(t.Context())
			refused, ok := errors.AsType[*RefusedError](err)
			if !ok {
				t.Fatalf("error %v", err)
			}
			for _, want := range append(c.want, "Kafka at "+k.ListenAddrs()[0]) {
				if !strings.Contains(refused.Error(), want) {
					t.Errorf("%q is not in: %s", want, refused)
				}
			}
			if strings.Contains(refused.Error(), "hidden") {
				t.Errorf("the password is in: %s", refused)
			}
		})
	}
}

// A listener that does not speak TLS answers in clear, or ends the connection, as Kafka does.
func TestNoTLS(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]string{"": "closed the connection where TLS begins", "HTTP/1.1 400": "does not speak TLS"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		var ended sync.WaitGroup
		ended.Go(func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = io.CopyN(io.Discard, c, 5)
				_, _ = io.WriteString(c, answer)
				_ = c.(*net.TCPConn).CloseWrite()
				_, _ = io.Copy(io.Discard, c)
				_ = c.Close()
			}
		})
		c, err := New(Config{Brokers: []string{l.Addr().String()}, TLS: true, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Reach(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		ended.Wait()
	}
}

// A broker that is not there is waited for, and what was met is told.
func TestNobodyThere(t *testing.T) {
	t.Parallel()
	c, err := New(Config{Brokers: []string{"127.0.0.1:1"}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err = c.Reach(ctx)
	if _, refused := errors.AsType[*RefusedError](err); refused || err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("error %v", err)
	}
}

// logs takes what is logged while it is read.
type logs struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logs) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), text)
}

// until waits for a condition.
func until(t *testing.T, what string, met func() bool) {
	t.Helper()
	for deadline := time.Now().Add(testkit.Patience); !met(); {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		select {
		case <-t.Context().Done():
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// A password that is changed while a client runs is said, and the client goes on when the file has it.
func TestPasswordChanged(t *testing.T) {
	t.Parallel()
	k := broker(t, kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-256", "admin", "admin"), kfake.Superuser("SCRAM-SHA-512", "u", "first"))
	said := new(logs)
	password := file(t, "password", "first")
	c := cluster(t, Config{
		SASL: SASL{Mechanism: ScramSHA512, User: "u", Password: secret.Text{File: password}},
		Log:  slog.New(slog.NewTextHandler(said, nil)),
	}, k)
	cl := client(t, c)
	if err := cl.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	admin := kadm.NewClient(client(t, cluster(t, Config{SASL: SASL{Mechanism: ScramSHA256, User: "admin", Password: secret.Text{Value: "admin"}}}, k)))
	if _, err := admin.AlterUserSCRAMs(t.Context(), nil, []kadm.UpsertSCRAM{{User: "u", Mechanism: kadm.ScramSha512, Iterations: 4096, Password: "second"}}); err != nil {
		t.Fatal(err)
	}
	k.ControlKey(int16(kmsg.Metadata), func(kmsg.Request) (kmsg.Response, error, bool) {
		return nil, errors.New("the connection ends"), true
	})
	until(t, "refused", func() bool { return cl.Ping(t.Context()) != nil && said.has("Kafka does not let us in") })
	write(t, password, "second")
	until(t, "let in", func() bool { return cl.Ping(t.Context()) == nil })
	until(t, "said", func() bool { return said.has("Kafka lets us in again") })
}

// identity gives tokens, numbered, for a secret.
type identity struct {
	*httptest.Server

	mu     sync.Mutex
	secret string
	given  int
	life   int // seconds
	scope  string
}

func newIdentity(t *testing.T) *identity {
	t.Helper()
	id := &identity{secret: "s3cret", life: 3600}
	id.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id.mu.Lock()
		defer id.mu.Unlock()
		user, shown, _ := r.BasicAuth()
		w.Header().Set("Content-Type", "application/json")
		if user != "parley" || shown != id.secret || r.PostFormValue("grant_type") != "client_credentials" {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"error":"invalid_client","error_description":"who are you"}`))
			return
		}
		id.given++
		id.scope = r.PostFormValue("scope")
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": fmt.Sprintf("token-%d", id.given), "token_type": "bearer", "expires_in": id.life})
	}))
	t.Cleanup(id.Close)
	return id
}

func (id *identity) count() int {
	id.mu.Lock()
	defer id.mu.Unlock()
	return id.given
}

// Connections share a token. A broker that does not take it, or who gives it, is understood.
func TestOAuth(t *testing.T) {
	t.Parallel()
	id := newIdentity(t)
	kept := file(t, "secret", "s3cret\n")
	cfg := Config{SASL: SASL{Mechanism: OAuthBearer, OAuth: OAuth{TokenURL: id.URL, ClientID: "parley", Secret: secret.Text{File: kept}, Scope: "kafka more"}}}
	k := broker(t)
	answering(k, nil, func(sent []byte) (*kerr.Error, []byte) {
		if string(sent) != "n,,\x01auth=Bearer token-1\x01\x01" {
			return nil, []byte(`{"status":"invalid_token"}`)
		}
		return nil, nil
	})
	c := cluster(t, cfg, k)
	for range 3 {
		if err := c.Reach(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if id.count() != 1 || id.scope != "kafka more" {
		t.Errorf("%d tokens, of scope %q", id.count(), id.scope)
	}
	refusal := func(want ...string) {
		t.Helper()
		err := cluster(t, cfg, k).Reach(t.Context())
		for _, w := range want {
			if _, ok := errors.AsType[*RefusedError](err); !ok || !strings.Contains(err.Error(), w) {
				t.Errorf("error %v, want %s", err, w)
			}
		}
	}
	refusal("refused parley", `{"status":"invalid_token"}`, "PARLEY_KAFKA_OAUTH_SCOPE") // it gets token-2
	write(t, kept, "another")
	refusal("no token from "+id.URL, "invalid_client who are you (401 Unauthorized)", "PARLEY_KAFKA_OAUTH_CLIENT_ID")
	if err := os.Remove(kept); err != nil {
		t.Fatal(err)
	}
	refusal("read secret from " + kept)
}

// What a start may meet before it is there is waited for, and said meanwhile: the token server, and a SCRAM user, whom brokers
// learn of after a while. Who never comes is named when the wait ends.
func TestWhatIsNotThereYet(t *testing.T) {
	t.Parallel()
	scram := SASL{Mechanism: ScramSHA512, User: "parley", Password: secret.Text{Value: "hidden"}}
	for name, tt := range map[string]struct {
		come func(t *testing.T) (k *kfake.Cluster, cfg SASL, come func())
		want string
	}{
		"a token server": {func(t *testing.T) (*kfake.Cluster, SASL, func()) {
			t.Helper()
			k, id := broker(t), newIdentity(t)
			answering(k, nil, func([]byte) (*kerr.Error, []byte) { return nil, nil })
			var there atomic.Bool
			door := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !there.Load() {
					w.WriteHeader(http.StatusServiceUnavailable)
					return
				}
				id.Config.Handler.ServeHTTP(w, r)
			}))
			t.Cleanup(door.Close)
			cfg := SASL{Mechanism: OAuthBearer, OAuth: OAuth{TokenURL: door.URL, ClientID: "parley", Secret: secret.Text{Value: "s3cret"}}}
			return k, cfg, func() { there.Store(true) }
		}, "no token from"},
		"a SCRAM user": {func(t *testing.T) (*kfake.Cluster, SASL, func()) {
			t.Helper()
			k := broker(t, kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-512", "parley", "hidden"))
			var there atomic.Bool
			k.ControlKey(int16(kmsg.SASLAuthenticate), func(r kmsg.Request) (kmsg.Response, error, bool) {
				k.KeepControl()
				if there.Load() {
					return nil, nil, false
				}
				resp := r.ResponseKind().(*kmsg.SASLAuthenticateResponse)
				resp.ErrorCode, resp.ErrorMessage = kerr.SaslAuthenticationFailed.Code, kmsg.StringPtr("Authentication failed")
				return resp, nil, true
			})
			return k, scram, func() { there.Store(true) }
		}, "refused parley"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k, sasl, come := tt.come(t)
			reach := func(ctx context.Context) <-chan error {
				said := new(logs)
				c := cluster(t, Config{SASL: sasl, Log: slog.New(slog.NewTextHandler(said, nil))}, k)
				reached := make(chan error, 1)
				go func() { reached <- c.Reach(ctx) }()
				until(t, "it is said", func() bool { return said.has("Kafka does not let us in") })
				return reached
			}
			never, cancel := context.WithCancel(t.Context())
			reached := reach(never)
			cancel()
			err := <-reached
			if _, ok := errors.AsType[*RefusedError](err); !ok || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q when the wait is over", err, tt.want)
			}
			reached = reach(t.Context())
			come()
			if err := <-reached; err != nil {
				t.Error(err)
			}
		})
	}
}

// A token is renewed before it expires, used as long as it holds when there is no other, and dropped when it is refused.
func TestTokens(t *testing.T) {
	t.Parallel()
	id := newIdentity(t)
	tokens := newTokens(OAuth{TokenURL: id.URL, ClientID: "parley", Secret: secret.Text{Value: "s3cret"}})
	get := func(want string) {
		t.Helper()
		if got, err := tokens.token(t.Context()); got != want || err != nil {
			t.Errorf("token %q, %v; want %s", got, err, want)
		}
	}
	get("token-1")
	get("token-1")
	age := func(by time.Duration) { // as if it had been fetched then, for an hour
		tokens.fetched = time.Now().Add(-by)
		tokens.held.Expiry = tokens.fetched.Add(time.Hour)
	}
	age(47 * time.Minute)
	get("token-1")
	age(49 * time.Minute)
	get("token-2")
	id.mu.Lock()
	id.secret = "another"
	id.mu.Unlock()
	age(49 * time.Minute)
	get("token-2")
	age(61 * time.Minute)
	if got, err := tokens.token(t.Context()); err == nil {
		t.Errorf("%q has expired", got)
	}
	id.mu.Lock()
	id.secret = "s3cret"
	id.mu.Unlock()
	get("token-3")
	tokens.refused()
	get("token-3") // it is new: whoever refuses it refuses the next, too
	age(time.Minute)
	tokens.refused()
	get("token-4")
}
