package ingest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"parley/internal/account"
	"parley/schemas"
)

// conversationListPath is where the conversations of an account are listed.
const conversationListPath = "/v1/conversations"

const (
	// listLimit is how much a page of a list has unless it is asked for others, listLimitMax how much it may have.
	listLimit    = 100
	listLimitMax = 1000
)

// ConversationList is a page of conversations, as GET /v1/conversations answers it.
type ConversationList struct {
	Conversations []ListedConversation `json:"conversations"`
	// Next is what the next page is asked for with; empty on the last one.
	Next string `json:"next,omitempty"`
}

// ListedConversation is the status of a conversation, without its calls.
type ListedConversation struct {
	schemas.ConversationResource
	// Calls stands in front of those of the resource, and is never there.
	Calls *struct{} `json:"calls,omitempty"`
}

// getConversations lists conversations.
func (s *Server) getConversations(c echo.Context) error {
	who, p := s.caller(c, account.Read)
	if p != nil {
		return p
	}
	q, p := listQuery(c)
	if p != nil {
		return p
	}
	q.Account = who.Account
	limit := q.Limit
	q.Limit++ // one more tells whether there is a next page
	found, err := s.poller.list(c.Request().Context(), q)
	if err != nil {
		return err
	}
	var page ConversationList
	if len(found) > limit {
		found = found[:limit]
		page.Next = found[limit-1].Place().String()
	}
	for _, r := range found {
		page.Conversations = append(page.Conversations, ListedConversation{ConversationResource: r})
	}
	return answer(c, http.StatusOK, mimeJSON, page)
}

// listQuery reads what is asked for, of the caller's account.
func listQuery(c echo.Context) (q schemas.ConversationsQuery, p *schemas.Problem) {
	if q.Statuses, p = statuses(c.QueryParam("status")); p != nil {
		return q, p
	}
	if q.From, p = instant("from", c.QueryParam("from")); p != nil {
		return q, p
	}
	if q.To, p = instant("to", c.QueryParam("to")); p != nil {
		return q, p
	}
	if !q.To.IsZero() && !q.From.Before(q.To) {
		return q, &schemas.Problem{Code: schemas.InvalidParameter, Detail: "from is before to: the period has what was accepted at from, and nothing that was at to"}
	}
	if text := c.QueryParam("after"); text != "" {
		place, ok := schemas.ParseConversationPlace(text)
		if !ok {
			return q, &schemas.Problem{Code: schemas.InvalidParameter, Detail: "after is what the page before gave as next"}
		}
		q.After = &place
	}
	q.Limit, p = limit(c)
	return q, p
}

// statuses reads a list of statuses; empty: all.
func statuses(text string) ([]schemas.ConversationStatus, *schemas.Problem) {
	if text == "" {
		return nil, nil
	}
	var out []schemas.ConversationStatus
	for word := range strings.SplitSeq(text, ",") {
		status := schemas.ConversationStatus(word)
		if !slices.Contains(schemas.ConversationStatuses(), status) {
			return nil, &schemas.Problem{Code: schemas.InvalidParameter, Detail: fmt.Sprintf("status is one or several of %v, with commas between them; %.100q is none", schemas.ConversationStatuses(), word)}
		}
		out = append(out, status)
	}
	return out, nil
}

// instant reads a time, to the millisecond; empty: the zero time.
func instant(name, text string) (time.Time, *schemas.Problem) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, &schemas.Problem{Code: schemas.InvalidParameter, Detail: name + " is a time as 2026-12-01T08:00:00Z (RFC 3339); a + in it is sent as %2B"}
	}
	if at = at.UTC().Truncate(time.Millisecond); at.IsZero() {
		at = at.Add(time.Millisecond) // the zero time is no bound
	}
	return at, nil
}

// list returns the first conversations that are asked for, each once. The live state is asked first: what it has given up
// meanwhile is in the record. Its error is a *schemas.Problem.
func (p poller) list(ctx context.Context, q schemas.ConversationsQuery) ([]schemas.ConversationResource, error) {
	live, err := p.page(ctx, "live state", q, p.live.Conversations)
	if err != nil {
		return nil, &schemas.Problem{Code: schemas.OwnerUnavailable, Detail: "not all nodes that have open conversations can tell of them now; ask again later"}
	}
	if len(q.Ended()) == 0 {
		return live, nil
	}
	recorded, err := p.page(ctx, "record", q, p.record.Conversations)
	if err != nil {
		return nil, &schemas.Problem{
			Code:   schemas.OwnerUnavailable,
			Detail: "the record of the conversations that have ended cannot tell of them now; ask again later, or for status=Staging,Scheduled,Processing alone",
		}
	}
	all := append(live, recorded...)
	slices.SortStableFunc(all, func(a, b schemas.ConversationResource) int { return a.Place().Compare(b.Place()) })
	merged := all[:0]
	for _, r := range all {
		if n := len(merged); n > 0 && merged[n-1].Place() == r.Place() {
			merged[n-1] = later(merged[n-1], r)
			continue
		}
		merged = append(merged, r)
	}
	return merged[:min(len(merged), q.Limit)], nil
}

// later is what is known last of a conversation: the live state tells more of it than the record, unless that was asked
// when the conversation had gone on.
func later(live, recorded schemas.ConversationResource) schemas.ConversationResource {
	if !live.Status.Final() || live.ContinuedBy == nil && recorded.ContinuedBy != nil {
		return recorded
	}
	return live
}

// page asks a source for a page.
func (p poller) page(ctx context.Context, source string, q schemas.ConversationsQuery,
	ask func(context.Context, schemas.ConversationsQuery) ([]schemas.ConversationResource, error),
) ([]schemas.ConversationResource, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	found, err := ask(ctx, q)
	if err != nil && !errors.Is(err, context.Canceled) {
		p.note(ctx, source, "list", err)
	}
	return found, err
}
