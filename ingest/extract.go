package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"parley/internal/account"
	"parley/schemas"
)

const (
	// extractsPath is where the results of an account are had as a file.
	extractsPath = "/v1/extracts"
	// nextCursorHeader and rowsHeader are explained in the contract.
	nextCursorHeader = "Parley-Next-Cursor"
	rowsHeader       = "Parley-Rows"
)

// Extracts writes the results of an account as files.
type Extracts interface {
	// Extract writes what is asked for, and returns how many rows that are. Before the first byte begin is told the cursor up
	// to which it goes, and says where to write. Its errors before that are a *schemas.Problem, or wrap
	// schemas.ErrUnavailable. It ends when ctx does.
	Extract(ctx context.Context, q schemas.ExtractQuery, begin func(until schemas.Cursor) (io.Writer, error)) (rows int64, err error)
}

// extracts are those that a server has under way.
type extracts struct {
	seats    seats
	source   Extracts
	patience time.Duration
}

// extractRetry is after how long who found too many extracts under way may come again.
const extractRetry = 5 * time.Second

// errHeadersAlone ends an extract of which nobody wants the rows.
var errHeadersAlone = errors.New("HEAD has no body")

// getExtract writes the results of the account.
func (s *Server) getExtract(c echo.Context) error {
	who, p := s.caller(c, account.Read)
	if p != nil {
		return p
	}
	q, p := extractQuery(c.QueryParams(), s.recorder.log.Partitions)
	if p != nil {
		return p
	}
	q.Account = who.Account
	if !s.extracts.seats.take() {
		return &schemas.Problem{
			Code:       schemas.OwnerUnavailable,
			Detail:     fmt.Sprintf("%d extracts are under way here, and no more may be; come again later", s.extracts.seats.max),
			RetryAfter: extractRetry,
		}
	}
	defer s.extracts.seats.leave()
	out := extractWriter{request: c, format: q.Format, patience: s.extracts.patience}
	rows, err := s.extracts.source.Extract(c.Request().Context(), q, func(until schemas.Cursor) (io.Writer, error) {
		return out.begin(until, s.now())
	})
	if err == nil {
		err = out.end(rows)
	}
	switch {
	case errors.Is(err, errHeadersAlone):
		return nil
	case errors.Is(err, schemas.ErrUnavailable) && !c.Response().Committed:
		s.log.LogAttrs(c.Request().Context(), slog.LevelWarn, "no extract", slog.Any("error", err))
		return &schemas.Problem{Code: schemas.OwnerUnavailable, Detail: "the record does not answer now; ask again later"}
	case err != nil && c.Response().Committed && c.Request().Context().Err() == nil:
		s.log.LogAttrs(c.Request().Context(), slog.LevelWarn, "extract broken off", slog.String("account", q.Account), slog.Int64("rows", rows), slog.Any("error", err))
	}
	return err
}

// extractQuery reads what is asked for, of the caller's account, in a log of so many partitions.
func extractQuery(asked url.Values, partitions int32) (q schemas.ExtractQuery, p *schemas.Problem) {
	q.Format = schemas.ExtractCSV
	if text := asked.Get("format"); text != "" {
		if q.Format = schemas.ExtractFormat(text); !slices.Contains(schemas.ExtractFormats(), q.Format) {
			return q, invalid("format is one of %v, not %.100q", schemas.ExtractFormats(), text)
		}
	}
	if q.Columns, p = resultColumns(asked.Get("columns")); p != nil {
		return q, p
	}
	if q.After, p = placedPosition("cursor", asked.Get("cursor"), partitions); p != nil {
		return q, p
	}
	if text := asked.Get("until"); text != "" {
		until, p := placedPosition("until", text, partitions)
		if p != nil {
			return q, p
		}
		q.Until = &until
	}
	if q.From, q.To, p = endPeriod(asked); p != nil {
		return q, p
	}
	if q.ConversationID = asked.Get("conversationId"); !utf8.ValidString(q.ConversationID) {
		return q, invalid("conversationId is not UTF-8")
	}
	q.Statuses, p = resultStatuses(asked.Get("status"))
	return q, p
}

// placedPosition reads a position that stands somewhere in every partition.
func placedPosition(name, text string, partitions int32) (schemas.Cursor, *schemas.Problem) {
	at, p := position(name, text, partitions)
	if p == nil && !at.Since.IsZero() {
		p = invalid("%s is the cursor of a callback, which knows of some partitions but a time: ask GET /v1/results for a page after it, and go on from the cursor of that", name)
	}
	return at, p
}

func invalid(format string, args ...any) *schemas.Problem {
	return &schemas.Problem{Code: schemas.InvalidParameter, Detail: fmt.Sprintf(format, args...)}
}

// resultColumns reads a list of columns; empty: all.
func resultColumns(text string) ([]string, *schemas.Problem) {
	if text == "" {
		return nil, nil
	}
	columns := strings.Split(text, ",")
	for i, name := range columns {
		if !slices.Contains(schemas.ResultColumns(), name) {
			return nil, invalid("columns are some of %s, with commas between them; %.100q is none", strings.Join(schemas.ResultColumns(), ","), name)
		}
		if slices.Contains(columns[:i], name) {
			return nil, invalid("columns has %s twice", name)
		}
	}
	return columns, nil
}

// resultStatuses reads a list of statuses of objects; empty: all.
func resultStatuses(text string) ([]schemas.ResultStatus, *schemas.Problem) {
	if text == "" {
		return nil, nil
	}
	var out []schemas.ResultStatus
	for word := range strings.SplitSeq(text, ",") {
		status := schemas.ResultStatus(word)
		if status == schemas.HasErrors {
			return nil, invalid("status is that of an object, and HasErrors is one of a call: ask for Error")
		}
		if !slices.Contains(schemas.ResultStatuses(), status) {
			return nil, invalid("status is one or several of %v, with commas between them; %.100q is none", schemas.ResultStatuses(), word)
		}
		out = append(out, status)
	}
	return out, nil
}

// extractName is a name for the file of an extract that was begun at a time.
func extractName(format schemas.ExtractFormat, at time.Time) string {
	return "results-" + at.UTC().Format("20060102T150405Z") + "." + string(format)
}
