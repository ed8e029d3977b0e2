package ingest

import (
	"context"

	"parley/schemas"
)

// Source knows what became of calls. Its errors wrap schemas.ErrUnknown when it can tell and there is nothing, and
// schemas.ErrUnavailable when it cannot tell now. It never answers with what belongs to another account, and it
// returns when ctx ends.
type Source interface {
	Request(ctx context.Context, q schemas.RequestQuery) (schemas.CallResource, error)
	Conversation(ctx context.Context, q schemas.ConversationQuery) (schemas.ConversationResource, error)
}
