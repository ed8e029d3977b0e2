package subscriber

import (
	"bytes"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// What a transaction has put into a queue that was aborted is not read, also where there is more behind it than is read at once.
func TestFetchPassesOverWhatWasAborted(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	const id = 7
	topic := c.spec.Topics.Subscriber(id)
	if _, err := kadm.NewClient(c.client).CreateTopic(t.Context(), 1, c.spec.Replication, nil, topic); err != nil {
		t.Fatal(err)
	}
	producer, err := kgo.NewClient(append(c.options(), kgo.TransactionalID("fetch"), kgo.DefaultProduceTopic(topic), kgo.ProducerBatchCompression(kgo.NoCompression()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(producer.Close)
	put := func(end kgo.TransactionEndTry, values ...[]byte) {
		t.Helper()
		if err := producer.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for _, v := range values { // each a batch
			if err := producer.ProduceSync(t.Context(), &kgo.Record{Value: v}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		if err := producer.EndTransaction(t.Context(), end); err != nil {
			t.Fatal(err)
		}
	}
	long := bytes.Repeat([]byte("committed "), blockFetchBytes/20) // two of them are more than is read at once
	put(kgo.TryAbort, []byte("aborted"))
	put(kgo.TryCommit, long, long, long)
	var got []*kgo.Record
	f := newFetcher(producer, c.spec.Topics)
	for next, end := int64(0), int64(1); next < end; {
		p, err := f.from(t.Context(), id, next, blockFetchBytes)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(p.records); n > 2 {
			t.Errorf("%d long records were read at once", n)
		}
		got = append(got, p.records...)
		next, end = p.next, p.end
	}
	if len(got) != 3 || len(got[0].Value) != len(long) {
		t.Errorf("%d records were read, the first of them %.20q", len(got), got[0].Value)
	}
}
