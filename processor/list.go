package processor

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"parley/processor/conversation"
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
	err := p.live.each(in, func(v *lookup) error {
		its, err := v.list(q)
		found = append(found, its...)
		return err
	})
	if err != nil {
		return nil, err
	}
	return firstOf(found, q.Limit), nil
}

// firstOf are the first conversations in the order of their places, at most limit.
func firstOf(found []schemas.ConversationResource, limit int) []schemas.ConversationResource {
	slices.SortFunc(found, func(a, b schemas.ConversationResource) int { return a.Place().Compare(b.Place()) })
	return found[:min(len(found), limit)]
}

// list returns the first conversations of the partition that are asked for.
func (v *lookup) list(q schemas.ConversationsQuery) ([]schemas.ConversationResource, error) {
	var found []schemas.ConversationResource
	err := v.Conversations(q.Account, func(key schemas.ConversationKey, s conversation.State) error {
		r, err := v.listed(key, s)
		if _, recorded := errors.AsType[*schemas.RecordedError](err); recorded {
			return nil
		}
		if err != nil {
			return fmt.Errorf("list conversation: %w", err)
		}
		if q.Wants(r.Status) && q.Has(r.Place()) {
			found = append(found, r)
		}
		return nil
	})
	return firstOf(found, q.Limit), err
}

// listed is a conversation without its calls.
func (v *lookup) listed(key schemas.ConversationKey, s conversation.State) (schemas.ConversationResource, error) {
	if s.Phase == conversation.Ended {
		return v.end(key, s)
	}
	return v.openConversation(key, s), nil
}
