package kafka

import (
	"bytes"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Who reads what is committed gets nothing that was aborted, however the bounds of what is read at a time fall.
func TestAbortedIsNotRead(t *testing.T) {
	t.Parallel()
	b := openBroker(t, testConfig(t.TempDir()))
	createTopic(t, b.Addr(), "a", 2, nil)
	producer := newClient(t, b.Addr(), kgo.TransactionalID("p"), kgo.DefaultProduceTopic("a"), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()))
	const batches, batchBytes = 8, 10_000
	put := func(end kgo.TransactionEndTry, word string) {
		t.Helper()
		if err := producer.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for i := range 2 * batches { // each a batch of its own
			r := &kgo.Record{Partition: int32(i % 2), Value: bytes.Repeat([]byte(word), batchBytes/len(word))}
			if err := producer.ProduceSync(testContext(t), r).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		if err := producer.EndTransaction(testContext(t), end); err != nil {
			t.Fatal(err)
		}
	}
	put(kgo.TryAbort, "aborted ")
	put(kgo.TryCommit, "committed ")
	for name, bounds := range map[string][]kgo.Opt{
		"one bound for both":     {kgo.FetchMaxBytes(3 * batchBytes), kgo.FetchMaxPartitionBytes(3 * batchBytes)},
		"less than a batch":      {kgo.FetchMaxBytes(1), kgo.FetchMaxPartitionBytes(1)},
		"more for the partition": {kgo.FetchMaxBytes(5 * batchBytes), kgo.FetchMaxPartitionBytes(50 * batchBytes)},
		"all of it":              nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reader := newClient(t, b.Addr(), append(bounds, kgo.ConsumeTopics("a"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))...)
			read := 0
			for read < 2*batches {
				fetches := reader.PollFetches(testContext(t))
				if err := fetches.Err(); err != nil {
					t.Fatal(err)
				}
				fetches.EachRecord(func(r *kgo.Record) {
					if read++; !bytes.HasPrefix(r.Value, []byte("committed ")) {
						t.Errorf("read %.10q at offset %d of partition %d", r.Value, r.Offset, r.Partition)
					}
				})
			}
			if read != 2*batches {
				t.Errorf("%d records were read, want %d", read, 2*batches)
			}
		})
	}
}
