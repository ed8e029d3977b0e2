package results_test

import (
	"context"
	"testing"

	"github.com/google/uuid"

	"parley/results/query"
	"parley/results/recordtest"
	"parley/schemas"
)

// storedCalls are 400,000 results.
const storedCalls = 200_000

// BenchmarkStorage tells how many bytes a row of each table takes on disk when its parts are merged, indexes included, and
// which columns take most of it.
func BenchmarkStorage(b *testing.B) {
	conn := recordtest.Open(b, recordtest.Migrated(b))
	recordtest.Fill(b, conn, storedCalls)
	var tables []struct {
		Name  string  `ch:"table"`
		Bytes float64 `ch:"bytes"`
	}
	for b.Loop() {
		tables = nil
		if err := conn.Select(context.Background(), &tables, `SELECT table, sum(bytes_on_disk) / sum(rows) AS bytes FROM system.parts
			WHERE database = currentDatabase() AND active AND rows > 1000 GROUP BY table`); err != nil {
			b.Fatal(err)
		}
	}
	for _, t := range tables {
		b.ReportMetric(t.Bytes, t.Name+"-B/row")
	}
	b.ReportMetric(0, "ns/op")
	var columns []struct {
		Name  string  `ch:"name"`
		Bytes float64 `ch:"bytes"`
	}
	if err := conn.Select(context.Background(), &columns, `SELECT table || '.' || column AS name, sum(column_bytes_on_disk) / sum(rows) AS bytes
		FROM system.parts_columns WHERE database = currentDatabase() AND active AND rows > 1000 AND part_type = 'Wide'
		GROUP BY name HAVING bytes >= 1 ORDER BY bytes DESC`); err != nil {
		b.Fatal(err)
	}
	for _, c := range columns {
		b.Logf("%5.1f bytes a row: %s", c.Bytes, c.Name)
	}
}

// BenchmarkLookup asks for one call, and one conversation, after the other, among many.
func BenchmarkLookup(b *testing.B) {
	conn := recordtest.Open(b, recordtest.Migrated(b))
	recordtest.Fill(b, conn, storedCalls)
	q := query.New(conn)
	var calls []struct {
		Account      string    `ch:"account"`
		Conversation string    `ch:"conversation_id"`
		Request      uuid.UUID `ch:"request_id"`
	}
	if err := conn.Select(context.Background(), &calls, `SELECT account, conversation_id, request_id FROM calls
		WHERE conversation_id != '' ORDER BY cityHash64(request_id) LIMIT 1000`); err != nil {
		b.Fatal(err)
	}
	for name, look := range map[string]func(i int) error{
		"request": func(i int) error {
			_, err := q.Request(context.Background(), schemas.RequestQuery{Account: calls[i].Account, ID: calls[i].Request})
			return err
		},
		"conversation": func(i int) error {
			_, err := q.Conversation(context.Background(), schemas.ConversationQuery{Account: calls[i].Account, ID: calls[i].Conversation})
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			n := 0
			for b.Loop() {
				if err := look(n % len(calls)); err != nil {
					b.Fatal(err)
				}
				n++
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "lookups/s")
		})
	}
}
