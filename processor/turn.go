package processor

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/topics"
	"parley/processor/conversation"
	"parley/processor/store"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// turn is what one round of the loop decides: changes of the state, events, and what is to be done once they are
// committed. A turn that is not committed is dropped whole; nothing of it is seen, but for the attempts that it began
// early, which may be repeated.
type turn struct {
	cfg      *Config
	store    *store.Store
	dispatch *dispatcher
	// destinations are the topics of kafka routes.
	destinations *destinations
	rules        conversation.Rules
	now          time.Time

	parts    []*partTurn // in the order in which their partitions came up
	byID     map[int32]*partTurn
	produced []*kgo.Record // to parley.calls, parley.dead and the topics of kafka routes
	counts   turnCounts
	// calls have ended.
	calls []endedCall
	// answers are the late answers that were taken, when there is a tracer.
	answers []lateAnswer
	// early are the conversations with an attempt that was released before the commit, in that order, and awaited those
	// of them that have not been heard of.
	early   []schemas.ConversationKey
	awaited map[schemas.ConversationKey]struct{}
	// unsettled are the conversations of which this turn has ended an attempt that its route does not let us repeat without
	// harm. If the turn comes to nothing, the next owner makes it again, or says that nobody knows: nothing that follows it
	// may have begun.
	unsettled map[schemas.ConversationKey]struct{}
	// deliveries have ended.
	deliveries []endedDelivery
	// committed are the sequences of the last events that are committed, of the partitions that are ours.
	committed map[int32]int64
	// withdrawn are the conversations whose waiting attempt was taken back.
	withdrawn []schemas.ConversationKey
}

type turnCounts struct{ records, dead, forwarded int }

// partTurn is a turn on one partition.
type partTurn struct {
	*partition
	tx *store.Tx
	// due and wake are the partition's nextTimer and nextWake when the turn is committed; set and wakeSet are the
	// earliest that the turn has set, which the store does not have yet.
	due, set      time.Time
	wake, wakeSet time.Time
	// erasing are the partition's erasures when the turn is committed.
	erasing []store.Erasure

	results  []*kgo.Record
	releases []release
	begins   []schemas.ConversationKey
	ended    []schemas.ConversationKey
	tellings []telling
	// calls are the request ids of the calls that were accepted or ended, and of resends: theirs may have ended before.
	calls []schemas.RequestID
}

// place is a part of a conversation.
type place struct {
	key          schemas.ConversationKey
	sequenceCode int32
}

// release is an attempt that may begin: state is the conversation's, call the part in turn (nil: it is in the store).
type release struct {
	partition int32
	key       schemas.ConversationKey
	state     conversation.State
	call      *parleyv1.Call
}

func (l *loop) newTurn() *turn {
	t := &turn{
		cfg:          &l.cfg,
		store:        l.store,
		dispatch:     l.dispatch,
		destinations: l.destinations,
		rules: conversation.Rules{
			PartTimeout:      l.cfg.PartTimeout,
			KeepFailed:       l.cfg.KeepFailed,
			KeepSingle:       l.cfg.KeepSingle,
			KeepConversation: l.cfg.KeepConversation,
		},
		now:       time.Now(),
		byID:      make(map[int32]*partTurn),
		awaited:   make(map[schemas.ConversationKey]struct{}),
		unsettled: make(map[schemas.ConversationKey]struct{}),
		committed: make(map[int32]int64, len(l.partitions)),
	}
	for _, p := range l.partitions {
		t.committed[p.id] = p.meta.Sequence
		if !p.fenced {
			t.on(p)
		}
	}
	return t
}

func (t *turn) on(p *partition) *partTurn {
	pt, ok := t.byID[p.id]
	if !ok {
		pt = &partTurn{partition: p, due: p.nextTimer, wake: p.nextWake, erasing: slices.Clone(p.erasures), tx: t.store.Begin(p.id, p.meta)}
		if !p.fenced {
			pt.tx.Meta.Fence++
		}
		t.byID[p.id] = pt
		t.parts = append(t.parts, pt)
	}
	return pt
}

// received applies one record. Records of a partition come in the order of their offsets.
func (t *turn) received(p *partTurn, in received) error {
	meta := &p.tx.Meta
	if in.record.Offset < meta.NextOffset {
		return nil // applied before the group's offset was lost
	}
	meta.NextOffset = in.record.Offset + 1
	if in.record.Timestamp.After(meta.LogTime) {
		meta.LogTime = in.record.Timestamp
	}
	t.counts.records++
	switch {
	case in.tick:
		return nil
	case in.dead != nil:
		t.bury(in.record, in.dead)
		return nil
	case in.home != p.id:
		t.forward(in)
		return nil
	case in.answer != nil:
		return t.answer(p, &in)
	case in.cancel != nil:
		return t.cancel(p, in.conversation)
	case in.erase != nil:
		return t.eraseRequested(p, &in)
	case in.resubmit != nil:
		return t.step(p, in.conversation, conversation.ResubmitRequested{As: in.resubmit.As, IncludeFailed: in.resubmit.IncludeFailed}, nil)
	}
	return t.call(p, &in)
}

func (t *turn) bury(r *kgo.Record, why *schemas.Problem) {
	t.counts.dead++
	t.produced = append(t.produced, topics.Buried(t.cfg.Topics.Dead, r, why))
}

// forward sends a record on to its own partition, once.
func (t *turn) forward(in received) {
	if header(in.record, schemas.HeaderForwardedFrom) != "" {
		t.bury(in.record, &schemas.Problem{Code: schemas.Internal, Detail: "the record was forwarded and is on the wrong partition again"})
		return
	}
	t.counts.forwarded++
	t.produced = append(t.produced, forwarded(in))
}

func (t *turn) call(p *partTurn, in *received) error {
	state, err := p.tx.Conversation(in.conversation)
	if err != nil {
		return err
	}
	input := in.input()
	if state.Phase != conversation.New {
		if input.Held, err = p.tx.Content(in.conversation, input.SequenceCode); err != nil {
			return err
		}
	}
	if p.tx.Meta.Rejected() > 0 {
		ref, ok, err := p.tx.Reference(in.part.RequestID)
		if err != nil {
			return err
		}
		input.Refused = ok && ref.Rejected
	}
	if input.SequenceCode == 1 {
		input.First = conversation.Next{Route: in.route, ScheduledAt: schemas.ScheduledTimeOf(in.call)}
	} else if state.Phase == conversation.Staging && state.Received.Has(1) && state.Received.Count() == state.Calls-1 {
		if input.First, err = t.next(p, in.conversation, 1); err != nil {
			return err
		}
	}
	return t.step(p, in.conversation, input, in)
}

// step has the core decide about one input, and takes down what it says. in is the call that was received, if any.
func (t *turn) step(p *partTurn, key schemas.ConversationKey, input conversation.Input, in *received) error {
	before, err := p.tx.Conversation(key)
	if err != nil {
		return err
	}
	state, effects, err := t.decide(before, input)
	if err != nil {
		t.cfg.Log.LogAttrs(context.Background(), slog.LevelError, "a decision failed: a defect of parley; the conversation is ended", about(p.id, key, slog.Any("error", err))...)
		if in != nil {
			t.bury(in.record, &schemas.Problem{Code: schemas.Internal, Detail: err.Error()})
			in = nil
		}
		if state, effects, err = t.decide(before, conversation.DecisionFailed{At: t.now, Reason: "an internal error"}); err != nil {
			return fmt.Errorf("end conversation: %w", err)
		}
	}
	if in != nil {
		p.tx.Meta.Accepted++
	}
	if state.Phase != conversation.New && (before.Phase != conversation.Ended || state.Kept != before.Kept || state.ContinuedBy != before.ContinuedBy) {
		p.tx.SetConversation(key, state)
	}
	awaited, wake := state.Awaited(), state.Wake()
	p.set, p.due = earliest(p.set, awaited), earliest(p.due, awaited)
	p.wakeSet, p.wake = earliest(p.wakeSet, wake), earliest(p.wake, wake)
	for _, e := range effects {
		if err := t.effect(p, key, state, e, in); err != nil {
			return err
		}
	}
	return nil
}

// decide calls the core, and survives its defects: one poisoned record must not stop a partition.
func (t *turn) decide(s conversation.State, in conversation.Input) (next conversation.State, effects []conversation.Effect, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("decide on %T: %v", in, r)
		}
	}()
	return t.rules.Step(s, in)
}

// changelog returns the records that the turn adds to parley.state, per partition of the turn.
func (t *turn) changelog() ([][]*kgo.Record, error) {
	out := make([][]*kgo.Record, len(t.parts))
	for i, p := range t.parts {
		changes, err := p.tx.Changes()
		if err != nil {
			return nil, fmt.Errorf("partition %d: %w", p.id, err)
		}
		records := make([]kgo.Record, len(changes))
		for j, c := range changes {
			records[j] = kgo.Record{Topic: t.cfg.Topics.State, Partition: p.id, Key: c.Key, Value: c.Value}
			out[i] = append(out[i], &records[j])
		}
	}
	return out, nil
}
