package query

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"

	"parley/results/record"
	"parley/schemas"
)

const (
	// windowOfAll is how many sequences of a partition are read first when all results are asked for, windowOfSome when
	// some are, and windowIndexed when an index finds them.
	windowOfAll   = 1 << 10
	windowOfSome  = 1 << 16
	windowIndexed = math.MaxInt64
	// streamsMax is how many streams a statement reads, each in a window of its own.
	streamsMax = 128
)

// search puts a page of results together. Of each stream a little is read, and more of those that run dry before the page
// is full: so no more is read than what is about the page, wherever in an account of any size it begins. What is read is
// the places of results. The results themselves are read when the page is full, unless an index finds just those.
type search struct {
	conn    driver.Conn
	ask     schemas.ResultsQuery
	streams *streams
	// few is set when all results that are asked for are of one call, or of one conversation.
	few bool
	// indexed is set when an index finds the results that are asked for.
	indexed bool
	page    []resultRow
	// more is set when there is more than the page, or may be.
	more bool
}

func newSearch(conn driver.Conn, ask schemas.ResultsQuery, stored schemas.Cursor) *search {
	f := ask.ResultsFilter
	s := &search{conn: conn, ask: ask, few: f.ConversationID != "" || f.RequestID != uuid.Nil}
	s.indexed = s.few || f.CorrelationID != "" || f.CustomerKey != ""
	window := int64(windowOfSome)
	switch {
	case s.indexed:
		window = windowIndexed
	case len(f.Statuses) == 0 && f.ErrorCode == "" && f.ObjectType == "" && f.From.IsZero() && f.To.IsZero():
		window = windowOfAll
	}
	s.streams = newStreams(ask.After, stored, window)
	return s
}

// fill puts the page together; when it is late, only what there is of it.
func (s *search) fill(ctx context.Context, late func() bool) (err error) {
	s.page, s.more, err = s.streams.fill(s.ask.Limit, late, func(dry []*stream) error { return s.readAll(ctx, dry) })
	return err
}

// readAll reads what comes next of each stream: of all together somewhat more than a page, if they are alike.
func (s *search) readAll(ctx context.Context, dry []*stream) error {
	limit, most := min(s.ask.Limit+1, 4*(s.ask.Limit+1)/len(dry)+8), streamsMax
	if s.indexed {
		limit, most = s.ask.Limit+1, len(dry)
	}
	for some := range slices.Chunk(dry, most) {
		if err := s.read(ctx, some, limit); err != nil {
			return err
		}
	}
	return nil
}

// read reads of each stream what comes next, at the most limit rows.
func (s *search) read(ctx context.Context, some []*stream, limit int) error {
	spans := make([]span, len(some))
	for i, st := range some {
		spans[i] = st.span()
	}
	statement, args := s.statement(spans, limit)
	found, err := rows[resultRow](ctx, s.conn, statement, args...)
	if err != nil {
		return err
	}
	share(some, spans, found, limit)
	return nil
}

// statement selects the first rows of each span, and takes the arguments.
func (s *search) statement(spans []span, limit int) (statement string, args []any) {
	columns, in := "partition, sequence, ordinal, completed_at", inSpans
	if s.few {
		columns = resultColumns
	}
	if s.indexed {
		in = inStreams
	}
	where, args := s.where()
	return "SELECT " + columns + " FROM results_log WHERE " + where + " AND " + in(spans) +
		" ORDER BY partition, sequence, ordinal LIMIT " + strconv.Itoa(limit) + " BY partition", args
}

// resultColumns are those of the view results.
const resultColumns = `account, conversation_id, request_id, sequence_code, ordinal, correlation_id, method, object_type, customer_key,
	status, error_code, message, accepted_at, started_at, completed_at, partition, sequence`

// callsNamed takes the account and a ConversationID, and callAloneNamed the account and a request id.
const (
	callsNamed     = `SELECT partition, sequence FROM calls_log WHERE account = ? AND conversation_id = ?`
	callAloneNamed = `SELECT partition, sequence FROM calls_log WHERE account = ? AND conversation_id = '' AND request_id = toUUID(?)`
)

// where is what holds for all results that are asked for, and its arguments.
func (s *search) where() (where string, args []any) {
	where, args = "account = ?", []any{s.ask.Account}
	and := func(condition string, values ...any) {
		where += " AND " + condition
		args = append(args, values...)
	}
	f := s.ask.ResultsFilter
	if f.ConversationID != "" {
		named, values := callsNamed, []any{s.ask.Account, f.ConversationID}
		if id, err := uuid.Parse(f.ConversationID); err == nil {
			named += " UNION ALL " + callAloneNamed
			values = append(values, s.ask.Account, id.String())
		}
		and("(partition, sequence) IN ("+named+")", values...)
	}
	if f.RequestID != uuid.Nil {
		and("request_id = toUUID(?)", f.RequestID.String())
	}
	is := func(column, value string) {
		if value != "" {
			and(column+" = ?", value)
		}
	}
	is("correlation_id", f.CorrelationID)
	is("customer_key", f.CustomerKey)
	is("object_type", f.ObjectType)
	is("error_code", string(f.ErrorCode))
	if len(f.Statuses) > 0 {
		words := make([]string, len(f.Statuses))
		for i, status := range f.Statuses {
			words[i] = string(status)
		}
		and("status IN (?)", words)
	}
	if !f.From.IsZero() {
		and("completed_at >= fromUnixTimestamp64Milli(?)", record.Milli(f.From))
	}
	if !f.To.IsZero() {
		and("completed_at < fromUnixTimestamp64Milli(?)", record.Milli(f.To))
	}
	return where, args
}

// results are those on the page. One that was erased meanwhile is left out.
func (s *search) results(ctx context.Context) ([]schemas.RecordedResult, error) {
	found := s.page
	if !s.few && len(s.page) > 0 {
		var err error
		found, err = rows[resultRow](ctx, s.conn, "SELECT "+resultColumns+" FROM results_log WHERE account = ? AND "+atPlaces(s.page), s.ask.Account)
		if err != nil {
			return nil, err
		}
	}
	type identity struct {
		partition int32
		place     place
	}
	byPlace := make(map[identity]resultRow, len(found))
	for _, r := range found {
		byPlace[identity{r.Partition, r.place()}] = r
	}
	out := make([]schemas.RecordedResult, 0, len(s.page))
	for _, r := range s.page {
		if r, ok := byPlace[identity{r.Partition, r.place()}]; ok {
			out = append(out, r.resource())
		}
	}
	return out, nil
}

// span is a part of a stream: what stands behind a place, up to a sequence (inclusive).
type span struct {
	partition int32
	after     place
	upto      int64
}

// inSpans is the condition that a row stands in one of the spans. The primary key finds them.
func inSpans(spans []span) string {
	each := make([]string, len(spans))
	for i, s := range spans {
		each[i] = fmt.Sprintf("partition = %d AND sequence > %d AND sequence <= %d", s.partition, s.whole(), s.upto)
	}
	return "(" + strings.Join(each, " OR ") + ")" + notGiven(spans)
}

// inStreams is the same condition, for spans that are long: what another index does not find is tested quickly.
func inStreams(spans []span) string {
	n := spans[len(spans)-1].partition + 1 // they are in order
	after, upto := make([]string, n), make([]string, n)
	for p := range n {
		after[p], upto[p] = "0", "0"
	}
	for _, s := range spans {
		after[s.partition], upto[s.partition] = strconv.FormatInt(s.whole(), 10), strconv.FormatInt(s.upto, 10)
	}
	ofRow := func(list []string) string { return "[" + strings.Join(list, ",") + "][partition + 1]" }
	return "sequence > " + ofRow(after) + " AND sequence <= " + ofRow(upto) + notGiven(spans)
}

// whole is the sequence up to which (inclusive) calls stand before the span as a whole.
func (s span) whole() int64 {
	if s.after.ordinal == wholeCall {
		return s.after.sequence
	}
	return s.after.sequence - 1
}

// notGiven is the condition that a row does not stand before a span in the call at its beginning.
func notGiven(spans []span) string {
	var b strings.Builder
	for _, s := range spans {
		if s.after.ordinal != wholeCall {
			fmt.Fprintf(&b, " AND NOT (partition = %d AND sequence = %d AND ordinal <= %d)", s.partition, s.after.sequence, s.after.ordinal)
		}
	}
	return b.String()
}

// atPlaces is the condition that a row stands where one of these does.
func atPlaces(page []resultRow) string {
	each := make([]string, len(page))
	for i, r := range page {
		each[i] = fmt.Sprintf("(%d,%d,%d)", r.Partition, r.Sequence, r.Ordinal)
	}
	return "(partition, sequence, ordinal) IN (" + strings.Join(each, ",") + ")"
}
