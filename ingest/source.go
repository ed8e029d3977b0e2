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

// Live knows the calls that are open or have just ended. Its errors may be a *schemas.RecordedError.
type Live interface {
	Source
	// Answer tells what came of a late answer.
	Answer(ctx context.Context, q schemas.AnswerQuery) (schemas.AnswerVerdict, error)
	// RouteOutage tells why the calls of a route wait, if they do.
	RouteOutage(ctx context.Context, q schemas.RouteQuery) (schemas.RouteOutage, error)
	// Deliveries tells how far telling of ends has come.
	Deliveries(ctx context.Context, q schemas.DeliveriesQuery) ([]schemas.EndDeliveries, error)
	// Usage tells what is held of accounts; one of which nothing is held may be left out.
	Usage(ctx context.Context, accounts []string) (map[string]schemas.AccountUsage, error)
	// Conversations returns the first conversations that are asked for, without their calls and in the order of their
	// places, of those that are open and of those that have ended and may not be in the record yet.
	Conversations(ctx context.Context, q schemas.ConversationsQuery) ([]schemas.ConversationResource, error)
	// Audit returns the counts of the partitions, of which the record has the events up to the sequences in stored. After an
	// error those that are missing nobody can tell now.
	Audit(ctx context.Context, stored map[int32]int64) ([]schemas.PartitionCounts, error)
	// Erasures tells how far erasures have come, of all their commands.
	Erasures(ctx context.Context, q schemas.ErasureQuery) ([]schemas.ErasureProgress, error)
}

// Record knows the calls that have ended, however long ago.
type Record interface {
	Source
	// Calls returns a page of the calls of a conversation that have ended, whether the conversation has or not.
	Calls(ctx context.Context, q schemas.ConversationQuery) ([]schemas.CallResource, error)
	// Conversations returns the first conversations that are asked for and have ended, without their calls and in the order
	// of their places.
	Conversations(ctx context.Context, q schemas.ConversationsQuery) ([]schemas.ConversationResource, error)
	// Failed returns conversations that failed and have not been resubmitted, in the order of their ends.
	Failed(ctx context.Context, q schemas.FailedQuery) ([]schemas.ConversationResource, error)
	// Books tells how far the record has come, and what was found of its rows.
	Books(ctx context.Context) (*schemas.RecordBooks, error)
	// Results returns a page of results. Its error may be a schemas.ErrTooMuch.
	Results(ctx context.Context, q schemas.ResultsQuery) (schemas.ResultsPage, error)
}
