package query

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"parley/internal/testkit"
	"parley/results/record"
	"parley/results/recordtest"
	"parley/results/sink"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

func TestMain(m *testing.M) { os.Exit(recordtest.Run(m)) }

// stored lets a sink write events into a new database, and returns a Query to it.
func stored(t *testing.T, events ...*parleyv1.ResultEvent) *Query {
	t.Helper()
	topics := schemas.TopicsOf("parley")
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, topics.Results, topics.Dead))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	brokers := kgo.SeedBrokers(cluster.ListenAddrs()...)
	client, err := kgo.NewClient(brokers)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	for _, e := range events {
		value, err := proto.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: topics.Results, Value: value}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	dsn := recordtest.Migrated(t)
	s, err := sink.New(sink.Config{Client: []kgo.Opt{brokers}, DSN: dsn, BlockWait: time.Millisecond, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	conn := recordtest.Open(t, dsn)
	deadline := time.NewTimer(testkit.Patience)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for n := uint64(0); n < uint64(len(events)); {
		select {
		case <-deadline.C:
			t.Fatalf("%d of %d events are stored", n, len(events))
		case <-tick.C:
		}
		if err := conn.QueryRow(t.Context(), "SELECT (SELECT count() FROM calls_log) + (SELECT count() FROM conversations_log) + (SELECT count() FROM deliveries_log)").Scan(&n); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	return patient(conn)
}

// patient is a Query that waits for ClickHouse, however busy the machine is.
func patient(conn driver.Conn) *Query {
	q := New(conn)
	q.bounds = bounds{answer: time.Hour, search: time.Hour, patience: time.Hour}
	return q
}

func callEvent(sequence int64, c *parleyv1.CallEvent) *parleyv1.ResultEvent {
	return &parleyv1.ResultEvent{Account: "acc", Partition: 3, Sequence: sequence, Event: &parleyv1.ResultEvent_Call{Call: c}}
}

func conversationEvent(sequence int64, c *parleyv1.ConversationEvent) *parleyv1.ResultEvent {
	return &parleyv1.ResultEvent{Account: "acc", Partition: 3, Sequence: sequence, Event: &parleyv1.ResultEvent_Conversation{Conversation: c}}
}

func newID(t *testing.T) uuid.UUID {
	t.Helper()
	id, err := schemas.NewRequestID()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// equalJSON compares what callers see.
func equalJSON(t *testing.T, what string, got, want any) {
	t.Helper()
	g, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	w, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if string(g) != string(w) {
		t.Errorf("%s:\n got %s\nwant %s", what, g, w)
	}
}

// The record tells of a call what its event tells.
func TestRequest(t *testing.T) {
	t.Parallel()
	const at = 1_790_000_000_123
	nasty := "o'rder\\-1\x00?\"`{x:String}ä\n$1"
	calls := []*parleyv1.CallEvent{
		{ConversationId: "order-1", SequenceCode: 2, CallsInConversation: 3, Method: "Create", Status: "HasErrors", Attempts: 2,
			AcceptedAtMs: at, StartedAtMs: at + 1, CompletedAtMs: at + 2, Digest: []byte{1, 2},
			Results: []*parleyv1.ObjectResult{
				{CorrelationId: "b", ObjectType: "Row", CustomerKey: "k-1", Status: "OK"},
				{CorrelationId: "a", ObjectType: "Other", CustomerKey: "k-2", Status: "Error", ErrorCode: "X-17", Message: "no"},
			}},
		{SequenceCode: 1, CallsInConversation: 1, Method: "Perform", Action: "start", Status: "OK", Attempts: 1, AcceptedAtMs: at, StartedAtMs: at, CompletedAtMs: at,
			Results: []*parleyv1.ObjectResult{{ObjectType: "Row", Status: "OK"}}},
		{ConversationId: nasty, SequenceCode: 1, CallsInConversation: 2, Method: "Update", Status: "NotProcessed", ErrorCode: "PartTimeout", Message: "waited",
			AcceptedAtMs: at, CompletedAtMs: at + 300_000, Results: []*parleyv1.ObjectResult{{Status: "NotProcessed", ErrorCode: "PartTimeout"}}},
		{Method: "Delete", Status: "Rejected", ErrorCode: "NoObjects"},
	}
	var events []*parleyv1.ResultEvent
	for i, c := range calls {
		c.RequestId = newID(t).String()
		events = append(events, callEvent(int64(i+1), c))
	}
	q := stored(t, events...)
	for i, e := range events {
		got, err := q.Request(t.Context(), schemas.RequestQuery{Account: "acc", ID: uuid.MustParse(calls[i].RequestId), Wait: time.Hour})
		if err != nil {
			t.Errorf("Request: %v", err)
			continue
		}
		equalJSON(t, "call "+calls[i].Status, got, schemas.CallResourceOf(e))
	}
	for _, ask := range []schemas.RequestQuery{
		{Account: "other", ID: uuid.MustParse(calls[0].RequestId)},
		{Account: "acc", ID: newID(t)},
	} {
		if _, err := q.Request(t.Context(), ask); !errors.Is(err, schemas.ErrUnknown) {
			t.Errorf("Request(%v): %v, want ErrUnknown", ask, err)
		}
	}
}

func TestConversation(t *testing.T) {
	t.Parallel()
	const at = 1_790_000_000_123
	var events, parts []*parleyv1.ResultEvent
	for k := range int32(schemas.CallsPage + 5) {
		parts = append(parts, callEvent(int64(k+1), &parleyv1.CallEvent{
			RequestId: newID(t).String(), ConversationId: "order-1", SequenceCode: k + 1, CallsInConversation: schemas.CallsPage + 5,
			Method: "Create", Status: "OK", AcceptedAtMs: at, StartedAtMs: at, CompletedAtMs: at + int64(k),
			Results: []*parleyv1.ObjectResult{{ObjectType: "Row", Status: "OK", CorrelationId: fmt.Sprint(k)}},
		}))
	}
	refused := callEvent(1_000, &parleyv1.CallEvent{RequestId: newID(t).String(), ConversationId: "order-1", SequenceCode: 2, Status: "Rejected"})
	end := conversationEvent(1_001, &parleyv1.ConversationEvent{
		ConversationId: "order-1", Status: "Complete", CallsInConversation: schemas.CallsPage + 5, Received: schemas.CallsPage + 5, Processed: schemas.CallsPage + 5,
		AcceptedAtMs: at, StartedAtMs: at, CompletedAtMs: at,
	})
	alone := callEvent(1_002, &parleyv1.CallEvent{RequestId: newID(t).String(), SequenceCode: 1, CallsInConversation: 1, Status: "Error", ErrorCode: "CallFailed"})
	aloneEnd := conversationEvent(1_003, &parleyv1.ConversationEvent{
		RequestId: alone.GetCall().RequestId, Status: "Error", ErrorCode: "CallFailed", Message: "m", CallsInConversation: 1, Received: 1, Processed: 1, Errors: 1,
	})
	events = append(append(events, parts...), refused, end, alone, aloneEnd)
	q := stored(t, events...)

	resources := func(calls []*parleyv1.ResultEvent) []schemas.CallResource {
		out := []schemas.CallResource{}
		for _, c := range calls {
			out = append(out, schemas.CallResourceOf(c))
		}
		return out
	}
	whole, single := schemas.ConversationResourceOf(end), schemas.ConversationResourceOf(aloneEnd)
	for _, c := range []struct {
		name  string
		id    string
		after int32
		want  schemas.ConversationResource
		calls []*parleyv1.ResultEvent
		next  int32
	}{
		{"first page", "order-1", 0, whole, parts[:schemas.CallsPage], schemas.CallsPage},
		{"last page", "order-1", schemas.CallsPage, whole, parts[schemas.CallsPage:], 0},
		{"behind the last page", "order-1", schemas.CallsPage + 5, whole, nil, 0},
		{"call without conversation", aloneEnd.GetConversation().RequestId, 0, single, []*parleyv1.ResultEvent{alone}, 0},
		{"behind it", aloneEnd.GetConversation().RequestId, 1, single, nil, 0},
	} {
		got, err := q.Conversation(t.Context(), schemas.ConversationQuery{Account: "acc", ID: c.id, After: c.after})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		c.want.Calls, c.want.Next = resources(c.calls), c.next
		equalJSON(t, c.name, got, c.want)
	}
	for _, ask := range []schemas.ConversationQuery{{Account: "other", ID: "order-1"}, {Account: "acc", ID: "order-2"}, {Account: "acc"}} {
		if _, err := q.Conversation(t.Context(), ask); !errors.Is(err, schemas.ErrUnknown) {
			t.Errorf("Conversation(%v): %v, want ErrUnknown", ask, err)
		}
	}
}

func TestUnavailable(t *testing.T) {
	t.Parallel()
	for name, dsn := range map[string]string{"no server": "clickhouse://127.0.0.1:1", "no tables": recordtest.DSN(t)} {
		conn, err := record.Open(dsn, nil)
		if err != nil {
			t.Fatal(err)
		}
		q := patient(conn)
		if _, err := q.Request(t.Context(), schemas.RequestQuery{Account: "acc"}); !errors.Is(err, schemas.ErrUnavailable) {
			t.Errorf("%s: Request: %v, want ErrUnavailable", name, err)
		}
		if _, err := q.Conversation(t.Context(), schemas.ConversationQuery{Account: "acc"}); !errors.Is(err, schemas.ErrUnavailable) {
			t.Errorf("%s: Conversation: %v, want ErrUnavailable", name, err)
		}
		if _, err := q.Results(t.Context(), schemas.ResultsQuery{Account: "acc", Limit: 1}); !errors.Is(err, schemas.ErrUnavailable) || errors.Is(err, schemas.ErrTooMuch) {
			t.Errorf("%s: Results: %v, want ErrUnavailable", name, err)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
}

// The record tells who has used the key of a call for another one.
func TestConflictingRequest(t *testing.T) {
	t.Parallel()
	keyed, plain := newID(t), newID(t)
	q := stored(t,
		callEvent(1, &parleyv1.CallEvent{RequestId: keyed.String(), SequenceCode: 1, CallsInConversation: 1, Status: "OK", Content: 1<<63 + 7}),
		callEvent(2, &parleyv1.CallEvent{RequestId: plain.String(), SequenceCode: 1, CallsInConversation: 1, Status: "OK"}))
	for _, tt := range []struct {
		id      uuid.UUID
		content uint64
		want    bool
	}{{keyed, 0, false}, {keyed, 1<<63 + 7, false}, {keyed, 8, true}, {plain, 8, false}} {
		for _, part := range []*schemas.Part{nil, {SequenceCode: 1}} {
			r, err := q.Request(t.Context(), schemas.RequestQuery{Account: "acc", ID: tt.id, Content: tt.content, Part: part})
			if err != nil || r.Conflicting != tt.want {
				t.Errorf("content %x: conflicting %t, %v, want %t", tt.content, r.Conflicting, err, tt.want)
			}
		}
	}
}
