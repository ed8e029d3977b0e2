package node

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
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

// receiver takes callbacks, and forgets or refuses those that it loses, in turn.
type receiver struct {
	*httptest.Server

	mu      sync.Mutex
	secrets []webhook.Secret
	loses   func() bool
	// kept are by sequence.
	kept map[string]told
	last told
	// seen are the request ids of those that came, by sequence.
	seen               map[string]string
	forgotten, refused int
}

func startReceiver(t testing.TB) *receiver {
	r := &receiver{loses: func() bool { return false }, kept: make(map[string]told), seen: make(map[string]string)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return // it comes again
		}
		taken, err := r.take(request.Header, body)
		switch {
		case err != nil:
			t.Error(err)
		case taken:
			w.WriteHeader(http.StatusNoContent)
		default:
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) take(h http.Header, body []byte) (taken bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := webhook.Verify(h, body, time.Now(), r.secrets...); err != nil {
		return false, fmt.Errorf("callback %s: %w", body, err)
	}
	var c told
	if err := json.Unmarshal(body, &c); err != nil {
		return false, fmt.Errorf("callback %s: %w", body, err)
	}
	r.seen[c.Sequence] = c.Call.RequestID
	switch {
	case !r.loses():
		r.kept[c.Sequence], r.last = c, c
		return true, nil
	case r.forgotten <= r.refused:
		r.forgotten++
		return true, nil
	}
	r.refused++
	return false, nil
}

// came are the request ids of the callbacks that came, by sequence.
func (r *receiver) came() map[string]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.seen)
}

// call is one whose end the receiver is to be told of.
func (r *receiver) call(conversation string) string {
	return fmt.Sprintf(`{"method":"Create","objects":[{"type":"Now"}],"options":{"conversationId":%q,"sequenceCode":1,"callsInConversation":1,`+
		`"sendResponseTo":[{"responseType":"HTTPPost","responseAddress":%q,"respondWhen":"OnCallComplete"}]}}`, conversation, r.URL)
}

// Whoever has lost callbacks finds what they told behind the cursor of one before, and knows by the sequence what it has: in the
// end it has each result once. It meets none twice in the partitions of which the cursor knows where they stand, which are all
// those of the node that told.
func TestLostCallbacksAreCaughtUp(t *testing.T) {
	t.Parallel()
	for _, nodes := range []int{1, 4} {
		t.Run(fmt.Sprint(nodes, " nodes"), func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			dsn := recordtest.DSN(t)
			var all []*running
			for i := range nodes {
				all = append(all, s.start(string(rune('a'+i)), Roles{Ingest: true, Processor: true, Results: i == 0}, func(cfg *Config) {
					cfg.ClickHouseDSN = dsn
					cfg.CallbackAllow = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
				}))
			}
			for _, n := range all {
				n.owns(8 / nodes)
			}
			all[0].loseAndCatchUp()
		})
	}
}

func (n *running) loseAndCatchUp() {
	t := n.t
	const before, after = 12, 60
	r := startReceiver(t)
	r.secrets = n.webhookSecrets()
	for i := range before {
		at := n.call(r, fmt.Sprint("before-", i)).header.Get("Location")
		n.eventually("its callback is taken", func() bool {
			return strings.Contains(n.get(at).body, `"status":"Delivered"`)
		})
	}
	r.mu.Lock()
	checkpoint := r.last.Cursor
	dice := rand.New(rand.NewPCG(1, 2))
	r.loses = func() bool { return dice.IntN(3) == 0 }
	r.mu.Unlock()
	had := r.came()
	sent := make(map[string]bool)
	for i := range after {
		var acknowledged struct{ RequestID string }
		if err := json.Unmarshal([]byte(n.call(r, fmt.Sprint("after-", i)).body), &acknowledged); err != nil {
			t.Fatal(err)
		}
		sent[acknowledged.RequestID] = true
	}
	n.eventually("the callbacks come", func() bool { return len(r.came()) == before+after })

	pulled := make(map[string]string) // request ids by sequence
	place, err := schemas.ParseCursor(checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	for cursor, missing := checkpoint, after; missing > 0; {
		var page map[string]string
		n.eventually("more results are recorded", func() bool {
			page, cursor = n.pull(cursor)
			return len(page) > 0
		})
		for sequence, id := range page {
			if pulled[sequence] != "" {
				t.Errorf("the result %s comes twice", sequence)
			}
			pulled[sequence] = id
			var partition int32
			if _, err := fmt.Sscanf(sequence, "%d-", &partition); err != nil {
				t.Fatal(err)
			}
			switch {
			case sent[id]:
				missing--
			case had[sequence] != id:
				t.Errorf("the result %s is of %s, of which nobody knows", sequence, id)
			case place.Sequence(partition) != schemas.Unplaced:
				t.Errorf("the result %s was told before the cursor", sequence)
			}
		}
	}
	for sequence, id := range r.came() {
		if got, ok := pulled[sequence]; ok && got != id || !ok && had[sequence] != id {
			t.Errorf("the callback %s is of %s, the result of %q", sequence, id, got)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.forgotten == 0 || r.refused == 0 || len(r.kept) < before {
		t.Errorf("%d callbacks were forgotten, %d refused, %d kept", r.forgotten, r.refused, len(r.kept))
	}
	for sequence, id := range pulled {
		if c, ok := r.kept[sequence]; ok && c.Call.RequestID != id {
			t.Errorf("%s is of %s by callback, of %s by pull", sequence, c.Call.RequestID, id)
		}
	}
}

// One end has the same sequence wherever it is met.
func TestOneSequence(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	n := s.start("a", Roles{Ingest: true, Processor: true, Results: true}, func(cfg *Config) {
		cfg.ClickHouseDSN = recordtest.DSN(t)
		cfg.CallbackAllow = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	})
	n.owns(8)
	r := startReceiver(t)
	r.secrets = n.webhookSecrets()
	var subscriber struct{ SubscriberID int }
	n.decode(n.once(http.MethodPost, "/v1/subscribers", `{"name":"reader","transactionTypes":["call.completed"]}`), &subscriber)
	at := n.call(r, "order").header.Get("Location")
	n.eventually("its callback comes", func() bool { return len(r.came()) == 1 })
	r.mu.Lock()
	want := r.last.Sequence
	r.mu.Unlock()

	var polled told
	n.decode(n.get(at), &polled)
	var partition, sequence int
	if _, err := fmt.Sscanf(want, "%d-%d", &partition, &sequence); err != nil {
		t.Fatal(err)
	}
	if polled.Sequence != want {
		t.Errorf("polled: %s, want %s", polled.Sequence, want)
	}
	if watched := n.once(http.MethodGet, at, "", "Accept", "text/event-stream"); !strings.Contains(watched.body, fmt.Sprintf(`"sequence":%q`, want)) {
		t.Errorf("watched: %s, want %s", watched.body, want)
	}
	var block struct{ Transactions []told }
	n.eventually("it is in the queue", func() bool {
		n.decode(n.once(http.MethodPost, fmt.Sprintf("/v1/subscribers/%d/dequeue", subscriber.SubscriberID), `{"blockCount":9,"transactionId":0}`), &block)
		return len(block.Transactions) > 0
	})
	if got := block.Transactions[0].Sequence; got != want {
		t.Errorf("dequeued: %s, want %s", got, want)
	}
	var page map[string]string
	n.eventually("it is recorded", func() bool {
		page, _ = n.pull("")
		return len(page) > 0
	})
	if page[want] == "" {
		t.Errorf("listed: %v, want %s", page, want)
	}
	if extract := n.get("/v1/extracts?format=csv&columns=partition,sequence").body; extract != fmt.Sprintf("partition,sequence\r\n%d,%d\r\n", partition, sequence) {
		t.Errorf("extracted: %q, want %s", extract, want)
	}
}

// decode reads a member of an answer that is a good one.
func (n *running) decode(a said, into any) {
	n.t.Helper()
	if err := json.Unmarshal([]byte(a.body), into); err != nil || a.code/100 != 2 {
		n.t.Fatalf("%d %s, %v", a.code, a.body, err)
	}
}

// call sends a call whose end a receiver is to be told of.
func (n *running) call(r *receiver, conversation string) said {
	n.t.Helper()
	a := n.do(http.MethodPost, "/v1/calls", r.call(conversation))
	n.want("call", a, 202, "Queued")
	return a
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

// pull is a page of results behind a cursor, request ids by sequence, and where it ends.
func (n *running) pull(cursor string) (found map[string]string, next string) {
	n.t.Helper()
	var page struct {
		Results []struct{ RequestID, Sequence string }
		Cursor  string
	}
	n.decode(n.get("/v1/results?limit=7&after="+url.QueryEscape(cursor)), &page)
	found = make(map[string]string)
	for _, r := range page.Results {
		if found[r.Sequence] != "" {
			n.t.Errorf("the result %s comes twice", r.Sequence)
		}
		found[r.Sequence] = r.RequestID
	}
	return found, page.Cursor
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
