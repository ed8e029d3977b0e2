package subscriber

import (
	"context"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/control"
	"parley/schemas"
)

// Dequeue acknowledges, and returns the block that follows what is acknowledged. The block is handed out when, and only when,
// it was noted that it is. Its error wraps schemas.ErrUnknown when the account has no such subscriber, and
// schemas.ErrUnavailable when it is not known what was noted; to ask the same again is safe.
func (q *Queues) Dequeue(ctx context.Context, asked schemas.DequeueQuery) (schemas.Block, error) {
	if err := q.catchUp(ctx); err != nil {
		return schemas.Block{}, err
	}
	s, err := q.own(asked.Account, asked.Subscriber)
	if err != nil {
		return schemas.Block{}, err
	}
	was := q.cfg.Control.Queue(s.ID)
	is := acknowledge(was, asked.Acknowledge)
	b := block{form: asked.Append, bytesMax: asked.BytesMax, countMax: asked.CountMax}
	if !asked.Large {
		b.countMax = min(b.countMax, s.MaxBlockCount)
	}
	if err := q.fill(ctx, &b, is); err != nil {
		return schemas.Block{}, err
	}
	if is.HandedOut = max(is.HandedOut, b.last); is != was {
		is.Dequeued = q.cfg.Now()
		if err := q.cfg.Control.AdvanceQueue(ctx, is); err != nil {
			return schemas.Block{}, fmt.Errorf("note what is handed out of queue %s: %w: %w", s.ID, schemas.ErrUnavailable, err)
		}
	}
	return schemas.Block{LastTransactionID: b.last, Transactions: b.written}, nil
}

func (q *Queues) catchUp(ctx context.Context) error {
	if err := q.cfg.Control.CatchUp(ctx); err != nil {
		return fmt.Errorf("hear what was said of queues: %w: %w", schemas.ErrUnavailable, err)
	}
	return nil
}

// acknowledge returns how far a queue is read when everything up to an id is acknowledged: nothing is that was not handed out.
func acknowledge(q control.Queue, id int64) control.Queue {
	q.Acknowledged = max(q.Acknowledged, min(id, q.HandedOut))
	return q
}

// blockFetchBytes is about what is read of a queue at a time, as it is on the wire: some batches.
const blockFetchBytes = batchBytesMax

// fill puts what follows the acknowledged into a block.
func (q *Queues) fill(ctx context.Context, b *block, at control.Queue) error {
	for next := at.Acknowledged; !b.full(); { // the id of the last transaction is the offset of what follows it
		p, kept := q.cache.from(at.Subscriber, next)
		if !kept {
			var err error
			if p, err = q.fetch.from(ctx, at.Subscriber, next, blockFetchBytes); err != nil {
				return err
			}
			q.cache.keep(at.Subscriber, p)
		}
		b.grow(p.records)
		for _, r := range p.records {
			if err := b.add(r); err != nil || b.full() {
				return err
			}
		}
		if !kept && (p.atEnd() || p.next == next) { // what is kept does not know what has come since
			return nil
		}
		next = p.next
	}
	return nil
}

// block gathers the transactions of a dequeue.
type block struct {
	form               func(q schemas.QueuedTransaction, to []byte, id int64) ([]byte, error)
	countMax, bytesMax int

	// text is what they are, one behind the other, written each of them by itself.
	text    []byte
	written [][]byte
	last    int64
	// cut: a transaction was left out because it did not fit.
	cut bool
}

func (b *block) full() bool { return b.cut || len(b.written) >= b.countMax }

// idRoom is what the id adds to a transaction at the most.
const idRoom = 40

// grow makes room for as many of the records as will fit, and the one that will not: nothing is copied while they are added.
func (b *block) grow(records []*kgo.Record) {
	room := 0
	for _, r := range records[:min(len(records), b.countMax-len(b.written))] {
		if room += len(r.Value) + idRoom; len(b.text)+room > b.bytesMax {
			break
		}
	}
	b.text = slices.Grow(b.text, room)
}

// add adds the transaction that a record is, if it fits. One that is too long for any block is one by itself.
func (b *block) add(r *kgo.Record) error {
	id, before := r.Offset+1, len(b.text)
	text, err := b.form(r.Value, b.text, id)
	if err != nil {
		return fmt.Errorf("read %s offset %d: %w", r.Topic, r.Offset, err)
	}
	if len(text) > b.bytesMax && len(b.written) > 0 {
		b.cut = true
		return nil
	}
	b.text = text
	b.written = append(b.written, text[before:len(text):len(text)])
	b.last = id
	return nil
}
