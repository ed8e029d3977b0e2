package query

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"parley/results/recordtest"
	"parley/schemas"
)

// A cursor that has of some partitions but a time begins there with the first result that ended then or later, and what is
// recorded after that, whenever it ended, follows on the next pages; where it has a place, that counts.
func TestPagesSinceATime(t *testing.T) {
	t.Parallel()
	conn := recordtest.Open(t, recordtest.Migrated(t))
	q := patient(conn)
	since := time.UnixMilli(epoch).UTC()
	write := func(account string, partition int32, sequence int64, after time.Duration) {
		at := since.Add(after)
		insertResults(t, conn, []resultRow{{Account: account, RequestID: uuid.New(), SequenceCode: 1, Status: "OK", AcceptedAt: at, CompletedAt: at, Partition: partition, Sequence: sequence}})
	}
	write("acc", 0, 1, -time.Hour)
	write("acc", 0, 2, -time.Hour)
	write("acc", 1, 1, -time.Hour)
	write("acc", 1, 3, 0)
	write("acc", 1, 4, -time.Second)
	write("acc", 2, 5, -time.Millisecond)
	write("other", 2, 4, time.Second)
	write("acc", 3, 1, -time.Hour)
	for partition, sequence := range []int64{2, 4, 5} { // and nothing of 3
		insertStored(t, conn, int32(partition), sequence)
	}
	ask := schemas.ResultsQuery{Account: "acc", Limit: 9, After: schemas.Cursor{Since: since}}
	ask.After.Advance(0, 1)
	page := func(want ...string) {
		t.Helper()
		got, err := q.Results(t.Context(), ask)
		if err != nil {
			t.Fatal(err)
		}
		var sequences []string
		for _, r := range got.Results {
			sequences = append(sequences, r.Sequence)
		}
		slices.Sort(sequences)
		if !slices.Equal(sequences, want) {
			t.Errorf("a page has %q, want %q", sequences, want)
		}
		if ask.After = got.Cursor; !ask.After.Since.IsZero() {
			t.Errorf("the page ends at %+v, which is no place", ask.After)
		}
	}
	page("0-2", "1-3", "1-4")
	write("acc", 2, 6, -time.Hour)
	insertStored(t, conn, 2, 6)
	insertStored(t, conn, 3, 1)
	page("2-6", "3-1")
	page()
}
