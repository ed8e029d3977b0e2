package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"parley/processor/conversation"
	"parley/schemas"
)

// benchTurn is how many parts a turn of the benchmarks has.
const benchTurn = 1_000

// stageParts takes parts that wait for others, one of each conversation, with calls of 500 bytes.
func stageParts(b *testing.B, tx *Tx, from, to int) {
	b.Helper()
	call := make([]byte, 500)
	for i := from; i < to; i++ {
		key := keyOf(fmt.Sprintf("order-%d", i))
		s, err := tx.Conversation(key)
		if err != nil {
			b.Fatal(err)
		}
		s.Phase, s.Calls, s.Received, s.Deadline, s.AcceptedAt = conversation.Staging, 2, s.Received.With(2), epoch, epoch
		tx.PutPart(key, 2, Part{RequestID: uuid.New(), Content: uint64(i), Call: call, AcceptedAt: epoch})
		tx.SetConversation(key, s)
	}
}

func openBench(b *testing.B) *Store {
	b.Helper()
	s, err := Open(Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return s
}

// BenchmarkTurn is the store's share of a turn, per part.
func BenchmarkTurn(b *testing.B) {
	s := openBench(b)
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; done += benchTurn {
		tx := s.Begin(0, Meta{NextOffset: int64(done)})
		stageParts(b, tx, done, min(done+benchTurn, b.N))
		if _, err := tx.Changes(); err != nil {
			b.Fatal(err)
		}
		if err := tx.Apply(Applied{At: epoch}, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRestore is the store's share of a rebuild from the changelog, per part that waits.
func BenchmarkRestore(b *testing.B) {
	from, to := openBench(b), openBench(b)
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; done += benchTurn {
		b.StopTimer()
		tx := from.Begin(0, Meta{NextOffset: int64(done)})
		stageParts(b, tx, done, min(done+benchTurn, b.N))
		changes, err := tx.Changes()
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if err := to.Restore(0, changes, Applied{Changelog: int64(done), At: epoch}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkEnd is the store's share of the turn that ends a conversation, per part.
func BenchmarkEnd(b *testing.B) {
	for _, parts := range []int32{3, 10_000} {
		b.Run(fmt.Sprintf("%d parts", parts), func(b *testing.B) {
			s := openBench(b)
			b.ReportAllocs()
			for done := int32(0); int(done) < b.N; done += parts {
				b.StopTimer()
				key := schemas.NewConversationKey("acme", fmt.Sprint(done), schemas.RequestID{})
				tx := s.Begin(0, Meta{})
				if _, err := tx.Conversation(key); err != nil {
					b.Fatal(err)
				}
				state := conversation.State{Phase: conversation.Processing, Calls: parts, Received: conversation.All(parts), Turn: conversation.Turn{SequenceCode: 1, Attempt: 1}}
				for k := range parts {
					tx.PutPart(key, k+1, Part{RequestID: uuid.New(), Content: uint64(k) + 1, Call: make([]byte, 500)})
				}
				tx.SetConversation(key, state)
				b.StartTimer()
				commit(b, tx)
				tx = s.Begin(0, Meta{})
				if _, err := tx.Conversation(key); err != nil {
					b.Fatal(err)
				}
				state.Phase, state.End = conversation.Ended, schemas.ConversationComplete
				tx.SetConversation(key, state)
				if err := tx.EndConversation(key); err != nil {
					b.Fatal(err)
				}
				commit(b, tx)
			}
		})
	}
}

func commit(b *testing.B, tx *Tx) {
	b.Helper()
	if _, err := tx.Changes(); err != nil {
		b.Fatal(err)
	}
	if err := tx.Apply(Applied{At: epoch}, nil); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkPurge is what it costs to find nothing more to forget, as each second, after 500,000 events were forgotten.
func BenchmarkPurge(b *testing.B) {
	s := openBench(b)
	id := int64(0)
	for range 500 {
		tx := s.Begin(0, Meta{})
		var offsets []int64
		for range benchTurn {
			id++
			e := callEnded(schemas.NewConversationKey("acme", "", idOf(id)), 1, idOf(id), schemas.OK)
			tx.Finish(e, make([]byte, 200))
			offsets = append(offsets, id)
		}
		if _, err := tx.Changes(); err != nil {
			b.Fatal(err)
		}
		if err := tx.Apply(Applied{At: epoch}, offsets); err != nil {
			b.Fatal(err)
		}
	}
	start := time.Now()
	if n, err := s.Purge(0, id+1, epoch.Add(time.Second), int(id)); err != nil || n != int(id) {
		b.Fatal(n, err)
	}
	took := time.Since(start)
	for b.Loop() {
		if n, err := s.Purge(0, id+1, epoch.Add(time.Second), benchTurn); err != nil || n > 0 {
			b.Fatal(n, err)
		}
	}
	b.ReportMetric(float64(took.Nanoseconds())/float64(id), "ns/event")
}
