package ingest

import (
	"bytes"
	"context"
	"sync"
	"time"

	"parley/schemas"
)

// fakeSource answers what it was told to, and remembers what it was asked.
type fakeSource struct {
	mu           sync.Mutex
	call         schemas.CallResource
	conversation schemas.ConversationResource
	err          error
	// blocks makes an answer to a question with a wait take until its context ends.
	blocks bool
	// changed is closed by tell.
	changed chan struct{}

	requests      []schemas.RequestQuery
	conversations []schemas.ConversationQuery

	// answers is asked in place of the above, when it is set.
	answers answerer
}

// answerer answers questions with logic of its own.
type answerer struct {
	conversation func(schemas.ConversationQuery) (schemas.ConversationResource, error)
	answer       func(schemas.AnswerQuery) (schemas.AnswerVerdict, error)
	request      func(schemas.RequestQuery) (schemas.CallResource, error)
	outage       func(schemas.RouteQuery) (schemas.RouteOutage, error)
	deliveries   func(schemas.DeliveriesQuery) ([]schemas.EndDeliveries, error)
	calls        func(schemas.ConversationQuery) ([]schemas.CallResource, error)
	failed       func(schemas.FailedQuery) ([]schemas.ConversationResource, error)
	usage        func([]string) (map[string]schemas.AccountUsage, error)
	list         func(schemas.ConversationsQuery) ([]schemas.ConversationResource, error)
	audit        func(map[int32]int64) ([]schemas.PartitionCounts, error)
	books        *schemas.RecordBooks
	results      func(schemas.ResultsQuery) (schemas.ResultsPage, error)
	erasures     func(schemas.ErasureQuery) ([]schemas.ErasureProgress, error)
}

// unknowing is a source that knows of nothing; told otherwise, of a queued call and of its conversation.
func unknowing() *fakeSource {
	return &fakeSource{
		changed:      make(chan struct{}),
		err:          schemas.ErrUnknown,
		call:         schemas.CallResource{RequestID: someID, Account: defaultAccount, SequenceCode: 1, CallsInConversation: 1, Status: schemas.Queued},
		conversation: schemas.ConversationResource{ConversationID: someID, Account: defaultAccount, CallsInConversation: 1, Status: schemas.ConversationProcessing},
	}
}

func (f *fakeSource) Request(ctx context.Context, q schemas.RequestQuery) (schemas.CallResource, error) {
	f.mu.Lock()
	f.requests = append(f.requests, q)
	f.mu.Unlock()
	return awaitFake(ctx, f, q.Wait, q.Seen, func() (schemas.CallResource, error) {
		if f.answers.request != nil {
			return f.answers.request(q)
		}
		return f.call, f.err
	})
}

func (f *fakeSource) Conversation(ctx context.Context, q schemas.ConversationQuery) (schemas.ConversationResource, error) {
	f.mu.Lock()
	f.conversations = append(f.conversations, q)
	f.mu.Unlock()
	return awaitFake(ctx, f, q.Wait, q.Seen, func() (schemas.ConversationResource, error) {
		if f.answers.conversation != nil {
			return f.answers.conversation(q)
		}
		return f.conversation, f.err
	})
}

// awaitFake answers what there is. Asked for another status than one that was seen it waits for that, as a source does.
func awaitFake[R schemas.Resource](ctx context.Context, f *fakeSource, wait time.Duration, seen string, look func() (R, error)) (none R, _ error) {
	late := time.NewTimer(wait)
	defer late.Stop()
	for over := wait == 0; ; {
		f.mu.Lock()
		r, err := look()
		changed, blocks := f.changed, f.blocks
		f.mu.Unlock()
		if blocks && wait > 0 {
			<-ctx.Done()
			return none, ctx.Err()
		}
		if err != nil || schemas.EndsWait(r, seen) || seen == "" || over {
			return r, err
		}
		select {
		case <-changed:
		case <-late.C:
			over = true
		case <-ctx.Done():
			return none, ctx.Err()
		}
	}
}

func (f *fakeSource) Answer(_ context.Context, q schemas.AnswerQuery) (schemas.AnswerVerdict, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.answers.answer == nil {
		return 0, f.err
	}
	return f.answers.answer(q)
}

func (f *fakeSource) RouteOutage(_ context.Context, q schemas.RouteQuery) (schemas.RouteOutage, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.answers.outage == nil {
		return schemas.RouteOutage{}, nil
	}
	return f.answers.outage(q)
}

func (f *fakeSource) Deliveries(_ context.Context, q schemas.DeliveriesQuery) ([]schemas.EndDeliveries, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.answers.deliveries == nil {
		return nil, schemas.ErrUnavailable
	}
	return f.answers.deliveries(q)
}

func (f *fakeSource) Calls(_ context.Context, q schemas.ConversationQuery) ([]schemas.CallResource, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.answers.calls == nil {
		return nil, f.err
	}
	return f.answers.calls(q)
}

func (f *fakeSource) Failed(_ context.Context, q schemas.FailedQuery) ([]schemas.ConversationResource, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.answers.failed == nil {
		return nil, f.err
	}
	return f.answers.failed(q)
}

func (f *fakeSource) Erasures(_ context.Context, q schemas.ErasureQuery) ([]schemas.ErasureProgress, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.answers.erasures == nil {
		return nil, f.err
	}
	return f.answers.erasures(q)
}

func (f *fakeSource) Usage(_ context.Context, accounts []string) (map[string]schemas.AccountUsage, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.answers.usage == nil {
		return nil, nil
	}
	return f.answers.usage(accounts)
}

func (f *fakeSource) Conversations(_ context.Context, q schemas.ConversationsQuery) ([]schemas.ConversationResource, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.answers.list == nil {
		return nil, nil
	}
	return f.answers.list(q)
}

func (f *fakeSource) Audit(_ context.Context, stored map[int32]int64) ([]schemas.PartitionCounts, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.answers.audit == nil {
		return nil, f.err
	}
	return f.answers.audit(stored)
}

func (f *fakeSource) Books(context.Context) (*schemas.RecordBooks, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.answers.books == nil {
		return nil, f.err
	}
	return f.answers.books, nil
}

func (f *fakeSource) Results(_ context.Context, q schemas.ResultsQuery) (schemas.ResultsPage, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.answers.results == nil {
		return schemas.ResultsPage{}, nil
	}
	return f.answers.results(q)
}

// tell sets the next answers.
func (f *fakeSource) tell(change func(*fakeSource)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *fakeSource) asked() ([]schemas.RequestQuery, []schemas.ConversationQuery) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.requests, f.conversations
}

// syncBuffer is a buffer that a log may write to from everywhere.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
