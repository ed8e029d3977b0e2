package torture

import (
	"cmp"
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"parley/schemas"
)

// command is what is asked of Parley about a conversation, beside sending its parts.
type command struct {
	kind commandKind
	at   time.Duration
	// verdict is what was answered.
	verdict verdict
}

type commandKind int

const (
	// cancels asks to cancel the conversation.
	cancels commandKind = iota + 1
	// resubmits asks to run what is unfinished of it again, without what failed.
	resubmits
	// repeats asks to run what failed, too.
	repeats
)

// verdict is what is known of a command.
type verdict int

const (
	// unheard: nobody gave an answer, or nobody asked; it may have been carried out.
	unheard verdict = iota
	taken
	refused
)

// againSuffix follows the ConversationID of what is resubmitted.
const againSuffix = "-again"

// command sends the commands of all stories in their time.
func (r *run) command(ctx context.Context) error {
	var all []*story
	for i := range r.plan.stories {
		if s := &r.plan.stories[i]; s.command.kind != 0 {
			all = append(all, s)
		}
	}
	slices.SortStableFunc(all, func(a, b *story) int { return cmp.Compare(a.command.at, b.command.at) })
	var group errgroup.Group
	group.SetLimit(senders)
	for _, s := range all {
		if !pause(ctx, time.Until(r.began.Add(s.command.at))) {
			break
		}
		group.Go(func() error {
			s.command.verdict = r.give(ctx, s)
			return nil
		})
	}
	return group.Wait()
}

const (
	commandTries = 5
	commandPause = 300 * time.Millisecond
)

// give gives the command of a story to some member, a few times if nobody answers.
func (r *run) give(ctx context.Context, s *story) verdict {
	for range commandTries {
		err := r.giveTo(ctx, r.anyMember(), s)
		switch {
		case err == nil:
			return taken
		case !unavailable(err) && ctx.Err() == nil:
			return refused
		case !pause(ctx, commandPause):
			return unheard
		}
	}
	return unheard
}

func (r *run) giveTo(ctx context.Context, m *member, s *story) error {
	c := m.clients[s.calls[0].account]
	id := s.calls[0].conversation
	if s.command.kind == cancels {
		_, err := c.Cancel(ctx, id)
		return err
	}
	_, err := c.Resubmit(ctx, id, schemas.Resubmission{ConversationID: id + againSuffix, IncludeFailed: s.command.kind == repeats})
	return err
}

const (
	ruleCancelled rule = "cancels that were as they were answered"
	ruleAgain     rule = "calls of conversations that were resubmitted, which run again once, or must not"
)

// commands: what is cancelled has not been carried out, and what is resubmitted is what was not.
func (e *evidence) commands() {
	for i := range e.stories {
		s := &e.stories[i]
		for _, c := range s.calls {
			for _, one := range e.rowsOf[c] {
				switch {
				case s.command.kind == cancels:
					e.cancelled(s, one)
				case s.command.kind != 0:
					e.again(s, one)
				}
			}
		}
	}
}

func (e *evidence) cancelled(s *story, one row) {
	ran := one.status != schemas.Cancelled && one.status != schemas.Rejected
	if s.command.verdict == taken && ran || s.command.verdict == refused && one.status == schemas.Cancelled {
		e.broke(ruleCancelled, "%s: %s %s", one.call.name(), one.status, one.code)
		return
	}
	e.held(ruleCancelled)
}

// again looks at a call of a conversation that was resubmitted, perhaps. Of those that failed, one that may have been
// carried out is never repeated.
func (e *evidence) again(s *story, one row) {
	n := len(e.againOf[one.call])
	unfinished := one.status == schemas.NotProcessed
	repeatable := s.command.kind == repeats && (one.status == schemas.Error || one.status == schemas.HasErrors) && one.code != schemas.OutcomeUnknown
	switch {
	case n > 1, n == 1 && !unfinished && !repeatable, n == 1 && s.command.verdict == refused, n == 0 && unfinished && s.command.verdict == taken:
		e.broke(ruleAgain, "%s (%s): first %s %s, then %s", one.call.name(), one.call.route, one.status, one.code, statuses(e.againOf[one.call]))
	default:
		e.held(ruleAgain)
	}
}
