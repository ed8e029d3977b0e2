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
	calls        func(schemas.ConversationQuery) ([]schemas.CallResource, error)
	failed       func(schemas.FailedQuery) ([]schemas.ConversationResource, error)
	usage        func([]string) (map[string]schemas.AccountUsage, error)
	list         func(schemas.ConversationsQuery) ([]schemas.ConversationResource, error)
}

// unknowing is a source that knows of nothing; told otherwise, of a queued call and of its conversation.
func unknowing() *fakeSource {
	return &fakeSource{
		err:          schemas.ErrUnknown,
		call:         schemas.CallResource{RequestID: someID, Account: defaultAccount, SequenceCode: 1, CallsInConversation: 1, Status: schemas.Queued},
		conversation: schemas.ConversationResource{ConversationID: someID, Account: defaultAccount, CallsInConversation: 1, Status: schemas.ConversationProcessing},
	}
}

func (f *fakeSource) Request(ctx context.Context, q schemas.RequestQuery) (schemas.CallResource, error) {
	f.mu.Lock()
	f.requests = append(f.requests, q)
	call, err := f.call, f.err
	if f.answers.request != nil {
		call, err = f.answers.request(q)
	}
	f.mu.Unlock()
	if err := f.block(ctx, q.Wait); err != nil {
		return schemas.CallResource{}, err
	}
	return call, err
}

func (f *fakeSource) Conversation(ctx context.Context, q schemas.ConversationQuery) (schemas.ConversationResource, error) {
	f.mu.Lock()
	f.conversations = append(f.conversations, q)
	conversation, err := f.conversation, f.err
	if f.answers.conversation != nil {
		conversation, err = f.answers.conversation(q)
	}
	f.mu.Unlock()
	if err := f.block(ctx, q.Wait); err != nil {
		return schemas.ConversationResource{}, err
	}
	return conversation, err
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

func (f *fakeSource) block(ctx context.Context, wait time.Duration) error {
	f.mu.Lock()
	blocks := f.blocks
	f.mu.Unlock()
	if !blocks || wait == 0 {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

// tell sets the next answers.
func (f *fakeSource) tell(change func(*fakeSource)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
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
