package processor

import (
	"testing"
	"time"

	"parley/processor/store"
	"parley/schemas"
)

// What the cursor of an attempt says of each partition: 0 is that of its event, the receiver and the owners say what of the others.
func TestCursorOfAnAttempt(t *testing.T) {
	t.Parallel()
	made := time.UnixMilli(1_790_000_000_000)
	at := func(partition int32, sequence int64) deliveryRef {
		return deliveryRef{partition: partition, id: store.DeliveryID{Sequence: sequence}}
	}
	second := at(0, 9)
	second.id.Target = 1
	since := made.Add(-cursorMargin)
	tests := []struct {
		name  string
		owned map[int32]time.Duration // when they were taken over, before the notice was made
		held  map[deliveryRef]bool
		// behind is since when more is due in partition 1, before the notice was made; zero: nothing is.
		behind time.Duration
		since  time.Time
		want   [3]int64
	}{
		{"all partitions are ours", map[int32]time.Duration{0: 1, 1: 1, 2: 1}, nil, 0, time.Time{}, [3]int64{9, 5, 7}},
		{"one is another's", map[int32]time.Duration{0: 1, 1: 1}, nil, 0, since, [3]int64{9, 5, schemas.Unplaced}},
		{"one is ours again", map[int32]time.Duration{0: 1, 1: -1, 2: 1}, nil, 0, since, [3]int64{9, schemas.Unplaced, 7}},
		{"the event itself waits, for another target too", map[int32]time.Duration{0: 1, 1: 1, 2: 1}, map[deliveryRef]bool{at(0, 9): false, second: false}, 0, time.Time{}, [3]int64{9, 5, 7}},
		{"others wait", map[int32]time.Duration{0: 1, 1: 1, 2: 1}, map[deliveryRef]bool{at(0, 3): false, at(1, 1): false, at(1, 4): false, at(2, 8): false}, 0, time.Time{}, [3]int64{2, 0, 7}},
		{"others were answered", map[int32]time.Duration{0: 1, 1: 1, 2: 1}, map[deliveryRef]bool{at(0, 3): true, at(1, 1): true}, 0, time.Time{}, [3]int64{9, 5, 7}},
		{"more waits in the store", map[int32]time.Duration{0: 1, 1: 1, 2: 1}, nil, time.Hour, made.Add(-time.Hour - cursorMargin), [3]int64{9, schemas.Unplaced, 7}},
		{"more has waited since", map[int32]time.Duration{0: 1, 1: 1, 2: 1}, nil, -time.Hour, since, [3]int64{9, schemas.Unplaced, 7}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n := &notifier{cfg: &Config{Partitions: 3}, owned: make(map[int32]*deliveryTenure)}
			for partition, before := range tt.owned {
				n.owned[partition] = &deliveryTenure{begun: made.Add(-before)}
			}
			l := &receiverLine{held: tt.held}
			if tt.behind != 0 {
				l.behind = map[int32]store.DueDelivery{1: {At: made.Add(-tt.behind)}}
			}
			text, err := n.cursor(at(0, 9), l, made, schemas.Cursor{Sequences: []int64{9, 5, 7}, Since: since}.String())
			if err != nil {
				t.Fatal(err)
			}
			got, err := schemas.ParseCursor(text)
			if err != nil {
				t.Fatal(err)
			}
			if !got.Since.Equal(tt.since) || [3]int64{got.Sequence(0), got.Sequence(1), got.Sequence(2)} != tt.want {
				t.Errorf("cursor %+v, want %v since %v", got, tt.want, tt.since)
			}
		})
	}
}
