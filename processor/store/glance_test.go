package store

import (
	"sync"
	"testing"

	"parley/processor/conversation"
	"parley/schemas"
)

// tick is a turn that makes two conversations Ready at n.
func tick(t *testing.T, s *Store, n int64) {
	t.Helper()
	tx := s.Begin(0, Meta{})
	for _, key := range []schemas.ConversationKey{keyOf("left"), keyOf("right")} {
		if _, err := tx.Conversation(key); err != nil {
			t.Error(err)
		}
		tx.SetConversation(key, conversation.State{Phase: conversation.Processing, Calls: 1, Ready: n, Turn: conversation.Turn{SequenceCode: 1, Attempt: 1}})
	}
	apply(t, tx, Applied{At: epoch})
}

// readyAt is what a view shows of a conversation.
func readyAt(t *testing.T, v *View, name string) int64 {
	t.Helper()
	s, err := v.Conversation(keyOf(name))
	if err != nil {
		t.Error(err)
	}
	return s.Ready
}

func TestGlanceAcrossATurn(t *testing.T) {
	t.Parallel()
	for name, between := range map[string]struct {
		happens     func(*testing.T, *Store)
		calls       int
		left, right int64
	}{
		"nothing":             {func(*testing.T, *Store) {}, 1, 1, 1},
		"a turn":              {func(t *testing.T, s *Store) { tick(t, s, 2) }, 2, 2, 2},
		"the partition drops": {func(t *testing.T, s *Store) { _ = s.Drop(0) }, 2, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t)
			tick(t, s, 1)
			var calls int
			var left, right int64
			err := s.Glance(0, func(v *View) error {
				calls++
				left = readyAt(t, v, "left")
				if calls == 1 {
					between.happens(t, s)
				}
				right = readyAt(t, v, "right")
				return nil
			})
			if err != nil || calls != between.calls || left != between.left || right != between.right {
				t.Errorf("called %d times, saw %d and %d, %v; want %d, %d and %d", calls, left, right, err, between.calls, between.left, between.right)
			}
		})
	}
}

// Who glances while turns are committed sees each as a whole or not at all.
func TestGlanceWhileTurnsAreCommitted(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	tick(t, s, 1)
	done := make(chan struct{})
	var glancing sync.WaitGroup
	for range 4 {
		glancing.Go(func() {
			for last := int64(0); ; {
				var left, right int64
				if err := s.Glance(0, func(v *View) error {
					left, right = readyAt(t, v, "left"), readyAt(t, v, "right")
					return nil
				}); err != nil {
					t.Error(err)
				}
				if left != right || left < last {
					t.Errorf("saw %d and %d after %d", left, right, last)
				}
				last = left
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for n := range int64(500) {
		tick(t, s, n+2)
	}
	close(done)
	glancing.Wait()
}
