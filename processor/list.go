package processor

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"parley/processor/store"
	"parley/schemas"
)

// Conversations returns the first conversations of partitions that are asked for, without their calls and in the order of
// their places: those that are open, and those that have ended and may not be in the record yet. It knows of everything
// that is in the log when it is asked. *schemas.NotOwnedError: some of the partitions are not ours.
func (p *Processor) Conversations(ctx context.Context, q schemas.ConversationsQuery, in ...int32) ([]schemas.ConversationResource, error) {
	if err := p.live.ownsAll(in); err != nil {
		return nil, err
	}
	if err := p.live.caughtUp(ctx, in...); err != nil {
		return nil, err
	}
	var found []schemas.ConversationResource
	err := p.live.each(in, func(partition int32, v *lookup) error {
		l := lister{lookup: v, q: q}
		if err := l.open(ctx); err != nil {
			return fmt.Errorf("list open conversations: %w", err)
		}
		if err := l.ended(ctx, p.live.sunk(partition%p.cfg.ResultPartitions)); err != nil {
			return fmt.Errorf("list ended conversations: %w", err)
		}
		found = append(found, l.found...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b schemas.ConversationResource) int { return a.Place().Compare(b.Place()) })
	return found[:min(len(found), q.Limit)], nil
}

// lister gathers the first conversations of one partition that a list asks for.
type lister struct {
	*lookup
	q     schemas.ConversationsQuery
	found []schemas.ConversationResource
}

// stages are where the open conversations that are asked for can be found.
func stages(q schemas.ConversationsQuery) []store.Stage {
	var in []store.Stage
	if q.Wants(schemas.ConversationStaging) {
		in = append(in, store.Staging)
	}
	if q.Wants(schemas.ConversationProcessing) {
		in = append(in, store.Processing)
	}
	if q.Wants(schemas.ConversationScheduled) || q.Wants(schemas.ConversationProcessing) { // its time may have come
		in = append(in, store.Held)
	}
	return in
}

func (l *lister) open(ctx context.Context) error {
	for _, stage := range stages(l.q) {
		n := 0
		err := l.Open(l.q, stage, func(key schemas.ConversationKey) (bool, error) {
			s, err := l.Conversation(key)
			if err != nil {
				return false, err
			}
			if r := l.openConversation(key, s); l.q.Wants(r.Status) {
				l.found = append(l.found, r)
				n++
			}
			return n < l.q.Limit, overdue(ctx)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// overdue is why nobody waits for an answer any more; nil: somebody does.
func overdue(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return errors.Join(ctx.Err(), schemas.ErrUnavailable)
}

// ended gathers those whose events lie behind an offset, up to which they are in the record.
func (l *lister) ended(ctx context.Context, sunk int64) error {
	if len(l.q.Ended()) == 0 {
		return nil
	}
	var first firstEnds
	err := l.Ends(l.q.Account, sunk, func(e store.End) (bool, error) {
		if l.q.Wants(e.Status) {
			if p := schemas.PlaceOf(e.Conversation, e.AcceptedAt); l.q.Has(p) {
				first.add(end{p, e.Conversation}, l.q.Limit)
			}
		}
		return true, overdue(ctx)
	})
	if err != nil {
		return err
	}
	for _, e := range first.cut(l.q.Limit) {
		s, err := l.Conversation(e.key)
		if err != nil {
			return err
		}
		r, err := l.end(e.key, s)
		if _, recorded := errors.AsType[*schemas.RecordedError](err); recorded {
			continue
		}
		if err != nil {
			return err
		}
		l.found = append(l.found, r)
	}
	return nil
}

// end is a conversation that has ended, and its place.
type end struct {
	place schemas.ConversationPlace
	key   schemas.ConversationKey
}

// firstEnds are the first of many, in the order of their places.
type firstEnds []end

// add takes one of which limit are wanted. From time to time it lets go of the others.
func (f *firstEnds) add(e end, limit int) {
	if *f = append(*f, e); len(*f) >= 4*limit {
		*f = f.cut(limit)
	}
}

// cut returns the first, each once.
func (f firstEnds) cut(limit int) firstEnds {
	slices.SortFunc(f, func(a, b end) int { return a.place.Compare(b.place) })
	f = slices.CompactFunc(f, func(a, b end) bool { return a.key == b.key })
	return f[:min(len(f), limit)]
}
