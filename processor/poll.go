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
	w := &waiter{live: p.live, wait: q.Wait, in: in, on: []watchKey{watchRequest(q.ID)}}
	return await(ctx, w, func(ctx context.Context) (schemas.CallResource, bool, error) {
		r, err := p.live.request(ctx, q, in)
		if err == nil && !r.Status.Final() && w.also(watchRequest(uuid.MustParse(r.RequestID))) {
			r, err = p.live.request(ctx, q, in) // the id is a resend's: the first may have ended between look and watch
		}
		return r, r.Status.Final(), err
	})
}

// Conversation answers what this process knows of a conversation; errors as those of Request. No partitions: those that
// the id may name.
func (p *Processor) Conversation(ctx context.Context, q schemas.ConversationQuery, in ...int32) (schemas.ConversationResource, error) {
	keys := q.Keys()
	if len(in) > 0 {
		keys = slices.DeleteFunc(keys, func(k schemas.ConversationKey) bool { return !slices.Contains(in, p.live.home(k)) })
	}
	w := &waiter{live: p.live, wait: q.Wait}
	for _, k := range keys {
		w.in = append(w.in, p.live.home(k))
		w.on = append(w.on, watchConversation(k))
	}
	return await(ctx, w, func(ctx context.Context) (schemas.ConversationResource, bool, error) {
		r, err := p.live.conversation(ctx, q, keys)
		return r, r.Status.Final(), err
	})
}

// waiter says for how long to wait, and for the end of what.
type waiter struct {
	live *live
	wait time.Duration
	// in are the partitions that are asked.
	in []int32
	on []watchKey
	// ended has something to receive when one of what on names has ended, or may end elsewhere.
	ended chan struct{}
}

// also waits for the end of what key names, too. It reports whether that is new: then it may have ended before.
func (w *waiter) also(key watchKey) bool {
	if slices.Contains(w.on, key) {
		return false
	}
	w.on = append(w.on, key)
	w.live.watchers.join(w.ended, key)
	return true
}

// await asks until the answer is final, or the wait is over. An end stays what it is, whoever owns the partition now;
// anything else is said only while nobody else can own it: another may have told more.
func await[R any](ctx context.Context, w *waiter, ask func(context.Context) (R, bool, error)) (R, error) {
	w.ended = w.live.watchers.watch(w.on...) // before the first look, so that no end falls between
	defer func() { w.live.watchers.leave(w.ended, w.on...) }()
	timer := time.NewTimer(w.wait)
	defer timer.Stop()
	for {
		r, final, err := ask(ctx)
		if !final && !w.live.leased() {
			return r, notOwned(w.in...)
		}
		if err != nil || final || w.wait <= 0 {
			return r, err
		}
		select {
		case <-w.ended:
		case <-timer.C:
			w.wait = 0 // one more look
		case <-ctx.Done():
			return r, err
		}
	}
}

func (l *live) request(ctx context.Context, q schemas.RequestQuery, in []int32) (schemas.CallResource, error) {
	find := func(partition int32) (schemas.CallResource, error) {
		return withView(l, partition, func(v *lookup) (schemas.CallResource, error) { return v.request(q) })
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
	return schemas.CallResource{RequestID: q.ID.String(), Account: q.Account, Status: schemas.Queued, Results: []schemas.ResultResource{}}, nil
}

func (l *live) conversation(ctx context.Context, q schemas.ConversationQuery, keys []schemas.ConversationKey) (schemas.ConversationResource, error) {
	if q.Accepted != nil {
		if err := l.passed(ctx, *q.Accepted); err != nil {
			return schemas.ConversationResource{}, err
		}
	}
	var in []int32
	for _, k := range keys {
		in = append(in, l.home(k))
	}
	return search(ctx, l, in, func(partition int32) (r schemas.ConversationResource, err error) {
		err = fmt.Errorf("conversation: %w", schemas.ErrUnknown)
		for _, k := range keys {
			if l.home(k) == partition && errors.Is(err, schemas.ErrUnknown) {
				r, err = withView(l, partition, func(v *lookup) (schemas.ConversationResource, error) { return v.conversation(k, q) })
			}
		}
		return r, err
	})
}

func (l *live) home(key schemas.ConversationKey) int32 {
	return topics.OfConversation(key, l.cfg.Partitions)
}

// search looks for something in partitions: in those of our own as they are, then once everything that is in the log
// now has been applied.
func search[R any](ctx context.Context, l *live, in []int32, find func(int32) (R, error)) (R, error) {
	r, missing, err := lookInto(in, find)
	owned := slices.DeleteFunc(slices.Clone(in), func(p int32) bool { return slices.Contains(missing, p) })
	if !errors.Is(err, schemas.ErrUnknown) || len(owned) == 0 {
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
