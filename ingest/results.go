package ingest

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"parley/internal/account"
	"parley/schemas"
)

// resultsPath is where the results of an account are searched.
const resultsPath = "/v1/results"

// resultParameters are those of a search.
func resultParameters() []string {
	return []string{
		"after", "conversationId", "correlationId", "customerKey", "errorCode", "from", "limit", "objectType", "requestId", "status", "to",
	}
}

// ResultList is a page of results, as GET /v1/results answers it.
type ResultList struct {
	Results []schemas.RecordedResult `json:"results"`
	// Next is what the next page is asked for with; empty when there is none now.
	Next string `json:"next,omitempty"`
	// Cursor is what those are asked for with that come later; while there is a next page it is Next.
	Cursor string `json:"cursor"`
}

// getResults searches the record.
func (s *Server) getResults(c echo.Context) error {
	who, p := s.caller(c, account.Read)
	if p != nil {
		return p
	}
	q, p := resultsQuery(c, s.recorder.log.Partitions)
	if p != nil {
		return p
	}
	q.Account = who.Account
	found, err := s.poller.results(c.Request().Context(), q)
	if err != nil {
		return err
	}
	page := ResultList{Results: found.Results, Cursor: found.Cursor.String()}
	if found.More {
		page.Next = page.Cursor
	}
	return answer(c, http.StatusOK, mimeJSON, page)
}

// resultsQuery reads what is asked for, of the caller's account, in a log of so many partitions.
func resultsQuery(c echo.Context, partitions int32) (q schemas.ResultsQuery, p *schemas.Problem) {
	if q.ResultsFilter, p = resultsFilter(c); p != nil {
		return q, p
	}
	if q.After, p = position("after", c.QueryParam("after"), partitions); p != nil {
		return q, p
	}
	q.Limit, p = limit(c)
	return q, p
}

func resultsFilter(c echo.Context) (f schemas.ResultsFilter, p *schemas.Problem) {
	for name, into := range map[string]*string{
		"conversationId": &f.ConversationID, "correlationId": &f.CorrelationID, "customerKey": &f.CustomerKey, "objectType": &f.ObjectType,
		"errorCode": (*string)(&f.ErrorCode),
	} {
		if *into = c.QueryParam(name); !utf8.ValidString(*into) {
			return f, invalid("%s is not UTF-8", name)
		}
	}
	if text := c.QueryParam("requestId"); text != "" {
		id, err := uuid.Parse(text)
		if err != nil || len(text) != canonicalUUID {
			return f, invalid("requestId is a UUID, as the acknowledgment of the call gave it; %.100q is none", text)
		}
		f.RequestID = id
	}
	if f.Statuses, p = resultStatuses(c.QueryParam("status")); p != nil {
		return f, p
	}
	f.From, f.To, p = endPeriod(c.QueryParams())
	return f, p
}

// canonicalUUID is the length of the one form in which Parley writes a UUID.
const canonicalUUID = 36

// endPeriod reads when calls ended that are asked for.
func endPeriod(asked url.Values) (from, to time.Time, p *schemas.Problem) {
	if from, p = instant("from", asked.Get("from")); p != nil {
		return from, to, p
	}
	if to, p = instant("to", asked.Get("to")); p != nil {
		return from, to, p
	}
	if !to.IsZero() && !from.Before(to) {
		return from, to, invalid("from is before to: the period has what ended at from, and nothing that did at to")
	}
	return from, to, nil
}

// position reads a position in the results; empty: before all.
func position(name, text string, partitions int32) (schemas.Cursor, *schemas.Problem) {
	if text == "" {
		return schemas.Cursor{}, nil
	}
	at, err := schemas.ParseCursor(text)
	if err != nil {
		return at, invalid("%s is a position in the results, as an answer before gave it (next or cursor of a page, %s of an extract, cursor of a callback); %.100q is none", name, nextCursorHeader, text)
	}
	if len(at.Sequences) > int(partitions) || at.Part != nil && at.Part.Partition >= partitions {
		return at, invalid("%s is of a Parley that has more partitions than this one, which has %d", name, partitions)
	}
	return at, nil
}

// limit reads how many a page may have.
func limit(c echo.Context) (int, *schemas.Problem) {
	text := c.QueryParam("limit")
	if text == "" {
		return listLimit, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > listLimitMax {
		return 0, invalid("limit is a number from 1 to %d", listLimitMax)
	}
	return n, nil
}

// results asks the record, which bounds the time that it takes. Its error is a *schemas.Problem.
func (p poller) results(ctx context.Context, q schemas.ResultsQuery) (schemas.ResultsPage, error) {
	found, err := p.record.Results(ctx, q)
	switch {
	case err == nil:
		return found, nil
	case errors.Is(err, schemas.ErrTooMuch):
		return found, &schemas.Problem{
			Code: schemas.OwnerUnavailable,
			Detail: "the search took too long, and was ended; ask for less: by conversationId, requestId, correlationId or customerKey, " +
				"for a shorter period (from, to), or with a smaller limit",
		}
	case ctx.Err() == nil:
		p.note(ctx, "record", "results", err)
	}
	return found, &schemas.Problem{
		Code:   schemas.OwnerUnavailable,
		Detail: "the record of what has ended cannot tell now; ask again later, or for a call or a conversation by its id",
	}
}
