package client

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
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
	values := url.Values{"limit": {strconv.Itoa(q.Limit)}}
	set := func(name, value string) {
		if value != "" {
			values.Set(name, value)
		}
	}
	statuses := make([]string, len(q.Statuses))
	for i, s := range q.Statuses {
		statuses[i] = string(s)
	}
	set("status", strings.Join(statuses, ","))
	set("from", instant(q.From))
	set("to", instant(q.To))
	set("after", q.After)
	return get[ConversationList](ctx, c, "/v1/conversations", values, 0)
}

// instant is a time as a parameter; empty for the zero time.
func instant(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339Nano)
}
