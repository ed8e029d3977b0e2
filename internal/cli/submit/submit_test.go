package submit_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"parley/internal/cli/client"
	"parley/internal/cli/submit"
	"parley/schemas"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve runs a server for the test, and returns a client of it.
func serve(t *testing.T, handle http.HandlerFunc) *client.Client {
	t.Helper()
	s := httptest.NewServer(handle)
	t.Cleanup(s.Close)
	c, err := client.New(client.Config{URL: s.URL, Account: "acme"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// received is what a server got.
type received struct {
	mu     sync.Mutex
	keys   []string
	bodies []string
}

func (r *received) note(t *testing.T, req *http.Request) (body string, n int) {
	t.Helper()
	b, err := io.ReadAll(req.Body)
	if err != nil {
		t.Error(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys, r.bodies = append(r.keys, req.Header.Get("Idempotency-Key")), append(r.bodies, string(b))
	return string(b), len(r.bodies)
}

const problemLine = `{"type":"/docs","title":"","status":%d,"detail":"so","code":"%s"}` + "\n"

// answerLines answers each line: what begins with "bad" is refused, all else accepted.
func answerLines(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.WriteHeader(http.StatusAccepted)
	for line := range strings.Lines(body) {
		if strings.HasPrefix(line, "bad") {
			fmt.Fprintf(w, problemLine, http.StatusBadRequest, schemas.InvalidBody)
			continue
		}
		fmt.Fprintf(w, `{"requestId":"id-%[1]s","receipt":"r-%[1]s","status":"Queued","conversationId":"","sequenceCode":1}`+"\n", strings.TrimSpace(line))
	}
}

func config(c *client.Client) submit.Config {
	return submit.Config{Client: c, BatchCalls: 2, Concurrency: 1, Key: "k", RetryFor: time.Minute, Keep: true}
}

func TestSend(t *testing.T) {
	t.Parallel()
	var got received
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Parley-Account") != "acme" {
			t.Errorf("account %q", r.Header.Get("Parley-Account"))
		}
		body, _ := got.note(t, r)
		answerLines(w, body)
	})
	report, err := submit.Send(t.Context(), config(c), strings.NewReader("a\nb\n\nbad1\nbad2\nc\n"))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"k-0", "k-1", "k-2"}; !slices.Equal(got.keys, want) {
		t.Errorf("keys %q, want %q", got.keys, want)
	}
	if report.Accepted != 3 || report.RejectedCount() != 2 || !slices.Equal(report.Rejected[schemas.InvalidBody].Lines, []int{4, 5}) {
		t.Errorf("report %+v", report)
	}
	if len(report.Receipts) != 3 || report.Receipts[2].RequestID != "id-c" || report.BytesRead != 17 {
		t.Errorf("report %+v", report)
	}
}

// What Parley cannot take now is sent again, the same bytes with the same key, however it said so.
func TestSendAgain(t *testing.T) {
	t.Parallel()
	for name, refuse := range map[string]func(w http.ResponseWriter){
		"503": func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprintf(w, problemLine, http.StatusServiceUnavailable, schemas.QueueUnavailable)
		},
		"a line of many": func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/x-ndjson")
			w.WriteHeader(http.StatusAccepted)
			fmt.Fprint(w, `{"requestId":"id-a","status":"Queued"}`+"\n")
			fmt.Fprintf(w, problemLine, http.StatusServiceUnavailable, schemas.QueueUnavailable)
		},
		"an answer cut short": func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/x-ndjson")
			fmt.Fprint(w, `{"requestId":"id-a","status":"Queued"}`+"\n")
		},
		"a connection cut":  func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
		"a gateway's words": func(w http.ResponseWriter) { http.Error(w, "<html>", http.StatusBadGateway) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got received
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				body, n := got.note(t, r)
				if n == 1 {
					refuse(w)
					return
				}
				answerLines(w, body)
			})
			report, err := submit.Send(t.Context(), config(c), strings.NewReader("a\nb\n"))
			if err != nil || report.Accepted != 2 {
				t.Fatalf("report %+v, error %v", report, err)
			}
			if !slices.Equal(got.keys, []string{"k-0", "k-0"}) || got.bodies[0] != got.bodies[1] {
				t.Errorf("sent %q with %q", got.bodies, got.keys)
			}
		})
	}
}

// What a limit keeps out is sent again, in its place and with the same key; what was taken is not.
func TestSendTheRest(t *testing.T) {
	t.Parallel()
	var got received
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := got.note(t, r)
		w.Header().Set("Content-Type", "application/x-ndjson")
		room := 2
		for line := range strings.Lines(body) {
			switch line = strings.TrimSpace(line); {
			case strings.HasPrefix(line, "bad"), line == "null":
				fmt.Fprintf(w, problemLine, http.StatusBadRequest, schemas.InvalidBody)
			case room == 0:
				fmt.Fprintf(w, problemLine, http.StatusTooManyRequests, schemas.RateLimited)
			default:
				room--
				fmt.Fprintf(w, `{"requestId":"id-%s","status":"Queued"}`+"\n", line)
			}
		}
	})
	cfg := config(c)
	cfg.BatchCalls, cfg.RetryFor = 10, 5*time.Second
	report, err := submit.Send(t.Context(), cfg, strings.NewReader("a\nbad\nb\nc\nd\ne\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"a\nbad\nb\nc\nd\ne\n", strings.Repeat("null\n", 3) + "c\nd\ne\n", strings.Repeat("null\n", 5) + "e\n"}
	if !slices.Equal(got.bodies, want) || !slices.Equal(got.keys, []string{"k-0", "k-0", "k-0"}) {
		t.Errorf("sent %q with %q, want %q", got.bodies, got.keys, want)
	}
	var ids []string
	for _, r := range report.Receipts {
		ids = append(ids, r.RequestID)
	}
	if want := []string{"id-a", "id-b", "id-c", "id-d", "id-e"}; !slices.Equal(ids, want) || report.RejectedCount() != 1 || !slices.Equal(report.Rejected[schemas.InvalidBody].Lines, []int{2}) {
		t.Errorf("receipts %q, report %+v", ids, report)
	}
}

func TestSendGivesUp(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	cfg := config(c)
	cfg.RetryFor = 0
	_, err := submit.Send(t.Context(), cfg, strings.NewReader("a\nb\n"))
	if err == nil || !strings.Contains(err.Error(), "lines 1 to 2: ") {
		t.Errorf("error = %v", err)
	}
	refused := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, problemLine, http.StatusForbidden, schemas.Forbidden)
	})
	_, err = submit.Send(t.Context(), config(refused), strings.NewReader("a\n")) // at once, although it may retry
	if p, ok := errors.AsType[*client.RefusedError](err); !ok || p.Code != schemas.Forbidden || p.Status != http.StatusForbidden {
		t.Errorf("error = %v", err)
	}
}

// Wait asks for a conversation as a whole, for the calls that took no part in it and for single calls by themselves,
// and comes again when it is told to.
func TestWait(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	asked := map[string]int{}
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked[r.URL.Path+r.URL.Query().Get("after")]++
		first := asked[r.URL.Path] == 1
		mu.Unlock()
		switch path := r.URL.EscapedPath() + r.URL.Query().Get("after"); path {
		case "/v1/conversations/a%2Fb":
			fmt.Fprint(w, `{"conversationId":"a/b","status":"Error","calls":[{"requestId":"1","status":"OK"}],"next":1}`)
		case "/v1/conversations/a%2Fb1":
			fmt.Fprint(w, `{"conversationId":"a/b","status":"Error","calls":[{"requestId":"2","status":"NotProcessed","errorCode":"PartTimeout"},{"requestId":"elsewhere","status":"OK"}]}`)
		case "/v1/requests/3":
			if r.URL.Query().Get("receipt") != "r3" {
				t.Errorf("receipt %q", r.URL.Query().Get("receipt"))
			}
			fmt.Fprint(w, `{"requestId":"3","status":"Rejected","errorCode":"ConversationIdUsed"}`)
		case "/v1/requests/4":
			if first {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			fmt.Fprint(w, `{"requestId":"4","status":"OK"}`)
		default:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprintf(w, problemLine, http.StatusNotFound, schemas.NotFound)
		}
	})
	receipts := []client.Receipt{
		{RequestID: "1", ConversationID: "a/b", Receipt: "r1"},
		{RequestID: "2", ConversationID: "a/b", Receipt: "r2"},
		{RequestID: "1", ConversationID: "a/b", Receipt: "resent"},
		{RequestID: "3", ConversationID: "a/b", Receipt: "r3"},
		{RequestID: "4", Receipt: "r4"},
		{RequestID: "5", Receipt: "r5"},
	}
	ended := 0
	o, err := submit.Wait(t.Context(), c, receipts, func(n int) { ended = n })
	if err != nil {
		t.Fatal(err)
	}
	if ended != 4 || o.Ended() != 4 || o.Calls[schemas.OK] != 2 || o.Calls[schemas.NotProcessed] != 1 || o.Calls[schemas.Rejected] != 1 {
		t.Errorf("outcome %+v, progress %d", o, ended)
	}
	if o.Codes[schemas.PartTimeout] != 1 || o.Codes[schemas.ConversationIDUsed] != 1 || o.Conversations[schemas.ConversationError] != 1 {
		t.Errorf("outcome %+v", o)
	}
	if !slices.Equal(o.Unknown, []string{"5"}) || o.Open != 1 {
		t.Errorf("unknown %q, open %d", o.Unknown, o.Open)
	}
}

// When the time is over, what is known is told.
func TestWaitTimeout(t *testing.T) {
	t.Parallel()
	over := make(chan struct{})
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/requests/1" {
			fmt.Fprint(w, `{"requestId":"1","status":"OK"}`)
			return
		}
		<-over // as a long poll does
	})
	defer close(over)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o, err := submit.Wait(ctx, c, []client.Receipt{{RequestID: "1"}, {RequestID: "2"}}, func(int) { cancel() })
	if !errors.Is(err, context.Canceled) || o.Ended() != 1 || o.Open != 1 {
		t.Errorf("outcome %+v, error %v", o, err)
	}
}
