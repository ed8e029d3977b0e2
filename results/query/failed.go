package query

import (
	"context"
	"fmt"
	"time"

	"parley/schemas"
)

// failedTimeout bounds the search for failed conversations, which may read the rows of months.
const failedTimeout = 30 * time.Second

// The parts of the statement that selects conversations that failed. A call that fails its conversation ends in the
// same instant as the conversation.
const (
	// account, from, to
	failed = selectConversations + `WHERE account = ? AND status = 'Error' AND continued_by = '' AND ` + inPeriod
	// from, to: milliseconds since 1970
	inPeriod = `completed_at >= fromUnixTimestamp64Milli(?) AND completed_at < fromUnixTimestamp64Milli(?)`
	// The name of a call's conversation, and its end.
	endOfCall = `if(conversation_id = '', toString(request_id), conversation_id), completed_at`
	// code, account, code, from, to
	failedWithCode = ` AND (error_code = ? OR (conversation_id, completed_at) IN (
		SELECT ` + endOfCall + ` FROM results WHERE account = ? AND error_code = ? AND status = 'Error' AND ` + inPeriod + `))`
	// account, route, from, to
	failedOnRoute = ` AND (conversation_id, completed_at) IN (
		SELECT ` + endOfCall + ` FROM calls WHERE account = ? AND route = ? AND status IN ('HasErrors', 'Error') AND ` + inPeriod + `)`
	// how many
	firstFailed = ` ORDER BY completed_at, conversation_id LIMIT ?`
)

// Failed returns conversations that failed and have not been resubmitted, without their calls, in the order of their
// ends.
func (q *Query) Failed(ctx context.Context, ask schemas.FailedQuery) ([]schemas.ConversationResource, error) {
	ctx, cancel := context.WithTimeout(ctx, failedTimeout)
	defer cancel()
	from, to := ask.From.UnixMilli(), ask.To.UnixMilli()
	statement, args := failed, []any{ask.Account, from, to}
	if ask.Code != "" {
		statement += failedWithCode
		args = append(args, string(ask.Code), ask.Account, string(ask.Code), from, to)
	}
	if ask.Route != "" {
		statement += failedOnRoute
		args = append(args, ask.Account, ask.Route, from, to)
	}
	found, err := rows[conversationRow](ctx, q.conn, statement+firstFailed, append(args, ask.Limit)...)
	if err != nil {
		return nil, fmt.Errorf("look up failed conversations: %w", err)
	}
	out := make([]schemas.ConversationResource, len(found))
	for i, c := range found {
		out[i] = schemas.ConversationResourceOf(c.event())
	}
	return out, nil
}
