package sink

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"parley/internal/testkit"
	parleyv1 "parley/schemas/parley/v1"
)

// Every column of a table as text, a row per line, in the order of identities.
const (
	resultsText = `SELECT concatWithSeparator('|', account, conversation_id, toString(request_id), toString(sequence_code), toString(ordinal),
		correlation_id, method, object_type, customer_key, status, error_code, message, toString(accepted_at),
		ifNull(toString(started_at), 'NULL'), toString(completed_at), toString(partition), toString(sequence)
		%s) FROM %s ORDER BY partition, sequence, ordinal`
	callsText = `SELECT concatWithSeparator('|', account, conversation_id, toString(request_id), toString(sequence_code),
		toString(calls_in_conversation), method, action, status, error_code, message, toString(attempts), toString(total),
		toString(processed), toString(errors), toString(accepted_at), ifNull(toString(started_at), 'NULL'), toString(completed_at),
		toString(partition), toString(sequence), if(length(digest) = 16, lower(hex(digest)), digest),
		route, toString(content), trace_id %s) FROM %s ORDER BY partition, sequence`
	conversationsText = `SELECT concatWithSeparator('|', account, conversation_id, ifNull(toString(request_id), 'NULL'), status,
		error_code, message, toString(calls_in_conversation), toString(received), toString(processed), toString(errors),
		toString(accepted_at), ifNull(toString(started_at), 'NULL'), toString(completed_at), toString(partition), toString(sequence) %s)
		FROM %s ORDER BY partition, sequence`
	deliveriesText = `SELECT concatWithSeparator('|', account, conversation_id, ifNull(toString(request_id), 'NULL'), type, response_type,
		response_address, status, error_code, message, toString(attempts), toString(begun_at), toString(completed_at), toString(about),
		toString(partition), toString(sequence) %s) FROM %s ORDER BY partition, sequence`
)

// hidden are the columns that the table has and the view has not.
var hidden = map[string]string{"results_log": ", route, toString(subject)"}

// stored is what the queries answer: results as the view has them, and, inLog, as the table has them.
type stored struct{ results, inLog, calls, conversations, deliveries []string }

// wantRows returns what the queries answer when each event is stored once. It is written apart from the sink.
func wantRows(events []*parleyv1.ResultEvent) (want stored) {
	events = slices.Clone(events)
	slices.SortFunc(events, func(a, b *parleyv1.ResultEvent) int {
		return int(a.Partition-b.Partition)*1_000_000 + int(a.Sequence-b.Sequence)
	})
	for _, e := range events {
		place := fmt.Sprintf("%d|%d", e.Partition, e.Sequence)
		if c := e.GetCall(); c != nil {
			processed, errors := 0, 0
			for i, o := range c.Results {
				processed++
				if o.Status == "Error" {
					errors++
				}
				result := line(e.Account, c.ConversationId, c.RequestId, c.SequenceCode, i, o.CorrelationId, c.Method,
					o.ObjectType, o.CustomerKey, o.Status, o.ErrorCode, o.Message, text(c.AcceptedAtMs), text(c.StartedAtMs), text(c.CompletedAtMs), place)
				want.results = append(want.results, result)
				want.inLog = append(want.inLog, line(result, c.Route, o.Subject))
			}
			want.calls = append(want.calls, line(e.Account, c.ConversationId, c.RequestId, c.SequenceCode, c.CallsInConversation, c.Method, c.Action,
				c.Status, c.ErrorCode, c.Message, c.Attempts, len(c.Results), processed, errors,
				text(c.AcceptedAtMs), text(c.StartedAtMs), text(c.CompletedAtMs), place, fmt.Sprintf("%x", c.Digest),
				c.Route, c.Content, fmt.Sprintf("%x", c.TraceId)))
			continue
		}
		if d := e.GetDelivery(); d != nil {
			name, request := d.ConversationId, "NULL"
			if name == "" {
				name, request = d.RequestId, d.RequestId
			}
			want.deliveries = append(want.deliveries, line(e.Account, name, request, d.Type, d.ResponseType, d.ResponseAddress, d.Status, d.ErrorCode, d.Message,
				d.Attempts, text(d.BegunAtMs), text(d.CompletedAtMs), d.About, place))
			continue
		}
		c := e.GetConversation()
		name, request := c.ConversationId, "NULL"
		if name == "" {
			name, request = c.RequestId, c.RequestId
		}
		want.conversations = append(want.conversations, line(e.Account, name, request, c.Status, c.ErrorCode, c.Message, c.CallsInConversation, c.Received,
			c.Processed, c.Errors, text(c.AcceptedAtMs), text(c.StartedAtMs), text(c.CompletedAtMs), place))
	}
	return want
}

func line(values ...any) string {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = fmt.Sprint(v)
	}
	return strings.Join(words, "|")
}

func text(ms int64) string {
	if ms == 0 {
		return "NULL"
	}
	return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05.000")
}

// checkStored compares tables (suffix "_log") or views (no suffix) with the events, row by row.
func checkStored(t *testing.T, conn driver.Conn, suffix string, events []*parleyv1.ResultEvent) {
	t.Helper()
	want := wantRows(events)
	results := want.results
	if suffix == "_log" {
		results = want.inLog
	}
	for _, c := range []struct {
		name, query string
		want        []string
	}{
		{"results", resultsText, results},
		{"calls", callsText, want.calls},
		{"conversations", conversationsText, want.conversations},
		{"deliveries", deliveriesText, want.deliveries},
	} {
		got := lines(t, conn, fmt.Sprintf(c.query, hidden[c.name+suffix], c.name+suffix))
		if slices.Equal(got, c.want) {
			continue
		}
		t.Errorf("%s%s: %d rows, want %d", c.name, suffix, len(got), len(c.want))
		for i := range max(len(got), len(c.want)) {
			if i >= len(got) || i >= len(c.want) || got[i] != c.want[i] {
				t.Fatalf("first difference in row %d:\n got %s\nwant %s", i, at(got, i), at(c.want, i))
			}
		}
	}
}

// checkReached compares the table stored with the events.
func checkReached(t *testing.T, conn driver.Conn, events []*parleyv1.ResultEvent) {
	t.Helper()
	last := map[int32]int64{}
	for _, e := range events {
		last[e.Partition] = max(last[e.Partition], e.Sequence)
	}
	var want []string
	for _, partition := range slices.Sorted(maps.Keys(last)) {
		want = append(want, line(partition, last[partition]))
	}
	got := lines(t, conn, `SELECT concat(toString(partition), '|', toString(max(sequence))) FROM stored GROUP BY partition ORDER BY partition`)
	if !slices.Equal(got, want) {
		t.Errorf("stored = %q, want %q", got, want)
	}
}

func at(s []string, i int) string {
	if i < len(s) {
		return s[i]
	}
	return "(none)"
}

func lines(t *testing.T, conn driver.Conn, query string) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// awaitStored waits until every event is in ClickHouse, at least once.
func awaitStored(t *testing.T, conn driver.Conn, events []*parleyv1.ResultEvent) {
	t.Helper()
	await(t, "all events stored", func() bool {
		var n uint64
		err := conn.QueryRow(t.Context(), `SELECT (SELECT uniqExact(partition, sequence) FROM calls_log)
			+ (SELECT uniqExact(partition, sequence) FROM conversations_log)
			+ (SELECT uniqExact(partition, sequence) FROM deliveries_log)`).Scan(&n)
		return err == nil && n == uint64(len(events))
	})
}

// await polls until a condition holds.
func await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited too long for: %s", what)
		case <-tick.C:
		}
	}
}
