package subscriber

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"parley/schemas"
)

// A block is as long as it may be, and not torn: its transactions are whole, and the next one is the first of the next block.
func TestBlock(t *testing.T) {
	t.Parallel()
	const one = len(`{"transactionId":1,"type":""}`)
	for name, tt := range map[string]struct {
		bytes, count int
		lengths      []int // beyond one
		want         int
		cut          bool
	}{
		"all fit":                 {3 * one, 9, []int{0, 0, 0}, 3, false},
		"one byte too many":       {3*one - 1, 9, []int{0, 0, 0}, 2, true},
		"enough":                  {9 * one, 2, []int{0, 0, 0}, 2, false},
		"none are wanted":         {9 * one, 0, []int{0}, 0, false},
		"longer than any block":   {one, 9, []int{5, 0}, 1, true},
		"the second is too long":  {2 * one, 9, []int{0, one + 1, 0}, 1, true},
		"more than room was made": {4 * one, 9, []int{0, one, one, 0}, 2, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := block{form: schemas.QueuedTransaction.AppendJSON, countMax: tt.count, bytesMax: tt.bytes}
			var records []*kgo.Record
			for i, n := range tt.lengths {
				records = append(records, &kgo.Record{Offset: int64(i), Value: []byte(`{"type":"` + strings.Repeat("x", n) + `"}`)})
			}
			for _, r := range records {
				b.grow(records)
				if b.full() {
					break
				}
				if err := b.add(r); err != nil {
					t.Fatal(err)
				}
			}
			if len(b.written) != tt.want || b.last != int64(tt.want) || b.cut != tt.cut {
				t.Fatalf("%d transactions up to %d, cut %t; want %d, %t", len(b.written), b.last, b.cut, tt.want, tt.cut)
			}
			for i, text := range b.written {
				if want := fmt.Sprintf(`{"transactionId":%d,%s`, i+1, records[i].Value[1:]); string(text) != want {
					t.Errorf("transaction %d is %s, want %s", i, text, want)
				}
			}
		})
	}
}
