package sink

import (
	"log/slog"
	"testing"

	"github.com/google/uuid"

	"parley/results/recordtest"
	parleyv1 "parley/schemas/parley/v1"
)

// Not the rows but the token says whether an insert is a repeat, in each month that the rows touch.
func TestTokenDecides(t *testing.T) {
	t.Parallel()
	dsn := recordtest.Migrated(t)
	conn := recordtest.Open(t, dsn)
	s := &store{dsn: dsn, conn: conn, log: slog.New(slog.DiscardHandler)}
	const month = 31 * 24 * 3_600_000
	rowsOf := func(account string) table {
		var rows []callRow
		for m := range int64(3) {
			c := &parleyv1.CallEvent{CompletedAtMs: 1_790_000_000_000 + m*month}
			e := &parleyv1.ResultEvent{Account: account, Sequence: m, Event: &parleyv1.ResultEvent_Call{Call: c}}
			rows = append(rows, newCallRow(event{ResultEvent: e, request: uuid.UUID{1}}, c))
		}
		return tableOf("calls_log", rows, callColumns())
	}
	for _, c := range []struct {
		account, token string
		want           uint64
	}{
		{"first", "t1", 3},
		{"first", "t1", 3},
		{"other", "t1", 3},
		{"first", "t2", 6},
	} {
		if err := s.insert(t.Context(), rowsOf(c.account), c.token); err != nil {
			t.Fatal(err)
		}
		var n uint64
		if err := conn.QueryRow(t.Context(), "SELECT count() FROM calls_log").Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n != c.want {
			t.Errorf("%d rows after inserting rows of %s with token %s, want %d", n, c.account, c.token, c.want)
		}
	}
}
