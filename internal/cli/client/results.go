package client

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"parley/schemas"
)

// ResultsQuery asks for the results of the account.
type ResultsQuery struct {
	schemas.ResultsFilter
	// After is the Next or the Cursor of a page before; empty: the first page.
	After string
	// Limit is how many a page has at the most.
	Limit int
}

// ResultList is a page of results, each as Parley says it.
type ResultList struct {
	Results []json.RawMessage `json:"results"`
	// Next is empty when there is none now.
	Next string `json:"next"`
	// Cursor is where the page ends.
	Cursor string `json:"cursor"`
}

// Results returns a page of the results of the account.
func (c *Client) Results(ctx context.Context, q ResultsQuery) (ResultList, error) {
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
	set("conversationId", q.ConversationID)
	if q.RequestID != uuid.Nil {
		set("requestId", q.RequestID.String())
	}
	set("correlationId", q.CorrelationID)
	set("status", strings.Join(statuses, ","))
	set("errorCode", string(q.ErrorCode))
	set("objectType", q.ObjectType)
	set("customerKey", q.CustomerKey)
	set("from", instant(q.From))
	set("to", instant(q.To))
	set("after", q.After)
	return get[ResultList](ctx, c, "/v1/results", values, 0)
}
