package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"parley/schemas"
)

// ExtractQuery asks for results of the account as a file.
type ExtractQuery struct {
	Format schemas.ExtractFormat `json:"format"`
	// Columns are those that are wanted, in their order; none: all.
	Columns []string `json:"columns,omitempty"`
	// Cursor is behind what the extract begins; empty: before all. Until is how far it goes; empty: as far as there is
	// something.
	Cursor string `json:"cursor,omitempty"`
	Until  string `json:"until,omitempty"`
	// From and To bound when the calls ended; zero: no bound.
	From time.Time `json:"from,omitzero"`
	To   time.Time `json:"to,omitzero"`
	// ConversationID is that of the calls; empty: any.
	ConversationID string `json:"conversationId,omitempty"`
	// Statuses are those of the results; none: any.
	Statuses []schemas.ResultStatus `json:"statuses,omitempty"`
}

func (q ExtractQuery) values() url.Values {
	values := parameters{}
	values.set("format", string(q.Format))
	values.set("columns", commas(q.Columns))
	values.set("cursor", q.Cursor)
	values.set("until", q.Until)
	values.set("from", instant(q.From))
	values.set("to", instant(q.To))
	values.set("conversationId", q.ConversationID)
	values.set("status", commas(q.Statuses))
	return url.Values(values)
}

// Extracted is what the server said of an extract that is whole.
type Extracted struct {
	// Cursor is how far it goes.
	Cursor string
	Rows   int64
}

// The headers of an extract, see schemas/openapi.yaml.
const (
	nextCursorHeader = "Parley-Next-Cursor"
	rowsHeader       = "Parley-Rows"
)

// ExtractEnd returns how far an extract would go now.
func (c *Client) ExtractEnd(ctx context.Context, q ExtractQuery) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, answerTimeout, errSlow)
	defer cancel()
	resp, err := c.extract(ctx, http.MethodHead, q)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		return resp.Header.Get(nextCursorHeader), nil
	}
	// HEAD does not say why.
	refused, err := c.extract(ctx, http.MethodGet, q)
	if err != nil {
		return "", err
	}
	defer refused.Body.Close()
	if refused.StatusCode == http.StatusOK {
		return refused.Header.Get(nextCursorHeader), nil
	}
	return "", c.refused(ctx, refused)
}

// Extract writes an extract, as long as it takes. After an error what was written is not whole; it is an *UnavailableError
// when it is of use to ask again. Errors of w are returned as they are.
func (c *Client) Extract(ctx context.Context, q ExtractQuery, w io.Writer) (Extracted, error) {
	resp, err := c.extract(ctx, http.MethodGet, q)
	if err != nil {
		return Extracted{}, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return Extracted{}, c.refused(ctx, resp)
	}
	to := &sink{w: w}
	if _, err := io.Copy(to, resp.Body); err != nil {
		if to.err != nil {
			return Extracted{}, to.err
		}
		return Extracted{}, c.unreached(ctx, err)
	}
	rows, err := strconv.ParseInt(resp.Trailer.Get(rowsHeader), 10, 64)
	if err != nil {
		return Extracted{}, &UnavailableError{Err: fmt.Errorf("%s has not said that the extract is whole; a proxy in between may drop trailers", c.base)}
	}
	return Extracted{Cursor: resp.Trailer.Get(nextCursorHeader), Rows: rows}, nil
}

func (c *Client) extract(ctx context.Context, method string, q ExtractQuery) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.base+"/v1/extracts?"+q.values().Encode(), nil)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	c.identify(r)
	r.Header.Set("Accept-Encoding", "identity") // a file is written, mostly on the same network
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, c.unreached(ctx, err)
	}
	return resp, nil
}

// refused is the error of an answer that is a problem.
func (c *Client) refused(ctx context.Context, resp *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, answerBytesMax))
	if err != nil {
		return c.unreached(ctx, err)
	}
	seconds, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	if err != nil {
		seconds = 0
	}
	return answer{status: resp.StatusCode, retryAfter: time.Duration(seconds) * time.Second, body: body}.problem()
}

// sink remembers why it could not be written to.
type sink struct {
	w   io.Writer
	err error
}

func (s *sink) Write(b []byte) (int, error) {
	n, err := s.w.Write(b)
	if err != nil {
		s.err = err
	}
	return n, err
}
