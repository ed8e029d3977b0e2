package peer

import (
	"context"

	"parley/schemas"
)

// Owner knows what became of the calls in the partitions that it owns. Its errors are schemas.ErrUnknown when nothing is
// known in the partitions that were asked, *schemas.NotOwnedError with those of them that it does not own,
// *schemas.RecordedError, and schemas.ErrUnavailable. It returns when ctx ends.
type Owner interface {
	Request(ctx context.Context, q schemas.RequestQuery, in ...int32) (schemas.CallResource, error)
	Conversation(ctx context.Context, q schemas.ConversationQuery, in ...int32) (schemas.ConversationResource, error)
	// Answer is asked of the partition that the query names.
	Answer(ctx context.Context, q schemas.AnswerQuery) (schemas.AnswerVerdict, error)
	// RouteOutage is asked of the partition that the query names.
	RouteOutage(ctx context.Context, q schemas.RouteQuery) (schemas.RouteOutage, error)
	// Deliveries is asked of the partition that the query names.
	Deliveries(ctx context.Context, q schemas.DeliveriesQuery) ([]schemas.EndDeliveries, error)
	// Usage, Conversations and Audit tell of all partitions that are asked; of none, when some of them are not owned.
	Usage(ctx context.Context, accounts []string, in ...int32) (map[string]schemas.AccountUsage, error)
	Conversations(ctx context.Context, q schemas.ConversationsQuery, in ...int32) ([]schemas.ConversationResource, error)
	// Audit is told up to which sequence the record has the events of partitions.
	Audit(ctx context.Context, stored map[int32]int64, in ...int32) ([]schemas.PartitionCounts, error)
	// Erasures tells of those of its commands that are in the partitions that are asked.
	Erasures(ctx context.Context, q schemas.ErasureQuery, in ...int32) ([]schemas.ErasureProgress, error)
}

// nobody owns no partition.
type nobody struct{}

func (nobody) Request(_ context.Context, _ schemas.RequestQuery, in ...int32) (schemas.CallResource, error) {
	return schemas.CallResource{}, &schemas.NotOwnedError{Partitions: in}
}

func (nobody) Conversation(_ context.Context, _ schemas.ConversationQuery, in ...int32) (schemas.ConversationResource, error) {
	return schemas.ConversationResource{}, &schemas.NotOwnedError{Partitions: in}
}

func (nobody) Answer(_ context.Context, q schemas.AnswerQuery) (schemas.AnswerVerdict, error) {
	return 0, &schemas.NotOwnedError{Partitions: []int32{q.Accepted.Partition}}
}

func (nobody) RouteOutage(_ context.Context, q schemas.RouteQuery) (schemas.RouteOutage, error) {
	return schemas.RouteOutage{}, &schemas.NotOwnedError{Partitions: []int32{q.Partition}}
}

func (nobody) Deliveries(_ context.Context, q schemas.DeliveriesQuery) ([]schemas.EndDeliveries, error) {
	return nil, &schemas.NotOwnedError{Partitions: []int32{q.Partition}}
}

func (nobody) Usage(_ context.Context, _ []string, in ...int32) (map[string]schemas.AccountUsage, error) {
	return nil, &schemas.NotOwnedError{Partitions: in}
}

func (nobody) Conversations(_ context.Context, _ schemas.ConversationsQuery, in ...int32) ([]schemas.ConversationResource, error) {
	return nil, &schemas.NotOwnedError{Partitions: in}
}

func (nobody) Erasures(_ context.Context, _ schemas.ErasureQuery, in ...int32) ([]schemas.ErasureProgress, error) {
	return nil, &schemas.NotOwnedError{Partitions: in}
}

func (nobody) Audit(_ context.Context, _ map[int32]int64, in ...int32) ([]schemas.PartitionCounts, error) {
	return nil, &schemas.NotOwnedError{Partitions: in}
}
