package node

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"sync"
	"testing"
	"time"

	"parley/internal/mail/mailtest"
	"parley/internal/webhook"
	"parley/results/recordtest"
	"parley/schemas"
)

// told is a callback, as far as the tests look at it.
type told struct {
	Type, Sequence, Cursor string
	Call                   struct{ RequestID, Status string }
}

// receiver takes callbacks, and forgets those that it loses.
type receiver struct {
	*httptest.Server

	mu      sync.Mutex
	secrets []webhook.Secret
	loses   func() bool
	// kept are by sequence.
	kept map[string]told
	last told
	lost int
}

func startReceiver(t testing.TB) *receiver {
	r := &receiver{loses: func() bool { return false }, kept: make(map[string]told)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return // it comes again
		}
		if err := r.take(request.Header, body); err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) take(h http.Header, body []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := webhook.Verify(h, body, time.Now(), r.secrets...); err != nil {
		return fmt.Errorf("callback %s: %w", body, err)
	}
	var c told
	if err := json.Unmarshal(body, &c); err != nil {
		return fmt.Errorf("callback %s: %w", body, err)
	}
	if r.loses() {
		r.lost++
		return nil
	}
	r.kept[c.Sequence], r.last = c, c
	return nil
}

// came is how many callbacks there were.
func (r *receiver) came() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.kept) + r.lost
}

// call is one whose end the receiver is to be told of.
func (r *receiver) call(conversation string) string {
	return fmt.Sprintf(`{"method":"Create","objects":[{"type":"Now"}],"options":{"conversationId":%q,"sequenceCode":1,"callsInConversation":1,`+
		`"sendResponseTo":[{"responseType":"HTTPPost","responseAddress":%q,"respondWhen":"OnCallComplete"}]}}`, conversation, r.URL)
}

// Whoever has lost callbacks finds what they told behind the cursor of one before, each result once, and knows by the
// sequence what it has.
func TestLostCallbacksAreCaughtUp(t *testing.T) {
	t.Parallel()
	const before, after = 5, 60
	s := newSite(t)
	n := s.start("a", Roles{Ingest: true, Processor: true, Results: true}, func(cfg *Config) {
		cfg.ClickHouseDSN = recordtest.DSN(t)
		cfg.CallbackAllow = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	})
	n.owns(8)
	r := startReceiver(t)
	r.secrets = n.webhookSecrets()
	for i := range before {
		n.want("call", n.do(http.MethodPost, "/v1/calls", r.call(fmt.Sprint("before-", i))), 202, "Queued")
		s.eventually("its callback comes", func() bool { return r.came() == i+1 })
	}
	checkpoint := r.last.Cursor

	dice := rand.New(rand.NewPCG(1, 2))
	r.mu.Lock()
	r.kept, r.loses = make(map[string]told), func() bool { return dice.IntN(3) == 0 }
	r.mu.Unlock()
	sent := make(map[string]bool)
	for i := range after {
		a := n.do(http.MethodPost, "/v1/calls", r.call(fmt.Sprint("after-", i)))
		n.want("call", a, 202, "Queued")
		var acknowledged struct{ RequestID string }
		if err := json.Unmarshal([]byte(a.body), &acknowledged); err != nil {
			t.Fatal(err)
		}
		sent[acknowledged.RequestID] = true
	}
	s.eventually("the callbacks come", func() bool { return r.came() == after })
	if r.lost == 0 || r.lost == after {
		t.Fatalf("%d of %d callbacks are lost", r.lost, after)
	}

	pulled := make(map[string]string) // request ids by sequence
	cursor := checkpoint
	s.eventually("all results are recorded", func() bool {
		cursor = n.pull(cursor, pulled)
		return len(pulled) >= after
	})
	for sequence, id := range pulled {
		if !sent[id] {
			t.Errorf("the result %s was told before the cursor, or comes twice", sequence)
		}
		delete(sent, id)
	}
	if len(sent) > 0 {
		t.Errorf("%d results are missing", len(sent))
	}
	for sequence, c := range r.kept {
		if pulled[sequence] != c.Call.RequestID {
			t.Errorf("the callback %s is of %s, the result of %s", sequence, c.Call.RequestID, pulled[sequence])
		}
	}
}

// webhookSecrets are those of the account.
func (n *running) webhookSecrets() (all []webhook.Secret) {
	n.t.Helper()
	var w schemas.WebhooksResource
	if err := json.Unmarshal([]byte(n.get("/v1/webhooks").body), &w); err != nil {
		n.t.Fatal(err)
	}
	for _, text := range w.Secrets {
		s, err := webhook.ParseSecret(text.Secret)
		if err != nil {
			n.t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

// pull adds a page of results behind a cursor to those that were found, and returns where it ends. One that was found before
// is an error.
func (n *running) pull(cursor string, found map[string]string) (next string) {
	n.t.Helper()
	var page struct {
		Results []struct{ RequestID, Sequence string }
		Cursor  string
	}
	a := n.get("/v1/results?limit=7&after=" + url.QueryEscape(cursor))
	if err := json.Unmarshal([]byte(a.body), &page); err != nil {
		n.t.Fatalf("%v: %s", err, a.body)
	}
	for _, r := range page.Results {
		if _, ok := found[r.Sequence]; ok {
			n.t.Errorf("the result %s comes twice", r.Sequence)
		}
		found[r.Sequence] = r.RequestID
	}
	return page.Cursor
}

// Who wants mail gets it, with the results.
func TestCallersAreToldByMail(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t, mailtest.Config{})
	s := newSite(t)
	n := s.start("a", Roles{Ingest: true, Processor: true}, func(cfg *Config) {
		cfg.Mail = MailConfig{URL: "smtp://" + server.Address + "?tls=none", From: "{account}@example.com", Rate: 10}
	})
	n.owns(8)
	n.want("call", n.do(http.MethodPost, "/v1/calls", `{"method":"Create","objects":[{"type":"Now"}],"options":{"sendResponseTo":`+
		`[{"responseType":"email","responseAddress":"ann@example.org","respondWhen":"OnCallComplete","includeResults":true}]}}`), 202, "Queued")
	s.eventually("the message comes", func() bool { return len(server.Taken()) == 1 })
	if got := server.Taken()[0]; got.To != "ann@example.org" || !bytes.Contains(got.Content, []byte("Results.zip")) {
		t.Errorf("to %s:\n%s", got.To, got.Content)
	}
}
