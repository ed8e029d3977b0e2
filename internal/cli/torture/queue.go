package torture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"parley/schemas"
)

const (
	ruleDequeue   rule = "dequeues that were not refused"
	ruleQueued    rule = "transactions that follow what was acknowledged, in their order"
	rulePeeked    rule = "blocks that were asked for again, and were the same"
	ruleForgotten rule = "members that hand out nothing that was acknowledged"
)

// queue is what an account's subscriber has got. Its caller is coordinated: it acknowledges what it has got before it asks for more,
// and asks again when it was not answered. It asks some member each time.
type queue struct {
	account string
	id      schemas.SubscriberID
	checks  *checks
	// last was got, and is acknowledged with the next question; peeked are the ids that were got behind it, and not taken.
	last   int64
	peeked []int64

	mu sync.Mutex
	// took are the statuses that the transactions tell, by the sequence of what ended; n counts the transactions.
	took map[string][]string
	n    int
}

// openQueues makes a subscriber to everything for each account.
func (r *run) openQueues(ctx context.Context) error {
	for _, account := range accounts {
		q := &queue{account: account, checks: r.checks, took: make(map[string][]string)}
		err := r.ask(ctx, func(m *member) error {
			made, err := m.clients[account].CreateSubscriber(ctx, schemas.Subscriber{Name: "torture", TransactionTypes: schemas.TransactionTypes()})
			q.id = made.SubscriberID
			return err
		})
		if err != nil {
			return fmt.Errorf("make a subscriber of %s: %w", account, err)
		}
		r.queues = append(r.queues, q)
	}
	return nil
}

const (
	// dequeuePause is the time between two dequeues.
	dequeuePause = 100 * time.Millisecond
	// dequeueWait bounds one: a member that is frozen does not answer.
	dequeueWait = 5 * time.Second
	// blockMax bounds what is asked for.
	blockMax = 200
	// peekEvery is how many blocks are asked for until one is not taken, and asked for again.
	peekEvery = 5
)

// drainQueue dequeues until ctx ends.
func (r *run) drainQueue(ctx context.Context, q *queue) {
	for pause(ctx, dequeuePause) {
		b, err := r.dequeue(ctx, q, 1+rand.IntN(blockMax))
		switch {
		case err == nil:
			q.checks.held(ruleDequeue)
			if rand.IntN(peekEvery) == 0 {
				q.peek(b)
			} else {
				q.take(b)
			}
		case !unavailable(err) && !errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
			q.checks.broke(ruleDequeue, "%s after %s: %v", q.account, r.age(), err)
		}
	}
}

// dequeue acknowledges what was got, and asks for a block.
func (r *run) dequeue(ctx context.Context, q *queue, count int) ([]schemas.Transaction, error) {
	ctx, cancel := context.WithTimeout(ctx, dequeueWait)
	defer cancel()
	b, err := r.anyMember().clients[q.account].Dequeue(ctx, q.id, schemas.Dequeue{BlockCount: count, TransactionID: q.last})
	if err != nil {
		return nil, err
	}
	return transactionsOf(b)
}

func transactionsOf(b schemas.TransactionBlock) ([]schemas.Transaction, error) {
	all := make([]schemas.Transaction, len(b.Transactions))
	for i, text := range b.Transactions {
		if err := json.Unmarshal(text, &all[i]); err != nil {
			return nil, fmt.Errorf("read transaction: %w", err)
		}
	}
	return all, nil
}

// peek looks at a block, and does not take it.
func (q *queue) peek(block []schemas.Transaction) {
	q.again(block)
	q.peeked = idsOf(block)
}

// take takes a block.
func (q *queue) take(block []schemas.Transaction) {
	q.again(block)
	q.peeked = nil
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, t := range block {
		if t.ID > q.last {
			q.checks.held(ruleQueued)
		} else {
			q.checks.broke(ruleQueued, "%s: %d (%s) behind %d", q.account, t.ID, t.Sequence, q.last)
		}
		q.last = t.ID
		q.took[t.Sequence] = append(q.took[t.Sequence], statusOf(t.Call, t.Conversation))
	}
	q.n += len(block)
}

// again looks whether a block begins with what was peeked.
func (q *queue) again(block []schemas.Transaction) {
	ids := idsOf(block)
	if n := min(len(ids), len(q.peeked)); !slices.Equal(ids[:n], q.peeked[:n]) {
		q.checks.broke(rulePeeked, "%s behind %d: %d, and %d", q.account, q.last, q.peeked[:n], ids[:n])
	} else if n > 0 {
		q.checks.held(rulePeeked)
	}
}

func idsOf(block []schemas.Transaction) []int64 {
	ids := make([]int64, len(block))
	for i, t := range block {
		ids[i] = t.ID
	}
	return ids
}

// dequeued is how many transactions were taken from all queues so far.
func (r *run) dequeued() (n int) {
	for _, q := range r.queues {
		q.mu.Lock()
		n += q.n
		q.mu.Unlock()
	}
	return n
}

// forgotten acknowledges the last of what was got, and asks every member whether it has anything left.
func (r *run) forgotten(ctx context.Context) error {
	for _, q := range r.queues {
		err := r.ask(ctx, func(m *member) error {
			_, err := m.clients[q.account].Dequeue(ctx, q.id, schemas.Dequeue{TransactionID: q.last})
			return err
		})
		if err != nil {
			return fmt.Errorf("acknowledge what %s has got: %w", q.account, err)
		}
		for _, m := range r.group.members {
			if !m.has("ingest") || m.cmd == nil {
				continue
			}
			b, err := m.clients[q.account].Dequeue(ctx, q.id, schemas.Dequeue{BlockCount: blockMax})
			switch {
			case err != nil:
				return fmt.Errorf("ask %s what %s has left: %w", m.name, q.account, err)
			case b.Count > 0:
				r.checks.broke(ruleForgotten, "%s has %d for %s, though %d was acknowledged", m.name, b.Count, q.account, q.last)
			default:
				r.checks.held(ruleForgotten)
			}
		}
	}
	return nil
}
