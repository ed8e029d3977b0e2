package ingest

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"parley/internal/account"
	"parley/schemas"
)

const (
	booksPath = "/v1/audit"
	// booksAge is for how long what was told of the books is told again.
	booksAge = time.Second
)

// books are what the owners of partitions and the record know of all calls, held against each other.
type books struct {
	live       Live
	record     Record
	partitions int32
	log        *slog.Logger
	now        func() time.Time

	// turn is held by the one that asks, or looks at what was told.
	turn chan struct{}
	told schemas.AuditResource
	at   time.Time
}

func newBooks(cfg Config) *books {
	return &books{live: cfg.Live, record: cfg.Record, partitions: cfg.Partitions, log: cfg.Log, now: cfg.Now, turn: make(chan struct{}, 1)}
}

// getAudit answers whether the books are in order.
func (s *Server) getAudit(c echo.Context) error {
	if _, p := s.caller(c, account.Admin); p != nil {
		return p
	}
	told, p := s.books.ask(c.Request().Context())
	if p != nil {
		return p
	}
	return answer(c, http.StatusOK, mimeJSON, told)
}

// ask returns what is known, no older than booksAge.
func (b *books) ask(ctx context.Context) (schemas.AuditResource, *schemas.Problem) {
	nobody := &schemas.Problem{Code: schemas.OwnerUnavailable, Detail: "neither the owners of partitions nor ClickHouse can tell of the books now; ask again later"}
	select {
	case b.turn <- struct{}{}:
		defer func() { <-b.turn }()
	case <-ctx.Done():
		return schemas.AuditResource{}, nobody
	}
	if !b.at.IsZero() && b.now().Sub(b.at) < booksAge {
		return b.told, nil
	}
	// Whoever asks next is told the same: it does not end when this one leaves.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
	defer cancel()
	// The record first: what it has the owners have written before.
	record, err := b.record.Books(ctx)
	if err != nil {
		b.log.Debug("the record does not tell of the books", slog.Any("error", err))
		record = nil
	}
	var stored map[int32]int64
	if record != nil {
		stored = record.Stored
	}
	counts, err := b.live.Audit(ctx, stored)
	if err != nil {
		b.log.Debug("not all owners tell of the books", slog.Any("error", err))
	}
	if record == nil && len(counts) == 0 {
		return schemas.AuditResource{}, nobody
	}
	b.told, b.at = schemas.NewAudit(counts, record, b.partitions, b.now()), b.now()
	return b.told, nil
}
