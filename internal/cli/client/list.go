package client

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"
	"time"

	"parley/schemas"
)

// ConversationsQuery asks for the conversations of the account.
type ConversationsQuery struct {
	// Statuses are those that are asked for; none: all.
	Statuses []schemas.ConversationStatus
	// From and To bound when the first call was accepted; zero: no bound.
	From, To time.Time
	// After is the Next of the page before; empty: the first page.
	After string
	// Limit is how many a page has at the most.
	Limit int
}

// ConversationList is a page of conversations, each as Parley says it.
type ConversationList struct {
	Conversations []json.RawMessage `json:"conversations"`
	// Next is empty on the last page.
	Next string `json:"next"`
}

// Conversations returns a page of the conversations of the account.
func (c *Client) Conversations(ctx context.Context, q ConversationsQuery) (ConversationList, error) {
	values := parameters{"limit": {strconv.Itoa(q.Limit)}}
	values.set("status", commas(q.Statuses))
	values.set("from", instant(q.From))
	values.set("to", instant(q.To))
	values.set("after", q.After)
	return get[ConversationList](ctx, c, "/v1/conversations", url.Values(values), 0)
}
