package subscriber

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"

	"parley/internal/control"
	"parley/internal/topics"
	"parley/schemas"
)

const (
	// AccountSubscribersMax bounds the subscribers of an account, SubscribersMax those of all: each is a topic.
	AccountSubscribersMax = 100
	SubscribersMax        = 1_000
	// numbersMax bounds the numbers that are tried for a new one: others may take them at the same moment.
	numbersMax = 100
)

// Create makes a subscriber. What is written to the results after it returns comes to its queue. Its error is a
// *schemas.Problem, or wraps schemas.ErrUnavailable: then there may be one, or a number that nobody has.
func (q *Queues) Create(ctx context.Context, account, by string, want schemas.Subscriber) (schemas.SubscriberResource, error) {
	s, err := q.create(ctx, control.Subscriber{Account: account, By: by, Subscriber: want})
	if _, refused := errors.AsType[*schemas.Problem](err); err != nil && !refused {
		err = fmt.Errorf("create subscriber: %w: %w", schemas.ErrUnavailable, err)
	}
	return resourceOf(s), err
}

func (q *Queues) create(ctx context.Context, s control.Subscriber) (control.Subscriber, error) {
	if err := q.cfg.Control.CatchUp(ctx); err != nil {
		return s, err
	}
	if p := q.room(s.Account); p != nil {
		return s, p
	}
	ends, err := kadm.NewClient(q.cfg.Client).ListCommittedOffsets(ctx, q.cfg.Spec.Topics.Results)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return s, fmt.Errorf("list end of results: %w", err)
	}
	partitions := ends[q.cfg.Spec.Topics.Results]
	s.Begins = make([]int64, len(partitions))
	for p, end := range partitions {
		s.Begins[p] = end.Offset
	}
	if s.ID, err = q.number(ctx); err != nil {
		return s, err
	}
	s.Created = q.cfg.Now().UTC()
	return s, q.cfg.Control.PutSubscriber(ctx, s)
}

// room reports why an account may have no more subscribers; nil: it may.
func (q *Queues) room(account string) *schemas.Problem {
	own, all := 0, 0
	for _, s := range q.cfg.Control.Subscribers() {
		if s.Live() {
			all++
			if s.Account == account {
				own++
			}
		}
	}
	switch {
	case own >= AccountSubscribersMax:
		return &schemas.Problem{Code: schemas.Forbidden, Detail: fmt.Sprintf("the account has %d subscribers, which is as many as it may have; delete one first", own)}
	case all >= SubscribersMax:
		return &schemas.Problem{Code: schemas.Forbidden, Detail: fmt.Sprintf("there are %d subscribers here, which is as many as there may be", all)}
	}
	return nil
}

// number returns one that nobody has, and nobody will get: the topic of that number is made, and Kafka makes it once.
func (q *Queues) number(ctx context.Context) (schemas.SubscriberID, error) {
	next := schemas.SubscriberID(1)
	for _, s := range q.cfg.Control.Subscribers() {
		next = max(next, s.ID+1)
	}
	for range numbersMax {
		err := q.cfg.Spec.MakeQueue(ctx, q.cfg.Client, next)
		if !errors.Is(err, topics.ErrThere) {
			return next, err
		}
		next++
	}
	return 0, fmt.Errorf("the %d numbers before %d have topics, and no subscribers", numbersMax, next)
}

// Delete takes a subscriber back. Its queue goes a little later, its number is not given again. Its error wraps
// schemas.ErrUnknown when the account has no such subscriber, and schemas.ErrUnavailable when it may be there still.
func (q *Queues) Delete(ctx context.Context, account, by string, id schemas.SubscriberID) error {
	if err := q.catchUp(ctx); err != nil {
		return err
	}
	s, err := q.own(account, id)
	if err != nil {
		return err
	}
	gone := *s
	gone.Deleted, gone.By = q.cfg.Now().UTC(), by
	if err := q.cfg.Control.PutSubscriber(ctx, gone); err != nil {
		return fmt.Errorf("delete subscriber %s: %w: %w", id, schemas.ErrUnavailable, err)
	}
	return nil
}

// Subscribers are those of an account, by their numbers.
func (q *Queues) Subscribers(ctx context.Context, account string) ([]schemas.SubscriberResource, error) {
	if err := q.catchUp(ctx); err != nil {
		return nil, err
	}
	all := []schemas.SubscriberResource{}
	for _, s := range q.cfg.Control.Subscribers() {
		if s.Live() && s.Account == account {
			all = append(all, resourceOf(*s))
		}
	}
	slices.SortFunc(all, func(a, b schemas.SubscriberResource) int { return int(a.SubscriberID - b.SubscriberID) })
	return all, nil
}

// Subscriber returns one of an account, and how its queue stands. Its errors are those of Dequeue.
func (q *Queues) Subscriber(ctx context.Context, account string, id schemas.SubscriberID) (schemas.SubscriberResource, error) {
	if err := q.catchUp(ctx); err != nil {
		return schemas.SubscriberResource{}, err
	}
	s, err := q.own(account, id)
	if err != nil {
		return schemas.SubscriberResource{}, err
	}
	seen, err := q.fetch.look(ctx, q.cfg.Control.Queue(id), lookBytesMax)
	if err != nil {
		return schemas.SubscriberResource{}, err
	}
	r := resourceOf(*s)
	r.Queue = seen.resource()
	return r, nil
}

func resourceOf(s control.Subscriber) schemas.SubscriberResource {
	return schemas.SubscriberResource{
		SubscriberID:     s.ID,
		Account:          s.Account,
		Name:             s.Name,
		TransactionTypes: s.TransactionTypes,
		ObjectTypes:      append([]string{}, s.ObjectTypes...),
		MaxBlockCount:    s.MaxBlockCount,
		WarnDepth:        s.WarnDepth,
		FullDepth:        s.FullDepth,
		CreatedAt:        s.Created.UTC(),
	}
}
