package processor

import (
	"testing"
	"time"
)

// Events are never said to be younger than they are, and of a second they have the age of its first.
func TestWrittenSince(t *testing.T) {
	t.Parallel()
	var w written
	if since := w.since(0); !since.IsZero() {
		t.Errorf("of nothing written the first is of %v", since)
	}
	w = w.note(10, at(0))
	w = w.note(10, at(500)) // a turn without events
	w = w.note(12, at(999))
	w = w.note(13, at(1000))
	for _, c := range []struct {
		stored int64
		want   time.Time
	}{{0, at(0)}, {11, at(0)}, {12, at(1000)}, {13, time.Time{}}, {99, time.Time{}}} {
		if got := w.since(c.stored); got != c.want {
			t.Errorf("behind %d the first is of %v, want %v", c.stored, got, c.want)
		}
	}
	for i := range 10 * writtenMarksMax {
		w = w.note(int64(14+i), at(2000+1000*i))
		if stored := int64(14 + i/2); w.since(stored - 1).After(at(2000 + 1000*(i/2))) {
			t.Fatalf("event %d is of %v, after %v", stored, w.since(stored-1), at(2000+1000*(i/2)))
		}
	}
	if len(w) > writtenMarksMax {
		t.Errorf("%d marks, at most %d", len(w), writtenMarksMax)
	}
}
