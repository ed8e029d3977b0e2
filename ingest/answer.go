package ingest

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json"
	jsonv1 "github.com/go-json-experiment/json/v1"
	"github.com/labstack/echo/v4"

	"parley/schemas"
)

const (
	mimeJSON    = "application/json"
	mimeNDJSON  = "application/x-ndjson"
	mimeProblem = "application/problem+json"
)

// encodeOptions write an absent list as [], and leave out a zero that is tagged omitempty.
var encodeOptions = jsonv1.OmitEmptyWithLegacySemantics(true)

// answer writes v as JSON.
func answer(c echo.Context, status int, contentType string, v any) error {
	b, err := json.Marshal(v, encodeOptions)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	return write(c, status, contentType, b)
}

// shortAnswer is how long an answer may be for net/http to find its length itself, at less cost.
const shortAnswer = 2 << 10

// write writes an answer that is complete, so that its length is known before it.
func write(c echo.Context, status int, contentType string, body []byte) error {
	if len(body) > shortAnswer {
		c.Response().Header().Set(echo.HeaderContentLength, strconv.Itoa(len(body)))
	}
	return c.Blob(status, contentType, body)
}

// answerError writes what a handler returned as a problem document. It is echo's HTTPErrorHandler.
func (s *Server) answerError(err error, c echo.Context) {
	if c.Response().Committed {
		s.log.LogAttrs(c.Request().Context(), slog.LevelDebug, "answer broken off", slog.String("path", c.Path()), slog.Any("error", err))
		return
	}
	d := s.explain(err, c)
	setRetryAfter(c.Response().Header(), d.retryAfter())
	if d.Status == http.StatusUnauthorized {
		c.Response().Header().Set(echo.HeaderWWWAuthenticate, challenge)
	}
	if err := answer(c, d.Status, mimeProblem, d); err != nil {
		s.log.LogAttrs(c.Request().Context(), slog.LevelDebug, "answer not written", slog.String("path", c.Path()), slog.Any("error", err))
	}
}

// explain turns an error into a document. What a client cannot act on shows no detail; the log has it.
func (s *Server) explain(err error, c echo.Context) document {
	if r, ok := errors.AsType[refusal](err); ok {
		return r.document()
	}
	if p, ok := errors.AsType[*schemas.Problem](err); ok {
		return documentOf(p)
	}
	if e, ok := errors.AsType[*echo.HTTPError](err); ok {
		switch e.Code {
		case http.StatusNotFound:
			return documentOf(&schemas.Problem{Code: schemas.NotFound, Detail: "nothing is served at this path; see /docs"})
		case http.StatusMethodNotAllowed:
			return refusal{&schemas.Problem{
				Code:   schemas.InvalidParameter,
				Detail: fmt.Sprintf("%s is not served at this path; the header Allow says what is", c.Request().Method),
			}, e.Code}.document()
		}
	}
	s.log.LogAttrs(c.Request().Context(), slog.LevelError, "request failed: a defect of parley", slog.String("method", c.Request().Method), slog.String("path", c.Path()), slog.Any("error", err))
	return documentOf(&schemas.Problem{Code: schemas.Internal, Detail: "it is our fault, and in our log; send the request again later"})
}
