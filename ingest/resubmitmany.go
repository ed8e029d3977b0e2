package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/labstack/echo/v4"

	"parley/internal/account"
	"parley/schemas"
)

const resubmitPath = "/v1/resubmit"

// resubmissionsAtOnce is how many conversations of one request are resubmitted at a time.
const resubmissionsAtOnce = 16

// bulkLine is a line of the answer: what came of a conversation, with the problem if there is one.
type bulkLine struct {
	schemas.BulkResubmitted
	Problem *document `json:"problem,omitempty"`
}

// postResubmissions resubmits the conversations that failed in a period, and answers a line for each as it goes.
func (s *Server) postResubmissions(c echo.Context) error {
	who, p := s.caller(c, account.Submit)
	if p != nil {
		return p
	}
	body, err := s.smallBody(c.Request())
	if err != nil {
		return err
	}
	r, p := schemas.DecodeBulkResubmission(body)
	if p != nil {
		return p
	}
	ctx := c.Request().Context()
	failed, err := s.poller.record.Failed(ctx, schemas.FailedQuery{Account: who.Account, Route: r.Route, Code: r.ErrorCode, From: r.From, To: r.To, Limit: r.Limit})
	if err != nil {
		s.poller.note(ctx, "record", "conversation", err)
		return &schemas.Problem{Code: schemas.OwnerUnavailable, Detail: "the record cannot tell now what has failed; nothing was resubmitted, send this again later"}
	}
	detail(c, slog.Int("conversations", len(failed)), slog.Time("ended_from", r.From), slog.Time("ended_to", r.To), slog.String("route", r.Route),
		slog.String("error_code", string(r.ErrorCode)), slog.Bool("include_failed", r.IncludeFailed), slog.Bool("dry_run", r.DryRun))
	c.Response().Header().Set(echo.HeaderContentType, mimeNDJSON)
	c.Response().WriteHeader(http.StatusOK)
	for some := range slices.Chunk(failed, resubmissionsAtOnce) {
		if err := writeLines(c.Response(), s.resubmitSome(c, who.Account, some, r)); err != nil {
			return err
		}
	}
	return nil
}

// resubmitSome resubmits some conversations at once.
func (s *Server) resubmitSome(c echo.Context, of string, failed []schemas.ConversationResource, r *schemas.BulkResubmission) []bulkLine {
	lines := make([]bulkLine, len(failed))
	var all sync.WaitGroup
	for i, f := range failed {
		all.Go(func() { lines[i] = s.resubmitOne(c, of, f, r) })
	}
	all.Wait()
	return lines
}

func (s *Server) resubmitOne(c echo.Context, of string, failed schemas.ConversationResource, r *schemas.BulkResubmission) bulkLine {
	line := bulkLine{BulkResubmitted: schemas.BulkResubmitted{
		ConversationID: failed.ConversationID,
		As:             schemas.NextID(failed.ConversationID),
		ErrorCode:      failed.ErrorCode,
		Message:        failed.Message,
	}}
	if r.DryRun {
		return line
	}
	status, err := s.resubmitAs(c.Request().Context(), of, line, r.IncludeFailed)
	if err != nil {
		d := s.explain(err, c)
		line.Problem = &d
		return line
	}
	line.Status = status.Status
	return line
}

func (s *Server) resubmitAs(ctx context.Context, of string, line bulkLine, includeFailed bool) (schemas.ConversationResource, error) {
	r := schemas.Resubmission{ConversationID: line.As, IncludeFailed: includeFailed}
	if p := s.recorder.limits.CheckResubmission(&r, line.ConversationID); p != nil {
		return schemas.ConversationResource{}, p
	}
	if ctx.Err() != nil { // what is left gets its lines, so that the answer is whole
		return schemas.ConversationResource{}, &schemas.Problem{Code: schemas.OwnerUnavailable, Detail: "this node stops, and has not tried; send the request again"}
	}
	return s.resubmit(ctx, schemas.ConversationQuery{Account: of, ID: line.ConversationID}, r)
}

// linesTimeout is how long it may take until the next lines are written.
const linesTimeout = time.Minute

// writeLines writes lines, and sees to it that they are sent. The time that a whole answer may take begins anew.
func writeLines(w *echo.Response, lines []bulkLine) error {
	if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(linesTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("extend answer: %w", err)
	}
	for _, line := range lines {
		b, err := json.Marshal(line, encodeOptions)
		if err != nil {
			return fmt.Errorf("encode line: %w", err)
		}
		if _, err := w.Write(append(b, '\n')); err != nil {
			return fmt.Errorf("write line: %w", err)
		}
	}
	w.Flush()
	return nil
}
