package scale_test

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/topics"
	"parley/processor/conversation"
	"parley/processor/store"
	"parley/schemas"
)

// BenchmarkRestore measures how long a node that has lost its disk takes until it has its partitions' state again, from
// its start until it owns them all.
func BenchmarkRestore(b *testing.B) {
	b.Run(fmt.Sprintf("staged/%d parts", *stagedParts), func(b *testing.B) {
		r := newRig(b)
		metric, stop := r.start(b.TempDir(), nil)
		r.produceStaged(*stagedParts)
		r.until("all parts staged", 10*time.Minute, func() bool {
			return metric("parley_processor_records_total") >= float64(*stagedParts)
		})
		stop()
		r.measureRestore(*stagedParts, "part")
	})
	b.Run(fmt.Sprintf("markers/%d conversations", *markers), func(b *testing.B) {
		r := newRig(b)
		r.produceMarkers(*markers)
		r.measureRestore(*markers, "marker")
	})
}

// measureRestore starts a processor on an empty folder.
func (r *rig) measureRestore(n int, of string) {
	r.Helper()
	dir := r.TempDir()
	before := residentBytes(r.B)
	start := time.Now()
	metric, stop := r.start(dir, nil)
	most := before
	r.until("all partitions restored", 25*time.Minute, func() bool {
		most = max(most, residentBytes(r.B))
		return metric("parley_processor_owned_partitions") == partitions
	})
	took := time.Since(start)
	stop()
	r.ReportMetric(took.Seconds(), "s")
	r.ReportMetric(float64(n)/took.Seconds(), of+"s/s")
	r.ReportMetric(float64(folderBytes(r.B, dir))/float64(n), "disk-B/"+of)
	r.ReportMetric(float64(most-before)/(1<<20), "more-MiB")
	r.ReportMetric(0, "ns/op")
}

// produceMarkers writes the changelog that so many conversations of three parts leave when they have ended, as turns
// of a thousand would.
func (r *rig) produceMarkers(n int) {
	r.Helper()
	s, err := store.Open(store.Config{Dir: r.TempDir()})
	if err != nil {
		r.Fatal(err)
	}
	defer s.Close()
	const turn = 1000
	var records []*kgo.Record
	made := 0
	r.produce(func() *kgo.Record {
		for len(records) == 0 {
			if made >= n {
				return nil
			}
			records = r.endConversations(s, made, min(made+turn, n))
			made += turn
		}
		rec := records[0]
		records = records[1:]
		return rec
	})
}

// endConversations returns the changelog of turns in which conversations come and end.
func (r *rig) endConversations(s *store.Store, from, to int) []*kgo.Record {
	r.Helper()
	turns := make(map[int32]*store.Tx)
	for i := from; i < to; i++ {
		id := fmt.Sprintf("order-%d", i)
		p := topics.Partition("acme/"+id, partitions)
		if turns[p] == nil {
			turns[p] = s.Begin(p, store.Meta{})
		}
		if err := end(turns[p], schemas.NewConversationKey("acme", id, schemas.RequestID{})); err != nil {
			r.Fatal(err)
		}
	}
	var records []*kgo.Record
	for p, tx := range turns {
		changes, err := tx.Changes()
		if err != nil {
			r.Fatal(err)
		}
		for _, c := range changes {
			records = append(records, &kgo.Record{Topic: r.topics.State, Partition: p, Key: c.Key, Value: c.Value})
		}
	}
	return records
}

// end has a conversation of three parts come and end in one turn.
func end(tx *store.Tx, key schemas.ConversationKey) error {
	s, err := tx.Conversation(key)
	if err != nil {
		return err
	}
	s.Phase, s.Calls, s.Received = conversation.Processing, 3, conversation.All(3)
	tx.SetConversation(key, s)
	for k := range int32(3) {
		tx.PutPart(key, k+1, store.Part{RequestID: uuid.New(), Content: rand.Uint64()})
	}
	s.Phase, s.End = conversation.Ended, schemas.ConversationComplete
	tx.SetConversation(key, s)
	return tx.EndConversation(key)
}

// folderBytes is what the files of a folder hold.
func folderBytes(b *testing.B, dir string) int64 {
	b.Helper()
	var sum int64
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			sum += info.Size()
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return sum
}
