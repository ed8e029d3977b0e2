package query

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/uuid"

	"parley/schemas"
)

const (
	// searchesMax is how many searches are under way at once. Others wait: a search has a connection for seconds, and those of
	// the pool are for polls, too.
	searchesMax = 4
	// searchBytesMax bounds the memory that ClickHouse takes for a statement of a search.
	searchBytesMax = 1 << 30
)

// resultRow is a row of results_log, or some columns of one.
type resultRow struct {
	Account        string     `ch:"account"`
	ConversationID string     `ch:"conversation_id"`
	RequestID      uuid.UUID  `ch:"request_id"`
	SequenceCode   int32      `ch:"sequence_code"`
	Ordinal        int32      `ch:"ordinal"`
	CorrelationID  string     `ch:"correlation_id"`
	Method         string     `ch:"method"`
	ObjectType     string     `ch:"object_type"`
	CustomerKey    string     `ch:"customer_key"`
	Status         string     `ch:"status"`
	ErrorCode      string     `ch:"error_code"`
	Message        string     `ch:"message"`
	AcceptedAt     time.Time  `ch:"accepted_at"`
	StartedAt      *time.Time `ch:"started_at"`
	CompletedAt    time.Time  `ch:"completed_at"`
	Partition      int32      `ch:"partition"`
	Sequence       int64      `ch:"sequence"`
}

// Results returns a page of the results of an account, of those that are stored for good: see Stored. Its error may be a
// schemas.ErrTooMuch.
func (q *Query) Results(ctx context.Context, ask schemas.ResultsQuery) (schemas.ResultsPage, error) {
	searching, cancel := context.WithTimeout(ctx, q.bounds.search)
	defer cancel()
	select {
	case q.searching <- struct{}{}:
		defer func() { <-q.searching }()
	case <-searching.Done():
		return schemas.ResultsPage{}, fmt.Errorf("search results: %d searches are under way: %w", searchesMax, schemas.ErrUnavailable)
	}
	page, err := q.search(searching, ask)
	if err == nil {
		return page, nil
	}
	if ctx.Err() == nil && tooMuch(searching, err) {
		err = fmt.Errorf("%w: %w", schemas.ErrTooMuch, err)
	}
	return schemas.ResultsPage{}, fmt.Errorf("search results: %w", err)
}

func (q *Query) search(ctx context.Context, ask schemas.ResultsQuery) (schemas.ResultsPage, error) {
	began := time.Now()
	stored, err := q.Stored(ctx)
	if err != nil {
		return schemas.ResultsPage{}, err
	}
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"max_memory_usage": searchBytesMax}))
	if ask.After, err = q.placed(ctx, ask.Account, ask.After, stored); err != nil {
		return schemas.ResultsPage{}, err
	}
	s := newSearch(q.conn, ask, stored)
	if err := s.fill(ctx, func() bool { return time.Since(began) > q.bounds.patience }); err != nil {
		return schemas.ResultsPage{}, err
	}
	page := schemas.ResultsPage{Cursor: s.streams.position(ask.After), More: s.more}
	page.Results, err = s.results(ctx)
	return page, err
}

// What ClickHouse refuses when a statement would take more than it may
// (https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp).
const (
	timeoutExceeded     = 159
	tooSlow             = 160
	memoryLimitExceeded = 241
)

// tooMuch reports whether a statement under ctx failed because it took too long, or too much memory.
func tooMuch(ctx context.Context, err error) bool {
	refused, ok := errors.AsType[*clickhouse.Exception](err)
	return ok && slices.Contains([]int32{timeoutExceeded, tooSlow, memoryLimitExceeded}, refused.Code) || errors.Is(ctx.Err(), context.DeadlineExceeded)
}

// place is where the row stands in its partition.
func (r resultRow) place() place { return place{r.Sequence, r.Ordinal} }

// resource is the row as callers see it.
func (r resultRow) resource() schemas.RecordedResult {
	out := schemas.RecordedResult{
		Account:        r.Account,
		ConversationID: r.ConversationID,
		RequestID:      r.RequestID,
		SequenceCode:   r.SequenceCode,
		Ordinal:        r.Ordinal,
		CorrelationID:  r.CorrelationID,
		Method:         r.Method,
		ObjectType:     r.ObjectType,
		CustomerKey:    r.CustomerKey,
		Status:         schemas.ResultStatus(r.Status),
		ErrorCode:      schemas.Code(r.ErrorCode),
		Message:        r.Message,
		AcceptedAt:     schemas.TimeOf(r.AcceptedAt.UnixMilli()),
		CompletedAt:    schemas.TimeOf(r.CompletedAt.UnixMilli()),
		Sequence:       schemas.SequenceText(r.Partition, r.Sequence),
	}
	if r.StartedAt != nil {
		out.StartedAt = schemas.TimeOf(r.StartedAt.UnixMilli())
	}
	return out
}
