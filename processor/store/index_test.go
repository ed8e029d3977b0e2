package store

import (
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"parley/processor/conversation"
	"parley/schemas"
)

// TestRequeuedLeavesNothingBehind gives a delayed conversation its place in the queue, then lets it go on: it must be in
// no index where it does not belong.
func TestRequeuedLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	later := epoch.Add(time.Hour)
	moves := map[string]func(*conversation.State){
		"delayed again": func(s *conversation.State) { s.Turn.Attempt, s.Turn.NotBefore = 3, later },
		"next part":     func(s *conversation.State) { s.Turn = conversation.Turn{SequenceCode: 2, Attempt: 1, Route: "b"} },
		"same place":    func(s *conversation.State) { s.Turn.NotBefore = time.Time{} },
		"deferred":      func(s *conversation.State) { s.Turn.NotBefore, s.Turn.AnswerBy = time.Time{}, later },
		"begun":         func(s *conversation.State) { s.Turn.NotBefore, s.Turn.LostAt = time.Time{}, later },
	}
	for name, move := range moves {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, key := newStore(t), keyOf("order")
			tx := s.Begin(modelPartition, Meta{})
			state := stage(t, tx, key, 2)
			state.Turn.Route, state.Turn.Attempt, state.Turn.NotBefore = "a", 2, epoch
			tx.SetConversation(key, state)
			apply(t, tx, Applied{})
			if err := s.Requeue(modelPartition, key, state); err != nil {
				t.Fatal(err)
			}
			queue, err := s.Queue(modelPartition, ClassOf(key, state), Queued{}, 10)
			delayed, err2 := s.Delayed(modelPartition, Timer{}, 10)
			if err != nil || err2 != nil || !slices.Equal(queue, []Queued{{Ready: 9, Conversation: key}}) || len(delayed) > 0 {
				t.Errorf("queue %v, %v, delayed %v, %v, want the conversation in the queue alone", queue, err, delayed, err2)
			}
			tx = s.Begin(modelPartition, Meta{})
			if _, err := tx.Conversation(key); err != nil {
				t.Fatal(err)
			}
			move(&state)
			tx.SetConversation(key, state)
			changes := apply(t, tx, Applied{})
			fresh := newStore(t)
			tx = fresh.Begin(modelPartition, Meta{})
			stage(t, tx, key, 2)
			apply(t, tx, Applied{})
			if err := fresh.Restore(modelPartition, changes, Applied{}); err != nil {
				t.Fatal(err)
			}
			if got, want := dump(t, s), dump(t, fresh); !slices.Equal(got, want) {
				t.Errorf("the store holds\n%s\nwant\n%s", lines(got), lines(want))
			}
		})
	}
}

// TestClassesAreReadOnTheirOwn puts many conversations before few of another account.
func TestClassesAreReadOnTheirOwn(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	tx := s.Begin(0, Meta{})
	put := func(account, id string, ready int64) {
		key := schemas.NewConversationKey(account, id, schemas.RequestID{})
		if _, err := tx.Conversation(key); err != nil {
			t.Fatal(err)
		}
		tx.SetConversation(key, conversation.State{Phase: conversation.Processing, Calls: 1, Ready: ready, Turn: conversation.Turn{SequenceCode: 1, Attempt: 1, Route: "r"}})
	}
	for i := range 2_000 {
		put("heavy", time.Duration(i).String(), int64(i))
	}
	put("light", "x", 5)
	apply(t, tx, Applied{})
	classes, err := s.Classes(0)
	want := []Class{{Route: "r", Account: "heavy"}, {Route: "r", Account: "light"}}
	if err != nil || !slices.Equal(classes, want) {
		t.Errorf("classes %v, %v, want %v", classes, err, want)
	}
	queue, err := s.Queue(0, want[1], Queued{}, 10)
	if err != nil || len(queue) != 1 || queue[0].Ready != 5 {
		t.Errorf("queue of the light account: %v, %v, want the one at 5", queue, err)
	}
	if none, err := s.Classes(1); err != nil || len(none) > 0 {
		t.Errorf("another partition has classes %v, %v", none, err)
	}
}

// TestStoreOfAnotherLayoutIsEmptied opens a store whose indexes were made by a version with other keys.
func TestStoreOfAnotherLayoutIsEmptied(t *testing.T) {
	t.Parallel()
	for name, age := range map[string]func(*pebble.DB) error{
		"older":             func(db *pebble.DB) error { return db.Set(layoutKey(), []byte{layout - 1}, pebble.NoSync) },
		"before there were": func(db *pebble.DB) error { return db.Delete(layoutKey(), pebble.NoSync) },
		"the same":          func(*pebble.DB) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fs := vfs.NewMem()
			s := openOn(t, fs)
			tx := s.Begin(0, Meta{})
			stage(t, tx, keyOf("order"), 1)
			apply(t, tx, Applied{Changelog: 7})
			if err := age(s.db); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = openOn(t, fs)
			defer s.Close()
			applied, err := s.Applied(0)
			if kept := len(dumpOf(t, s)) > 0; err != nil || kept != (name == "the same") || kept != (applied.Changelog == 7) {
				t.Errorf("position %+v, %v, holds something: %t", applied, err, kept)
			}
		})
	}
}
