package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"parley/schemas"
)

// Cancel cancels a conversation, and returns it when it is.
func (c *Client) Cancel(ctx context.Context, id string) (schemas.ConversationResource, error) {
	return command[schemas.ConversationResource](ctx, c, http.MethodDelete, conversationPath(id), nil, http.StatusAccepted)
}

// Resubmit resubmits a conversation that failed, and returns the new one.
func (c *Client) Resubmit(ctx context.Context, id string, r schemas.Resubmission) (schemas.ConversationResource, error) {
	return command[schemas.ConversationResource](ctx, c, http.MethodPost, conversationPath(id)+"/resubmit", r, http.StatusCreated)
}

func conversationPath(id string) string { return "/v1/conversations/" + url.PathEscape(id) }

// command sends a command, and returns the resource that it is answered with; nil: it has no body.
func command[T any](ctx context.Context, c *Client, method, path string, body any, want int) (resource T, _ error) {
	ctx, cancel := context.WithTimeoutCause(ctx, answerTimeout, errSlow)
	defer cancel()
	r, err := c.commandRequest(ctx, method, path, body)
	if err != nil {
		return resource, err
	}
	a, err := c.do(ctx, r)
	if err != nil {
		return resource, err
	}
	if a.status != want {
		return resource, a.problem()
	}
	if err := json.Unmarshal(a.body, &resource); err != nil {
		return resource, fmt.Errorf("answer of %s: %w", c.base, err)
	}
	return resource, nil
}

func (c *Client) commandRequest(ctx context.Context, method, path string, body any) (*http.Request, error) {
	var encoded []byte
	if body != nil {
		var err error
		if encoded, err = json.Marshal(body); err != nil {
			return nil, fmt.Errorf("encode request: %w", err)
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(encoded))
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	c.identify(r)
	return r, nil
}

// Resubmitted is what came of one conversation of a bulk resubmission; Problem is nil when it was resubmitted, or would
// be.
type Resubmitted struct {
	schemas.BulkResubmitted
	Problem *RefusedError `json:"problem,omitempty"`
}

// ResubmitMany resubmits what failed in a period, and calls each for what comes of every conversation, as it does. It
// takes as long as it takes, until ctx ends.
func (c *Client) ResubmitMany(ctx context.Context, bulk schemas.BulkResubmission, each func(Resubmitted) error) error {
	r, err := c.commandRequest(ctx, http.MethodPost, "/v1/resubmit", bulk)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return c.unreached(ctx, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		body, err := io.ReadAll(io.LimitReader(resp.Body, answerBytesMax))
		if err != nil {
			return c.unreached(ctx, err)
		}
		return answer{status: resp.StatusCode, body: body}.problem()
	}
	for d := json.NewDecoder(resp.Body); ; {
		var line Resubmitted
		switch err := d.Decode(&line); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return c.unreached(ctx, err)
		}
		if err := each(line); err != nil {
			return err
		}
	}
}
