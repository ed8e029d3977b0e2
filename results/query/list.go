package query

import (
	"context"
	"fmt"
	"time"

	"parley/results/record"
	"parley/schemas"
)

// listTimeout bounds a page of a list, which may pass over many conversations that are not asked for.
const listTimeout = 4 * time.Second

// The parts of the statement that lists conversations, each once: of one that was inserted again, or resubmitted, the last
// row.
const (
	// account, from: milliseconds since 1970
	listed = `SELECT account, conversation_id, request_id, status, error_code, message, calls_in_conversation, received, errors,
		accepted_at, started_at, completed_at, continues, continued_by
	FROM conversations_by_acceptance WHERE account = ? AND accepted_at >= fromUnixTimestamp64Milli(?)`
	// to
	listedBefore = ` AND accepted_at < fromUnixTimestamp64Milli(?)`
	// a place: milliseconds, single, id
	listedAfter = ` AND (accepted_at, single, conversation_id) > (fromUnixTimestamp64Milli(?), ?, ?)`
	// statuses
	listedWith = ` AND status IN (?)`
	// how many; small blocks of one thread are read no further than they are needed
	firstListed = ` ORDER BY account, accepted_at, single, conversation_id, sequence DESC
		LIMIT 1 BY accepted_at, single, conversation_id LIMIT ? SETTINGS max_threads = 1, max_block_size = 8192`
)

// Conversations returns the first conversations that are asked for and have ended, without their calls and in the order of
// their places.
func (q *Query) Conversations(ctx context.Context, ask schemas.ConversationsQuery) ([]schemas.ConversationResource, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	statement, args := list(ask)
	found, err := rows[conversationRow](ctx, q.conn, statement, args...)
	if err != nil {
		return nil, fmt.Errorf("list conversations: %w", err)
	}
	out := make([]schemas.ConversationResource, len(found))
	for i, c := range found {
		out[i] = schemas.ConversationResourceOf(c.event())
	}
	return out, nil
}

// list is the statement for a page, and its arguments.
func list(ask schemas.ConversationsQuery) (statement string, args []any) {
	from := ask.From
	if ask.After != nil && ask.After.AcceptedAt.After(from) {
		from = ask.After.AcceptedAt
	}
	statement, args = listed, []any{ask.Account, record.Milli(from)}
	if !ask.To.IsZero() {
		statement += listedBefore
		args = append(args, record.Milli(ask.To))
	}
	if after := ask.After; after != nil {
		statement += listedAfter
		single := 0
		if after.Single {
			single = 1
		}
		args = append(args, record.Milli(after.AcceptedAt), single, after.ID)
	}
	if len(ask.Statuses) > 0 {
		statement += listedWith
		var statuses []string
		for _, s := range ask.Ended() {
			statuses = append(statuses, string(s))
		}
		args = append(args, statuses)
	}
	return statement + firstListed, append(args, ask.Limit)
}
