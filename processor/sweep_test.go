package processor

import (
	"encoding/binary"
	"testing"
	"time"

	"parley/processor/store"
	"parley/schemas"
)

// TestSweepForgetsAllThatHasExpired has more tokens have expired than one turn forgets.
func TestSweepForgetsAllThatHasExpired(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	p := &partition{id: 1, fenced: true}
	l := &loop{store: s, partitions: map[int32]*partition{1: p}}
	now := time.Now()
	tx := s.Begin(1, store.Meta{})
	for i := range uint64(2*timersMax + 1) {
		var id schemas.RequestID
		binary.BigEndian.PutUint64(id[:], i)
		if err := tx.PutAnswer(id, store.Answer{Digest: 1, Expires: now.Add(-time.Minute)}); err != nil {
			t.Fatal(err)
		}
	}
	for turns := range 4 {
		if _, err := tx.Changes(); err != nil {
			t.Fatal(err)
		}
		if err := tx.Apply(store.Applied{}, nil); err != nil {
			t.Fatal(err)
		}
		left, err := s.ExpiredAnswers(1, now, 3*timersMax)
		if err != nil {
			t.Fatal(err)
		}
		if want := max(0, (2-turns)*timersMax+1); len(left) != want {
			t.Fatalf("after %d turns %d are left, want %d", turns, len(left), want)
		}
		turn := l.newTurn()
		if err := l.sweep(turn); err != nil {
			t.Fatal(err)
		}
		tx = turn.on(p).tx
	}
}
