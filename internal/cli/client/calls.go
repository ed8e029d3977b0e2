package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"parley/schemas"
)

// Receipt is the answer to one call: it was acknowledged, or Code says why not.
type Receipt struct {
	RequestID      string `json:"requestId"`
	Receipt        string `json:"receipt"`
	ConversationID string `json:"conversationId"`

	Status  int          `json:"-"` // of a problem
	Code    schemas.Code `json:"code"`
	Detail  string       `json:"detail"`
	Pointer string       `json:"pointer"`
}

// Accepted reports whether the call is in the log.
func (r Receipt) Accepted() bool { return r.Code == "" }

// Limited reports whether a limit of the account kept the call out: it may be sent again.
func (r Receipt) Limited() bool { return r.Status == http.StatusTooManyRequests }

// UnmarshalJSON reads an acknowledgment or a problem document, whose status is a number where the other's is a word.
func (r *Receipt) UnmarshalJSON(b []byte) error {
	type plain Receipt
	if err := json.Unmarshal(b, (*plain)(r)); err != nil {
		return err
	}
	if r.Accepted() {
		return nil
	}
	var p struct {
		Status int `json:"status"`
	}
	if err := json.Unmarshal(b, &p); err != nil {
		return err
	}
	r.Status = p.Status
	return nil
}

const ndjson = "application/x-ndjson"

// Post sends n calls, one a line, and returns what was said of each. Sent again with the same key, they are the same
// calls. Its error is an *UnavailableError when any of them may not be in the log and may be sent again; when only a limit
// of the account kept some out, what was said of each is returned beside it.
func (c *Client) Post(ctx context.Context, lines []byte, n int, key string) ([]Receipt, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, answerTimeout, errSlow)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/v1/calls", bytes.NewReader(lines))
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	r.Header.Set("Content-Type", ndjson)
	r.Header.Set("Idempotency-Key", key)
	a, err := c.do(ctx, r)
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(a.contentType, ndjson) {
		return nil, a.problem()
	}
	receipts, err := readReceipts(a.body, n)
	if err != nil {
		return nil, &UnavailableError{Err: fmt.Errorf("answer of %s: %w", c.base, err)}
	}
	var limited error
	for _, r := range receipts {
		err := &UnavailableError{After: a.retryAfter, Err: &RefusedError{Status: r.Status, Code: r.Code, Detail: r.Detail}}
		switch {
		case r.Status == http.StatusServiceUnavailable:
			return nil, err
		case r.Limited():
			limited = err
		}
	}
	return receipts, limited
}

func readReceipts(body []byte, n int) ([]Receipt, error) {
	receipts := make([]Receipt, 0, n)
	for d := json.NewDecoder(bytes.NewReader(body)); ; {
		var r Receipt
		err := d.Decode(&r)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		receipts = append(receipts, r)
	}
	if len(receipts) != n {
		return nil, fmt.Errorf("%d lines for %d calls", len(receipts), n)
	}
	return receipts, nil
}
