package ingest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/internal/account"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// fakeSubscribers keeps queues in memory, as long as it has no error. A transaction's id is its place in the queue, from 1.
type fakeSubscribers struct {
	mu     sync.Mutex
	all    map[schemas.SubscriberID]*fakeQueue
	err    error
	asked  []schemas.DequeueQuery
	number schemas.SubscriberID
	// keeps: what is deleted stays.
	keeps bool
}

// keep has a subscriber be there that stays when it is deleted.
func (f *fakeSubscribers) keep(of string, id schemas.SubscriberID) {
	f.number, f.keeps = id-1, true
	_, _ = f.Create(context.Background(), of, "", schemas.Subscriber{TransactionTypes: schemas.TransactionTypes(), MaxBlockCount: 1, WarnDepth: 1, FullDepth: 1, Name: "kept"})
}

type fakeQueue struct {
	schemas.SubscriberResource
	events []*parleyv1.ResultEvent
	handed int64
	gone   int64
}

func (f *fakeSubscribers) Create(_ context.Context, of, _ string, want schemas.Subscriber) (schemas.SubscriberResource, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.number++
	r := schemas.SubscriberResource{
		SubscriberID: f.number, Account: of, Name: want.Name, TransactionTypes: want.TransactionTypes, ObjectTypes: slices.Clone(want.ObjectTypes),
		MaxBlockCount: want.MaxBlockCount, WarnDepth: want.WarnDepth, FullDepth: want.FullDepth, CreatedAt: time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC),
	}
	if f.all == nil {
		f.all = make(map[schemas.SubscriberID]*fakeQueue)
	}
	f.all[f.number] = &fakeQueue{SubscriberResource: r}
	return r, f.err
}

func (f *fakeSubscribers) of(account string, id schemas.SubscriberID) (*fakeQueue, error) {
	if q := f.all[id]; q != nil && q.Account == account {
		return q, f.err
	}
	return nil, errors.Join(f.err, schemas.ErrUnknown)
}

func (f *fakeSubscribers) Subscribers(_ context.Context, of string) ([]schemas.SubscriberResource, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := []schemas.SubscriberResource{}
	for _, q := range f.all {
		if q.Account == of {
			all = append(all, q.SubscriberResource)
		}
	}
	return all, f.err
}

func (f *fakeSubscribers) Subscriber(_ context.Context, of string, id schemas.SubscriberID) (schemas.SubscriberResource, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	q, err := f.of(of, id)
	if err != nil {
		return schemas.SubscriberResource{}, err
	}
	r := q.SubscriberResource
	r.Queue = &schemas.QueueResource{Depth: int64(len(q.events)) - q.gone, Exact: true, Acknowledged: q.gone, HandedOut: q.handed, Last: int64(len(q.events))}
	if r.Queue.Depth > 0 {
		r.Queue.OldestAt, r.Queue.LastQueuedAt = &r.CreatedAt, &r.CreatedAt
	}
	return r, nil
}

func (f *fakeSubscribers) Delete(_ context.Context, of, _ string, id schemas.SubscriberID) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.of(of, id); err != nil {
		return err
	}
	if !f.keeps {
		delete(f.all, id)
	}
	return nil
}

func (f *fakeSubscribers) Dequeue(_ context.Context, q schemas.DequeueQuery) (b schemas.Block, _ error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, q)
	queue, err := f.of(q.Account, q.Subscriber)
	if err != nil {
		return b, err
	}
	queue.gone = max(queue.gone, min(q.Acknowledge, queue.handed))
	for i, e := range queue.events[queue.gone:] {
		if i >= q.CountMax {
			break
		}
		b.LastTransactionID = queue.gone + int64(i) + 1
		t, err := schemas.TransactionOf(schemas.EventCallCompleted, e)
		if err != nil {
			return b, err
		}
		queued, err := t.Queued()
		if err != nil {
			return b, err
		}
		text, err := q.Append(queued, nil, b.LastTransactionID)
		if err != nil {
			return b, err
		}
		b.Transactions = append(b.Transactions, text)
	}
	queue.handed = max(queue.handed, b.LastTransactionID)
	return b, nil
}

// put puts a call with so many objects into a queue.
func (f *fakeSubscribers) put(id schemas.SubscriberID, objects int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	call := &parleyv1.CallEvent{
		RequestId: someID, SequenceCode: 1, CallsInConversation: 1, Method: "Create", Status: string(schemas.OK),
		AcceptedAtMs: 1_796_112_000_000, CompletedAtMs: 1_796_112_001_500, Attempts: 1,
	}
	for i := range objects {
		call.Results = append(call.Results, &parleyv1.ObjectResult{CorrelationId: fmt.Sprint("object-", i), ObjectType: "Order", CustomerKey: "<&>", Status: string(schemas.OK)})
	}
	q := f.all[id]
	q.events = append(q.events, &parleyv1.ResultEvent{Account: q.Account, Partition: 3, Sequence: int64(1041 + len(q.events)), Event: &parleyv1.ResultEvent_Call{Call: call}})
}

const aSubscriber = `{"name":"warehouse","transactionTypes":["call.completed","call.failed"],"objectTypes":["Order"],"maxBlockCount":50}`

func (h *harness) subscribe(t testing.TB) schemas.SubscriberResource {
	t.Helper()
	r := h.do(t, http.MethodPost, subscribersPath, []byte(aSubscriber), "Content-Type", mimeJSON)
	if r.status != http.StatusCreated {
		t.Fatalf("status %d: %s", r.status, r.body)
	}
	var s schemas.SubscriberResource
	r.decode(t, &s)
	if want := subscribersPath + "/" + s.SubscriberID.String(); r.header.Get("Location") != want {
		t.Errorf("Location %q, want %q", r.header.Get("Location"), want)
	}
	return s
}

func (h *harness) dequeue(t testing.TB, id schemas.SubscriberID, body string) (b schemas.TransactionBlock) {
	t.Helper()
	r := h.do(t, http.MethodPost, subscribersPath+"/"+id.String()+dequeueSuffix, []byte(body), "Content-Type", mimeJSON)
	if r.status != http.StatusOK {
		t.Fatalf("status %d: %s", r.status, r.body)
	}
	r.decode(t, &b)
	return b
}

func TestSubscribers(t *testing.T) {
	t.Parallel()
	h := start(t)
	s := h.subscribe(t)
	if s.Name != "warehouse" || s.MaxBlockCount != 50 || s.WarnDepth != schemas.DefaultWarnDepth || s.FullDepth != schemas.DefaultFullDepth {
		t.Errorf("made %+v", s)
	}
	for range 3 {
		h.queues.put(s.SubscriberID, 2)
	}
	path := subscribersPath + "/" + s.SubscriberID.String()
	var shown schemas.SubscriberResource
	h.get(t, path).decode(t, &shown)
	if shown.Queue == nil || shown.Queue.Depth != 3 || !shown.Queue.Exact {
		t.Errorf("shown with the queue %+v", shown.Queue)
	}
	var list SubscriberList
	h.get(t, subscribersPath).decode(t, &list)
	if len(list.Subscribers) != 1 || list.Subscribers[0].SubscriberID != s.SubscriberID {
		t.Errorf("listed %+v", list)
	}

	first := h.dequeue(t, s.SubscriberID, `{"blockCount":2}`)
	if first.Count != 2 || first.LastTransactionID != 2 || len(first.Transactions) != 2 {
		t.Errorf("block %+v", first)
	}
	rest := h.dequeue(t, s.SubscriberID, `{"blockCount":999,"transactionId":2}`)
	if rest.Count != 1 || rest.LastTransactionID != 3 || !strings.Contains(string(rest.Transactions[0]), `"sequence":"3-1043"`) {
		t.Errorf("the rest %+v", rest)
	}
	if none := h.dequeue(t, s.SubscriberID, `{"blockCount":0,"transactionId":3}`); none.Count != 0 || none.LastTransactionID != 3 {
		t.Errorf("acknowledged alone: %+v", none)
	}
	if none := h.dequeue(t, s.SubscriberID, `{"blockCount":9,"transactionId":0}`); none.Count != 0 || none.LastTransactionID != 0 {
		t.Errorf("an empty queue: %+v", none)
	}
	if r := h.do(t, http.MethodDelete, path, nil); r.status != http.StatusNoContent {
		t.Errorf("DELETE: %d %s", r.status, r.body)
	}
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		if r := h.do(t, method, path, nil); r.problem(t).Code != schemas.NotFound {
			t.Errorf("%s when it is deleted: %s", method, r.body)
		}
	}
}

// A call of many objects is cut where 48 KiB of results end, and says so.
func TestDequeueCutsResults(t *testing.T) {
	t.Parallel()
	h := start(t)
	s := h.subscribe(t)
	h.queues.put(s.SubscriberID, 1000)
	b := h.dequeue(t, s.SubscriberID, `{"blockCount":9}`)
	if n := len(b.Transactions[0]); n > schemas.BlockBytesMax || n < schemas.TransactionResultsMax/2 {
		t.Errorf("a transaction of %d bytes", n)
	}
	text := string(b.Transactions[0])
	if !strings.Contains(text, `"truncated":true,"link":"/v1/requests/`+someID+`"`) || !strings.Contains(text, `"total":1000`) {
		t.Errorf("begins %.200s", text)
	}
}

func TestSubscribersRefuse(t *testing.T) {
	t.Parallel()
	h := start(t)
	s := h.subscribe(t)
	one := subscribersPath + "/" + s.SubscriberID.String()
	tests := []struct {
		name, method, path, body string
		status                   int
		code                     schemas.Code
		pointer                  string
	}{
		{"no name", http.MethodPost, subscribersPath, `{"transactionTypes":["call.failed"]}`, 400, schemas.InvalidParameter, "/name"},
		{"no types", http.MethodPost, subscribersPath, `{"name":"a"}`, 400, schemas.InvalidParameter, "/transactionTypes"},
		{"another type", http.MethodPost, subscribersPath, `{"name":"a","transactionTypes":["call.failed","T.2.06.0"]}`, 400, schemas.InvalidParameter, "/transactionTypes/1"},
		{"a type twice", http.MethodPost, subscribersPath, `{"name":"a","transactionTypes":["call.failed","call.failed"]}`, 400, schemas.InvalidParameter, "/transactionTypes/1"},
		{"an object type that is empty", http.MethodPost, subscribersPath, `{"name":"a","transactionTypes":["call.failed"],"objectTypes":[""]}`, 400, schemas.InvalidParameter, "/objectTypes/0"},
		{"long blocks", http.MethodPost, subscribersPath, `{"name":"a","transactionTypes":["call.failed"],"maxBlockCount":1000}`, 400, schemas.BlockCountOutOfRange, "/maxBlockCount"},
		{"full before warned", http.MethodPost, subscribersPath, `{"name":"a","transactionTypes":["call.failed"],"warnDepth":10,"fullDepth":9}`, 400, schemas.InvalidParameter, "/fullDepth"},
		{"a misspelt member", http.MethodPost, subscribersPath, `{"name":"a","transactionType":["call.failed"]}`, 400, schemas.InvalidBody, "/transactionType"},
		{"no block count", http.MethodPost, one + dequeueSuffix, `{}`, 400, schemas.BlockCountOutOfRange, "/blockCount"},
		{"too large a block", http.MethodPost, one + dequeueSuffix, `{"blockCount":1000}`, 400, schemas.BlockCountOutOfRange, "/blockCount"},
		{"a negative block", http.MethodPost, one + dequeueSuffix, `{"blockCount":-1}`, 400, schemas.BlockCountOutOfRange, "/blockCount"},
		{"a negative id", http.MethodPost, one + dequeueSuffix, `{"blockCount":1,"transactionId":-1}`, 400, schemas.InvalidParameter, "/transactionId"},
		{"no body", http.MethodPost, one + dequeueSuffix, ``, 400, schemas.InvalidBody, ""},
		{"nobody's queue", http.MethodPost, subscribersPath + "/99/dequeue", `{"blockCount":1}`, 404, schemas.NotFound, ""},
		{"no number", http.MethodGet, subscribersPath + "/warehouse", ``, 404, schemas.NotFound, ""},
		{"a number too large", http.MethodGet, subscribersPath + "/1000000000", ``, 404, schemas.NotFound, ""},
		{"a number with a zero before it", http.MethodGet, subscribersPath + "/01", ``, 404, schemas.NotFound, ""},
		{"another method", http.MethodPut, one, ``, 405, schemas.InvalidParameter, ""},
	}
	for _, tt := range tests {
		r := h.do(t, tt.method, tt.path, []byte(tt.body), "Content-Type", mimeJSON)
		if p := r.problem(t); r.status != tt.status || p.Code != tt.code || p.Pointer != tt.pointer {
			t.Errorf("%s: %s, want %d %s at %q", tt.name, r.body, tt.status, tt.code, tt.pointer)
		}
	}
	if r := h.get(t, one, accountHeader, "globex"); r.problem(t).Code != schemas.NotFound {
		t.Errorf("that of another account: %s", r.body)
	}
	if len(h.queues.asked) != 1 {
		t.Errorf("%d dequeues, want the one of nobody's queue", len(h.queues.asked))
	}
}

func TestSubscribersWithoutKafka(t *testing.T) {
	t.Parallel()
	h := start(t)
	s := h.subscribe(t)
	h.queues.err = fmt.Errorf("no broker: %w", schemas.ErrUnavailable)
	one := subscribersPath + "/" + s.SubscriberID.String()
	for _, tt := range []struct{ method, path, body string }{
		{http.MethodPost, subscribersPath, aSubscriber},
		{http.MethodGet, subscribersPath, ""},
		{http.MethodGet, one, ""},
		{http.MethodDelete, one, ""},
		{http.MethodPost, one + dequeueSuffix, `{"blockCount":1}`},
	} {
		r := h.do(t, tt.method, tt.path, []byte(tt.body), "Content-Type", mimeJSON)
		if p := r.problem(t); p.Code != schemas.QueueUnavailable || r.header.Get("Retry-After") == "" {
			t.Errorf("%s %s: %s", tt.method, tt.path, r.body)
		}
	}
}

// authFunc says who makes a request.
type authFunc func(*http.Request) (account.Caller, *schemas.Problem)

func (f authFunc) Caller(r *http.Request) (account.Caller, *schemas.Problem) { return f(r) }

func (f authFunc) Grant(string) (string, []account.Scope, *schemas.Problem) {
	return "", nil, unauthenticated("nobody is given a token here")
}

// Who may only read drains a queue, and makes none.
func TestSubscribersNeedScopes(t *testing.T) {
	t.Parallel()
	reading := account.Caller{Account: defaultAccount, Key: "k", Scopes: []account.Scope{account.Read}}
	var as account.Caller
	h := start(t, func(cfg *Config) {
		cfg.Auth = authFunc(func(*http.Request) (account.Caller, *schemas.Problem) { return as, nil })
	})
	as = account.Caller{Account: defaultAccount, Key: "k", Scopes: account.Scopes()}
	s := h.subscribe(t)
	as = reading
	h.dequeue(t, s.SubscriberID, `{"blockCount":1}`)
	one := subscribersPath + "/" + s.SubscriberID.String()
	for _, tt := range []struct{ method, path string }{{http.MethodPost, subscribersPath}, {http.MethodDelete, one}} {
		if r := h.do(t, tt.method, tt.path, []byte(aSubscriber)); r.problem(t).Code != schemas.Forbidden {
			t.Errorf("%s %s: %s", tt.method, tt.path, r.body)
		}
	}
	as.Scopes = []account.Scope{account.Submit}
	if r := h.get(t, one); r.problem(t).Code != schemas.Forbidden {
		t.Errorf("read with a key that may only submit: %s", r.body)
	}
}
