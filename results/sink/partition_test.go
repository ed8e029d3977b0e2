package sink

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// The records of a partition in blocks: what was planned stands, whatever the limits are.
func TestPartitionCutsBlocks(t *testing.T) {
	t.Parallel()
	type span struct{ from, to int64 }
	for _, c := range []struct {
		name    string
		plan    mark
		bytes   int // a record has 10
		offsets []int64
		want    []span // sealed blocks
		rest    span   // the block that waits for more
	}{
		{"nothing planned", mark{offset: 3}, 30, []int64{3, 4, 7, 8}, []span{{3, 8}}, span{8, 9}},
		{"no commit at all", mark{offset: -1}, 30, []int64{3, 4, 7}, []span{{3, 8}}, span{}},
		{"planned, longer than the limit", mark{3, 9, true}, 10, []int64{3, 4, 7, 8, 9}, []span{{3, 9}, {9, 10}}, span{}},
		{"planned, shorter than the limit", mark{3, 5, true}, 100, []int64{3, 4, 7}, []span{{3, 5}}, span{7, 8}},
		{"planned, still on the way", mark{3, 9, true}, 10, []int64{3, 4, 7}, nil, span{3, 9}},
		{"planned, and its first records are gone", mark{3, 9, true}, 100, []int64{7, 8, 9}, []span{{3, 9}}, span{9, 10}},
		{"planned, and its last records are gone", mark{3, 9, true}, 100, []int64{3, 4, 9}, []span{{3, 9}}, span{9, 10}},
		{"planned, and all of it is gone", mark{3, 9, true}, 20, []int64{9, 12, 13}, []span{{9, 13}}, span{13, 14}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := &partition{limits: limits{rows: 1_000, bytes: c.bytes}, plan: c.plan}
			for _, o := range c.offsets { // one by one, as any poll may end anywhere
				p.take([]*kgo.Record{{Offset: o, Value: make([]byte, 10)}}, time.Now())
				p.fill()
			}
			for _, want := range c.want {
				if !p.due(time.Now(), time.Hour) {
					t.Fatalf("no sealed block, want %v", want)
				}
				if got := (span{p.block.from, p.block.to}); got != want {
					t.Fatalf("block = %v, want %v", got, want)
				}
				p.done(time.Now())
			}
			var rest span
			if p.block != nil {
				rest = span{p.block.from, p.block.to}
			}
			if rest != c.rest || p.due(time.Now(), time.Hour) {
				t.Errorf("block that waits = %v, want %v", rest, c.rest)
			}
		})
	}
}

// A block without its last record is written when its first has waited long enough, but never one that was planned.
func TestPartitionDue(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, plan := range []mark{{offset: 3}, {3, 9, true}} {
		p := &partition{limits: limits{rows: 10, bytes: 1_000}, plan: plan}
		p.take([]*kgo.Record{{Offset: 3}}, now)
		p.fill()
		if p.due(now.Add(time.Second-1), time.Second) {
			t.Errorf("%+v: due before its time", plan)
		}
		if got := p.due(now.Add(time.Second), time.Second); got == plan.planned {
			t.Errorf("%+v: due after its time: %v", plan, got)
		}
	}
}
