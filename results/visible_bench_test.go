package results_test

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"parley/results/recordtest"
	"parley/results/sink"
	parleyv1 "parley/schemas/parley/v1"
)

const (
	visibleProbes = 25
	// Beside the probes, under load: so many calls every tenth of a second, with two objects each.
	visibleCalls = 1_000
)

// BenchmarkVisible is how long after its event is in the log the view results shows a result: alone, and beside 10,000 calls
// a second. Broker and ClickHouse are processes of their own, on this machine.
func BenchmarkVisible(b *testing.B) {
	alone := func(context.Context, *testing.B, *kgo.Client, string) {}
	b.Run("low", func(b *testing.B) { benchmarkVisible(b, alone) })
	b.Run("high", func(b *testing.B) { benchmarkVisible(b, loadResults) })
}

func benchmarkVisible(b *testing.B, load func(context.Context, *testing.B, *kgo.Client, string)) {
	k, dsn := newBroker(b), recordtest.Migrated(b)
	brokers, names := k.Seeds(), k.Topics
	s, err := sink.New(sink.Config{Client: []kgo.Opt{brokers}, Topics: names, Group: k.Prefix + ".sink", DSN: dsn, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	client, err := kgo.NewClient(brokers, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0))
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	conn := recordtest.Open(b, dsn)
	ctx, cancel := context.WithCancel(b.Context())
	var work sync.WaitGroup
	defer work.Wait()
	defer cancel()
	work.Go(func() {
		if err := s.Run(ctx); err != nil {
			b.Error(err)
		}
	})
	at := int64(1)
	probe(b, client, conn, names.Results, at) // the sink has joined its group
	work.Go(func() { load(ctx, b, client, names.Results) })
	var took []time.Duration
	for b.Loop() {
		for range visibleProbes {
			at++
			took = append(took, probe(b, client, conn, names.Results, at))
		}
	}
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2].Seconds()*1000, "p50-ms")
	b.ReportMetric(took[len(took)*99/100].Seconds()*1000, "p99-ms")
	b.ReportMetric(0, "ns/op")
}

// probe writes a result of an account of its own, and returns after what time it is seen.
func probe(b *testing.B, client *kgo.Client, conn driver.Conn, topic string, sequence int64) time.Duration {
	now := time.Now()
	e := &parleyv1.ResultEvent{Account: "probe", Partition: benchPartitions, Sequence: sequence, Event: &parleyv1.ResultEvent_Call{Call: &parleyv1.CallEvent{
		RequestId: uuid.NewString(), Method: "Create", Status: "OK", AcceptedAtMs: now.UnixMilli(), CompletedAtMs: now.UnixMilli(),
		Results: []*parleyv1.ObjectResult{{ObjectType: "Order", Status: "OK"}},
	}}}
	value, err := proto.Marshal(e)
	if err != nil {
		b.Fatal(err)
	}
	if err := client.ProduceSync(b.Context(), &kgo.Record{Topic: topic, Partition: int32(sequence % benchPartitions), Value: value}).FirstErr(); err != nil {
		b.Fatal(err)
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for seen := uint64(0); seen == 0; {
		err := conn.QueryRow(b.Context(), "SELECT count() FROM results WHERE account = 'probe' AND partition = ? AND sequence = ?", benchPartitions, sequence).Scan(&seen)
		if err != nil {
			b.Fatal(err)
		}
		if seen == 0 && time.Since(now) > time.Minute {
			b.Fatal("a result was not seen within a minute")
		}
		<-tick.C
	}
	return time.Since(now)
}

// loadResults writes the events of calls that end, until ctx does.
func loadResults(ctx context.Context, b *testing.B, client *kgo.Client, topic string) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	events := benchEvents()[:2*visibleCalls]
	for {
		var records []*kgo.Record
		for _, e := range events {
			e.Sequence += 2 * visibleCalls / benchPartitions
			value, err := proto.Marshal(e)
			if err != nil {
				b.Error(err)
				return
			}
			records = append(records, &kgo.Record{Topic: topic, Partition: e.Partition, Value: value})
		}
		if err := client.ProduceSync(ctx, records...).FirstErr(); err != nil {
			if ctx.Err() == nil {
				b.Error(err)
			}
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
