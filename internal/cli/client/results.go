package client

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"

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
	values := parameters{"limit": {strconv.Itoa(q.Limit)}}
	values.set("conversationId", q.ConversationID)
	if q.RequestID != uuid.Nil {
		values.set("requestId", q.RequestID.String())
	}
	values.set("correlationId", q.CorrelationID)
	values.set("status", commas(q.Statuses))
	values.set("errorCode", string(q.ErrorCode))
	values.set("objectType", q.ObjectType)
	values.set("customerKey", q.CustomerKey)
	values.set("from", instant(q.From))
	values.set("to", instant(q.To))
	values.set("after", q.After)
	return get[ResultList](ctx, c, "/v1/results", url.Values(values), 0)
}
