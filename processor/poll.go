package processor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"parley/internal/topics"
	"parley/schemas"
)

// Request answers what this process knows of a call: schemas.ErrUnknown when it is sure that there is none in these
// partitions, *schemas.NotOwnedError when some of them are not its own, and schemas.ErrUnavailable when it cannot tell,
// or knows of the call but has its result no more. No partitions: all of them, the one that the id names first. With a
// receipt only the one is asked that it names.
func (p *Processor) Request(ctx context.Context, q schemas.RequestQuery, in ...int32) (schemas.CallResource, error) {
	switch home := topics.OfRequest(q.Account, q.ID, p.cfg.Partitions); {
	case q.Accepted != nil:
		in = []int32{q.Accepted.Partition}
	case len(in) == 0:
		in = append(in, home)
		for other := range p.cfg.Partitions {
			if other != home {
				in = append(in, other)
			}
		}
	}
	w := &waiter{live: p.live, wait: q.Wait, seen: q.Seen, in: in, on: []watchKey{watchRequest(q.ID)}}
	return await(ctx, w, func(ctx context.Context) (schemas.CallResource, error) {
		r, err := p.live.request(ctx, q, in)
		if err == nil && w.also(watchConversation(conversationKeyOf(r))) {
			r, err = p.live.request(ctx, q, in) // its conversation may have changed between look and watch
		}
		return r, err
	})
}

// conversationKeyOf is the key of the conversation that a call belongs to.
func conversationKeyOf(r schemas.CallResource) schemas.ConversationKey {
	return schemas.NewConversationKey(r.Account, r.ConversationID, uuid.MustParse(r.RequestID))
}

// Conversation answers what this process knows of a conversation; errors as those of Request. No partitions: those that
// the id may name.
func (p *Processor) Conversation(ctx context.Context, q schemas.ConversationQuery, in ...int32) (schemas.ConversationResource, error) {
	w := &waiter{live: p.live, wait: q.Wait, seen: q.Seen}
	var keys []schemas.ConversationKey
	for _, k := range q.Keys() {
		if home := topics.OfConversation(k, p.cfg.Partitions); len(in) == 0 || slices.Contains(in, home) {
			keys, w.in, w.on = append(keys, k), append(w.in, home), append(w.on, watchConversation(k))
		}
	}
	return await(ctx, w, func(ctx context.Context) (schemas.ConversationResource, error) {
		return p.live.conversation(ctx, q, keys, w.in)
	})
}

// waiter says for how long to wait, and for a change of what.
type waiter struct {
	live *live
	wait time.Duration
	// seen is the ETag of the status that is no news; empty: only an end is.
	seen string
	// in are the partitions that are asked.
	in []int32
	on []watchKey
	// changed has something to receive when one of what on names may have changed, or may be elsewhere. Nil: nobody waits.
	changed chan struct{}
}

// also waits for changes of what key names, too. It reports whether that is new: then it may have changed before.
func (w *waiter) also(key watchKey) bool {
	if w.changed == nil || slices.Contains(w.on, key) {
		return false
	}
	w.on = append(w.on, key)
	w.live.watchers.join(w.changed, key)
	return true
}

// await asks until the answer ends the wait, or the wait is over. An end stays what it is, whoever owns the partition
// now; anything else is said only while nobody else can own it: another may have told more.
func await[R schemas.Resource](ctx context.Context, w *waiter, ask func(context.Context) (R, error)) (R, error) {
	var late <-chan time.Time
	if w.wait > 0 {
		w.changed = w.live.watchers.watch(w.on...) // before the first look, so that no change falls between
		defer func() { w.live.watchers.leave(w.changed, w.on...) }()
		timer := time.NewTimer(w.wait)
		defer timer.Stop()
		late = timer.C
	}
	for over := w.wait <= 0; ; {
		r, err := ask(ctx)
		if !r.Final() && !w.live.leased() {
			return r, notOwned(w.in...)
		}
		if err != nil || over {
			return r, err
		}
		if schemas.EndsWait(r, w.seen) {
			return r, err
		}
		select {
		case <-w.changed:
		case <-late:
			over = true // after one more look
		case <-ctx.Done():
			return r, nil
		}
	}
}

func (l *live) request(ctx context.Context, q schemas.RequestQuery, in []int32) (schemas.CallResource, error) {
	find := func(partition int32) (schemas.CallResource, error) {
		return glance(l, partition, func(v *lookup) (schemas.CallResource, error) { return v.request(q) })
	}
	if q.Accepted == nil {
		return search(ctx, l, in, find)
	}
	r, err := find(q.Accepted.Partition)
	if !errors.Is(err, schemas.ErrUnknown) {
		return r, err
	}
	return l.queued(q, find)
}

// queued is the status of a call that was acknowledged but is not known: it has not been read yet, or its result is
// in the record alone.
func (l *live) queued(q schemas.RequestQuery, find func(int32) (schemas.CallResource, error)) (schemas.CallResource, error) {
	next, err := l.next(q.Accepted.Partition)
	if err != nil {
		return schemas.CallResource{}, err
	}
	if next > q.Accepted.Offset {
		if r, err := find(q.Accepted.Partition); !errors.Is(err, schemas.ErrUnknown) {
			return r, err // it was applied since the first look
		}
		return schemas.CallResource{}, fmt.Errorf("request %s has been applied, its result is not here: %w", q.ID, schemas.ErrUnavailable)
	}
	position := q.Accepted.Offset - next + 1
	return schemas.CallResource{RequestID: q.ID.String(), Account: q.Account, Status: schemas.Queued, Results: []schemas.ResultResource{}, Position: &position}, nil
}

// conversation looks for a conversation under keys that are each in the partition in its place.
func (l *live) conversation(ctx context.Context, q schemas.ConversationQuery, keys []schemas.ConversationKey, in []int32) (schemas.ConversationResource, error) {
	if q.Accepted != nil {
		if err := l.passed(ctx, *q.Accepted); err != nil {
			return schemas.ConversationResource{}, err
		}
	}
	return search(ctx, l, in, func(partition int32) (r schemas.ConversationResource, err error) {
		err = schemas.ErrUnknown
		for i, k := range keys {
			if in[i] == partition && errors.Is(err, schemas.ErrUnknown) {
				r, err = glance(l, partition, func(v *lookup) (schemas.ConversationResource, error) { return v.conversation(k, q) })
			}
		}
		return r, err
	})
}

// search looks for something in partitions: in those of our own as they are, then once everything that is in the log
// now has been applied.
func search[R any](ctx context.Context, l *live, in []int32, find func(int32) (R, error)) (R, error) {
	r, missing, err := lookInto(in, find)
	if !errors.Is(err, schemas.ErrUnknown) {
		return r, err
	}
	owned := slices.DeleteFunc(slices.Clone(in), func(p int32) bool { return slices.Contains(missing, p) })
	if len(owned) == 0 {
		return r, orNotOwned(err, missing)
	}
	if err := l.caughtUp(ctx, owned...); err != nil {
		if _, lost := errors.AsType[*schemas.NotOwnedError](err); lost {
			err = notOwned(in...) // of the others it is not known either that they have nothing
		}
		return r, err
	}
	r, lost, err := lookInto(owned, find)
	return r, orNotOwned(err, append(missing, lost...))
}

// lookInto asks one partition after the other until one knows. schemas.ErrUnknown: none does, of those that are not
// missing because they are not ours.
func lookInto[R any](in []int32, find func(int32) (R, error)) (r R, missing []int32, err error) {
	unknown := schemas.ErrUnknown
	for _, p := range in {
		r, err := find(p)
		_, notOwned := errors.AsType[*schemas.NotOwnedError](err)
		switch {
		case notOwned:
			missing = append(missing, p)
		case errors.Is(err, schemas.ErrUnknown):
			unknown = err
		default:
			return r, nil, err
		}
	}
	return r, missing, unknown
}

// orNotOwned is what is known of all partitions when of some it is err.
func orNotOwned(err error, missing []int32) error {
	if errors.Is(err, schemas.ErrUnknown) && len(missing) > 0 {
		return notOwned(missing...)
	}
	return err
}
