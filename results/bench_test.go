// Package results_test measures how fast results reach ClickHouse.
package results_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"parley/internal/testkit"
	"parley/internal/topics"
	"parley/results/recordtest"
	"parley/results/sink"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

func TestMain(m *testing.M) {
	testkit.BrokerMain()
	os.Exit(recordtest.Run(m))
}

const (
	benchCalls      = 200_000 // each alone in its conversation, with two objects: 4 rows a call
	benchPartitions = 8
	benchRows       = 4 * benchCalls
)

// BenchmarkSink stores events that wait in a broker, and then the same rows by plain clickhouse-go batches of 50,000
// rows, prepared beforehand, into tables of the same kind. Broker and ClickHouse are processes of their own, for both; they
// share the machine.
func BenchmarkSink(b *testing.B) {
	k := newBroker(b)
	events := benchEvents()
	produce(b, k.Seeds(), k.Topics.Results, events)
	tables := benchTables(events)

	var throughSink, raw, used, brokers time.Duration
	for b.Loop() {
		used, brokers = used-testkit.ProcessorTime(b), brokers-k.ProcessorTime()
		throughSink += timeSink(b, k)
		used, brokers = used+testkit.ProcessorTime(b), brokers+k.ProcessorTime()
		raw += timeRaw(b, tables)
	}
	rows := float64(benchRows * b.N)
	b.ReportMetric(rows/throughSink.Seconds(), "rows/s")
	b.ReportMetric(rows/raw.Seconds(), "raw-rows/s")
	b.ReportMetric(raw.Seconds()/throughSink.Seconds(), "sink/raw")
	b.ReportMetric(float64(used.Microseconds())/rows, "cpu-µs/row")
	b.ReportMetric(float64(brokers.Microseconds())/rows, "brokers-cpu-µs/row")
	b.ReportMetric(0, "ns/op")
}

// newBroker starts a Kafka with the topics, of which that of the results has benchPartitions partitions.
func newBroker(b *testing.B) *testkit.Measured {
	k := testkit.StartMeasured(b)
	client, err := kgo.NewClient(k.Seeds())
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	spec := topics.Spec{Topics: k.Topics, Layout: topics.Layout{Partitions: benchPartitions, ResultPartitions: benchPartitions}, Replication: k.Replicas}
	if _, err := topics.Ensure(b.Context(), client, spec); err != nil {
		b.Fatal(err)
	}
	return k
}

// timeSink is how long a sink that is the first of its group takes to store everything.
func timeSink(b *testing.B, k *testkit.Measured) time.Duration {
	registry := prometheus.NewRegistry()
	s, err := sink.New(sink.Config{
		Client: []kgo.Opt{k.Seeds()}, Topics: k.Topics, DSN: recordtest.Migrated(b), Group: k.Prefix + uuid.NewString(),
		Log: slog.New(slog.DiscardHandler), Registerer: registry,
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	ended := make(chan error, 1)
	began := time.Now()
	go func() { ended <- s.Run(ctx) }()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for storedRows(b, registry) < benchRows {
		select {
		case <-ctx.Done():
			b.Fatal("the sink did not store everything in time")
		case <-tick.C:
		}
	}
	took := time.Since(began)
	cancel()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
	return took
}

func storedRows(b *testing.B, g prometheus.Gatherer) float64 {
	families, err := g.Gather()
	if err != nil {
		b.Fatal(err)
	}
	rows := 0.0
	for _, f := range families {
		if f.GetName() == "parley_sink_rows_total" {
			for _, m := range f.GetMetric() {
				rows += m.GetCounter().GetValue()
			}
		}
	}
	return rows
}

// benchTable is an INSERT and its rows.
type benchTable struct {
	insert string
	rows   [][]any
}

func timeRaw(b *testing.B, tables []benchTable) time.Duration {
	conn := recordtest.Open(b, recordtest.Migrated(b))
	began := time.Now()
	for _, t := range tables {
		for from := 0; from < len(t.rows); from += 50_000 {
			insertRaw(b, conn, t.insert, t.rows[from:min(from+50_000, len(t.rows))])
		}
	}
	return time.Since(began)
}

func insertRaw(b *testing.B, conn driver.Conn, insert string, rows [][]any) {
	batch, err := conn.PrepareBatch(context.Background(), insert)
	if err != nil {
		b.Fatal(err)
	}
	for _, r := range rows {
		if err := batch.Append(r...); err != nil {
			b.Fatal(err)
		}
	}
	if err := batch.Send(); err != nil {
		b.Fatal(err)
	}
}

func benchEvents() []*parleyv1.ResultEvent {
	at := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC).UnixMilli()
	var events []*parleyv1.ResultEvent
	for i := range int64(benchCalls) {
		partition, sequence, ms := int32(i%benchPartitions), 2*(i/benchPartitions)+1, at+i
		id := schemas.LogRequestID("acc", partition, i).String()
		name, digest := fmt.Sprintf("order-%d", i), sha256.Sum256([]byte(id))
		call := &parleyv1.CallEvent{
			RequestId: id, ConversationId: name, SequenceCode: 1, CallsInConversation: 1, Method: "Create", Status: "OK", Attempts: 1,
			AcceptedAtMs: ms, StartedAtMs: ms + 2, CompletedAtMs: ms + 9, Digest: digest[:], Route: "crm", TraceId: digest[:16],
			Results: []*parleyv1.ObjectResult{
				{CorrelationId: fmt.Sprintf("a-%d", i), ObjectType: "DataExtensionObject", CustomerKey: fmt.Sprintf("row-%d", i), Status: "OK", Subject: uint64(i)},
				{CorrelationId: fmt.Sprintf("b-%d", i), ObjectType: "Subscriber", CustomerKey: fmt.Sprintf("sub-%d", i), Status: "OK"},
			},
		}
		end := &parleyv1.ConversationEvent{
			ConversationId: name, Status: "Complete", CallsInConversation: 1, Received: 1, Processed: 1,
			AcceptedAtMs: ms, StartedAtMs: ms + 2, CompletedAtMs: ms + 9,
		}
		events = append(events,
			&parleyv1.ResultEvent{Account: "acc", Partition: partition, Sequence: sequence, Event: &parleyv1.ResultEvent_Call{Call: call}},
			&parleyv1.ResultEvent{Account: "acc", Partition: partition, Sequence: sequence + 1, Event: &parleyv1.ResultEvent_Conversation{Conversation: end}})
	}
	return events
}

func produce(b *testing.B, brokers kgo.Opt, topic string, events []*parleyv1.ResultEvent) {
	client, err := kgo.NewClient(brokers, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	for _, e := range events {
		value, err := proto.Marshal(e)
		if err != nil {
			b.Fatal(err)
		}
		client.Produce(context.Background(), &kgo.Record{Topic: topic, Partition: e.Partition, Value: value}, func(_ *kgo.Record, err error) {
			if err != nil {
				b.Error(err)
			}
		})
	}
	if err := client.Flush(context.Background()); err != nil {
		b.Fatal(err)
	}
}

// benchTables are the rows of the events, table by table.
func benchTables(events []*parleyv1.ResultEvent) []benchTable {
	results := benchTable{insert: `INSERT INTO results_log (account, conversation_id, request_id, sequence_code, ordinal, correlation_id, method,
		object_type, customer_key, status, error_code, message, accepted_at, started_at, completed_at, partition, sequence, route, subject)`}
	calls := benchTable{insert: `INSERT INTO calls_log (account, conversation_id, request_id, sequence_code, calls_in_conversation, method, action,
		status, error_code, message, attempts, total, processed, errors, accepted_at, started_at, completed_at, partition, sequence, digest, route,
		content, trace_id)`}
	conversations := benchTable{insert: `INSERT INTO conversations_log (account, conversation_id, request_id, status, error_code, message,
		calls_in_conversation, received, processed, errors, accepted_at, started_at, completed_at, partition, sequence, continues, continued_by)`}
	at := func(ms int64) time.Time { return time.UnixMilli(ms) }
	for _, e := range events {
		if c := e.GetConversation(); c != nil {
			conversations.rows = append(conversations.rows, []any{
				e.Account, c.ConversationId, (*uuid.UUID)(nil), c.Status, c.ErrorCode, c.Message, c.CallsInConversation, c.Received, c.Processed,
				c.Errors, at(c.AcceptedAtMs), at(c.StartedAtMs), at(c.CompletedAtMs), e.Partition, e.Sequence, c.Continues, c.ContinuedBy,
			})
			continue
		}
		c := e.GetCall()
		id := uuid.MustParse(c.RequestId)
		calls.rows = append(calls.rows, []any{
			e.Account, c.ConversationId, id, c.SequenceCode, c.CallsInConversation, c.Method, c.Action, c.Status, c.ErrorCode, c.Message, c.Attempts,
			int32(2), int32(2), int32(0), at(c.AcceptedAtMs), at(c.StartedAtMs), at(c.CompletedAtMs), e.Partition, e.Sequence, string(c.Digest), c.Route, c.Content,
			hex.EncodeToString(c.TraceId),
		})
		for i, o := range c.Results {
			results.rows = append(results.rows, []any{
				e.Account, c.ConversationId, id, c.SequenceCode, int32(i), o.CorrelationId, c.Method, o.ObjectType, o.CustomerKey, o.Status,
				o.ErrorCode, o.Message, at(c.AcceptedAtMs), at(c.StartedAtMs), at(c.CompletedAtMs), e.Partition, e.Sequence, c.Route, o.Subject,
			})
		}
	}
	return []benchTable{results, calls, conversations}
}
