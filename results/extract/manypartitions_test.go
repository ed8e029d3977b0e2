package extract

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"parley/schemas"
)

// An extract of as many partitions as there can be, with the longest sequences that there can be, has what it has of those in
// which there are rows.
func TestManyPartitions(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	r.fill(t, 2_000)
	few := schemas.ExtractQuery{
		Account: account, Format: schemas.ExtractCSV,
		After: schemas.Cursor{Sequences: []int64{100, 100, 3, 100, 100, 100}, Part: &schemas.CursorPart{Partition: 2, Sequence: 4}},
		Until: &schemas.Cursor{Sequences: []int64{110, 100, 5, 101, 120, 100, 7}, Part: &schemas.CursorPart{Partition: 3, Sequence: 102}},
	}
	want, _ := r.bytes(t, few)
	if n := bytes.Count(want, []byte("\n")); n != 1+2*(10+2+1+20+7)-1+1 {
		t.Fatalf("few partitions have %d lines", n)
	}

	many := few
	many.After, many.Until = few.After.Clone(), new(schemas.Cursor)
	*many.Until = few.Until.Clone()
	for p := int32(7); p < schemas.PartitionsMax; p++ {
		many.After.Advance(p, math.MaxInt64-2)
		many.Until.Advance(p, math.MaxInt64-1)
	}
	r.exec(t, fmt.Sprintf("INSERT INTO stored (partition, sequence) SELECT number, %d FROM numbers(%d)", math.MaxInt64-1, schemas.PartitionsMax))
	if got, _ := r.bytes(t, many); !bytes.Equal(got, want) {
		t.Errorf("many partitions have %d bytes, few %d", len(got), len(want))
	}
	size := len(statement(many, schemas.ResultColumns(), *many.Until))
	if size < statementBytesMax/2 || size > statementBytesMax {
		t.Errorf("the statement has %d bytes, and %d are allowed", size, statementBytesMax)
	}

	// The ranges that are conditions each, and those that are arrays, meet here.
	for _, n := range []int{rangesMax, rangesMax + 1} {
		edge := many
		after, until := many.After.Clone(), many.Until.Clone()
		after.Sequences, until.Sequences = after.Sequences[:n+2], until.Sequences[:n+2] // two of them have no rows to give
		edge.After, edge.Until = after, &until
		if got, _ := r.bytes(t, edge); !bytes.Equal(got, want) {
			t.Errorf("%d ranges have %d bytes, few %d", n, len(got), len(want))
		}
	}
}
