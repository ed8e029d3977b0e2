package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"parley/schemas"
)

// Request returns the status of a call, waiting up to wait for a final one. receipt is the one of its
// acknowledgment; empty: there is none.
func (c *Client) Request(ctx context.Context, id, receipt string, wait time.Duration) (schemas.CallResource, error) {
	q := url.Values{}
	if receipt != "" {
		q.Set("receipt", receipt)
	}
	return get[schemas.CallResource](ctx, c, "/v1/requests/"+url.PathEscape(id), q, wait)
}

// Conversation returns the status of a conversation, waiting up to wait for a final one, and the page of its calls
// behind a sequence code.
func (c *Client) Conversation(ctx context.Context, id string, after int32, wait time.Duration) (schemas.ConversationResource, error) {
	q := url.Values{}
	if after > 0 {
		q.Set("after", strconv.Itoa(int(after)))
	}
	return get[schemas.ConversationResource](ctx, c, "/v1/conversations/"+url.PathEscape(id), q, wait)
}

// WholeConversation is Conversation with all of its calls.
func (c *Client) WholeConversation(ctx context.Context, id string, wait time.Duration) (schemas.ConversationResource, error) {
	whole, err := c.Conversation(ctx, id, 0, wait)
	for page := whole; err == nil && page.Next > 0; {
		page, err = c.Conversation(ctx, id, page.Next, 0)
		whole.Calls = append(whole.Calls, page.Calls...)
	}
	whole.Next = 0
	return whole, err
}

// get asks for a resource. The answer comes within the wait and what a source is given beyond it.
func get[T any](ctx context.Context, c *Client, path string, q url.Values, wait time.Duration) (resource T, _ error) {
	if wait > 0 {
		q.Set("wait", wait.String())
	}
	ctx, cancel := context.WithTimeoutCause(ctx, wait+answerTimeout, errSlow)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path+"?"+q.Encode(), nil)
	if err != nil {
		return resource, fmt.Errorf("make request: %w", err)
	}
	a, err := c.do(ctx, r)
	if err != nil {
		return resource, err
	}
	if a.status != http.StatusOK {
		return resource, a.problem()
	}
	if err := json.Unmarshal(a.body, &resource); err != nil {
		return resource, fmt.Errorf("answer of %s: %w", c.base, err)
	}
	return resource, nil
}
