package kafka

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

func compacted(t *testing.T, brokers, topic string) {
	t.Helper()
	createTopic(t, brokers, topic, 1, map[string]*string{"cleanup.policy": kadm.StringPtr("compact")})
}

// overwrite produces rounds of records with the same keys, each round in its own batches.
func overwrite(t *testing.T, brokers, topic string, rounds, keys int) {
	t.Helper()
	cl := newClient(t, brokers, kgo.DefaultProduceTopic(topic), kgo.ProducerBatchCompression(kgo.NoCompression()))
	for round := range rounds {
		for key := range keys {
			cl.Produce(testContext(t), &kgo.Record{
				Key:   []byte(fmt.Sprint(key)),
				Value: []byte(fmt.Sprint(round, strings.Repeat("x", 1000))),
			}, func(_ *kgo.Record, err error) {
				if err != nil {
					t.Errorf("produce: %v", err)
				}
			})
		}
		if err := cl.Flush(testContext(t)); err != nil {
			t.Fatal(err)
		}
	}
}

// latest returns the first word of the last value of each key.
func latest(records []*kgo.Record) map[string]string {
	m := make(map[string]string)
	for _, r := range records {
		m[string(r.Key)], _, _ = strings.Cut(string(r.Value), "x")
	}
	return m
}

// readToEnd returns the committed records up to the end of the topic's one partition.
func readToEnd(t *testing.T, brokers, topic string) []*kgo.Record {
	t.Helper()
	ends, err := kadm.NewClient(newClient(t, brokers)).ListCommittedOffsets(testContext(t), topic)
	if err != nil {
		t.Fatal(err)
	}
	end, _ := ends.Lookup(topic, 0)
	cl := newClient(t, brokers, kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	var records []*kgo.Record
	for next := int64(0); next < end.Offset; {
		f := cl.PollFetches(testContext(t))
		if err := f.Err(); err != nil {
			t.Fatalf("read %s from %d to %d: %v", topic, next, end.Offset, err)
		}
		f.EachRecord(func(r *kgo.Record) {
			next = r.Offset + 1
			if !r.Attrs.IsControl() {
				records = append(records, r)
			}
		})
	}
	return records
}

func TestCompactsWhenIdle(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t.TempDir())
	cfg.CompactBytesMin = 10_000
	cfg.IdleAfter = 20 * time.Millisecond
	b := openBroker(t, cfg)
	compacted(t, b.Addr(), "state")
	const rounds, keys = 20, 10
	overwrite(t, b.Addr(), "state", rounds, keys)
	deadline := time.Now().Add(patience)
	for len(readToEnd(t, b.Addr(), "state")) > 2*keys { // the last batch stays as it is
		if time.Now().After(deadline) {
			t.Fatal("topic was not compacted")
		}
	}
	want := latest(readToEnd(t, b.Addr(), "state"))
	if len(want) != keys {
		t.Fatalf("got %d keys, want %d", len(want), keys)
	}
	for key, round := range want {
		if round != fmt.Sprint(rounds-1) {
			t.Errorf("key %s has the value of round %s, want %d", key, round, rounds-1)
		}
	}
}

func TestCompactsAtCloseAfterAbort(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t.TempDir())
	cfg.CompactBytesMin = 10_000
	cfg.IdleAfter = time.Hour
	b := openBroker(t, cfg)
	compacted(t, b.Addr(), "state")
	const rounds, keys = 20, 10
	overwrite(t, b.Addr(), "state", rounds, keys)
	open := newClient(t, b.Addr(), kgo.TransactionalID("x"), kgo.DefaultProduceTopic("state"))
	if err := open.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := open.ProduceSync(testContext(t), &kgo.Record{Key: []byte("0"), Value: []byte("openx")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	before := b.compact.survey([]string{"state"})
	if !before.open {
		t.Fatal("transaction is not open")
	}
	if err := b.compact.compact(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if after := b.compact.survey([]string{"state"}); after.bytes != before.bytes {
		t.Fatal("topic was compacted while a transaction has records in it")
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}

	b = openBroker(t, cfg)
	if after := b.compact.survey([]string{"state"}); after.bytes > before.bytes/5 {
		t.Errorf("%d of %d bytes are left: topic was not compacted", after.bytes, before.bytes)
	}
	if b.compact.bytesLast == 0 {
		t.Error("the size after the compaction is forgotten: it would be compacted again")
	}
	if got := latest(readToEnd(t, b.Addr(), "state")); got["0"] != fmt.Sprint(rounds-1) || len(got) != keys {
		t.Errorf("got %v", got)
	}
}

func TestInterruptedCompactionIsUndone(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t.TempDir())
	b := openBroker(t, cfg)
	compacted(t, b.Addr(), "state")
	const rounds, keys = 3, 4
	overwrite(t, b.Addr(), "state", rounds, keys)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	// The death of a broker between the end of the old segments and the new ones.
	kept := keptSegments{cfg.DataDir}
	if err := kept.keep([]string{"state-0"}); err != nil {
		t.Fatal(err)
	}
	segments, err := filepath.Glob(filepath.Join(cfg.DataDir, partitionsDir, "state-0", "*"+segmentSuffix))
	if err != nil || len(segments) == 0 {
		t.Fatalf("no segments: %v", err)
	}
	for _, s := range segments {
		if err := os.Remove(s); err != nil {
			t.Fatal(err)
		}
	}

	b = openBroker(t, cfg)
	if got := len(readToEnd(t, b.Addr(), "state")); got != rounds*keys {
		t.Errorf("got %d records, want %d", got, rounds*keys)
	}
	for _, name := range []string{keptDir, keptDirBegun, keptDirDone} {
		if _, err := os.Stat(filepath.Join(cfg.DataDir, name)); !os.IsNotExist(err) {
			t.Errorf("%s is left: %v", name, err)
		}
	}
}

func TestFailedCompactionStopsTheBroker(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t.TempDir())
	cfg.CompactBytesMin = 1000
	cfg.IdleAfter = time.Hour
	b, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	compacted(t, b.Addr(), "state")
	overwrite(t, b.Addr(), "state", 3, 4)
	// The new segments cannot take the place of the kept ones' folder that is left when the copy is dropped.
	if err := os.MkdirAll(filepath.Join(cfg.DataDir, keptDirDone, "in-the-way"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := b.compact.compact(context.Background()); err == nil {
		t.Fatal("compaction succeeded")
	}
	cl := newClient(t, b.Addr(), kgo.DefaultProduceTopic("state"), kgo.RecordRetries(1))
	if err := cl.ProduceSync(testContext(t), kgo.StringRecord("x")).FirstErr(); err == nil {
		t.Error("a record was taken")
	}
	if err := b.Close(); err == nil {
		t.Error("close succeeded")
	}
	b = openBroker(t, cfg)
	if got := len(readToEnd(t, b.Addr(), "state")); got != 12 {
		t.Errorf("got %d records, want 12", got)
	}
}
