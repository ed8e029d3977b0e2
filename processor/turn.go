package processor

import (
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"parley/internal/route"
	"parley/processor/conversation"
	"parley/processor/store"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// turn is what one round of the loop decides: changes of the state, events, and what is to be done once they are
// committed. A turn that is not committed is dropped whole; nothing of it is seen.
type turn struct {
	cfg   *Config
	store *store.Store
	rules conversation.Rules
	now   time.Time

	parts    []*partTurn // in the order in which their partitions came up
	byID     map[int32]*partTurn
	produced []*kgo.Record // to parley.calls and parley.dead
	counts   turnCounts
}

type turnCounts struct{ records, dead, forwarded int }

// partTurn is a turn on one partition.
type partTurn struct {
	*partition
	tx *store.Tx
	// due is the partition's nextTimer when the turn is committed; set is the earliest deadline that the turn has
	// set, which the store does not have yet.
	due, set time.Time

	results  []*kgo.Record
	releases []release
	ended    []schemas.ConversationKey
	// finished are the request ids of the calls that ended, and of resends: theirs may have ended before.
	finished []schemas.RequestID
	// calls are payloads that came with an outcome, so that they need not be read again.
	calls map[schemas.ConversationKey]*parleyv1.Call
}

// release is an attempt that may begin after the commit. ready is the conversation's place in its partition's queue.
type release struct {
	partition int32
	key       schemas.ConversationKey
	attempt   conversation.Execute
	ready     int64
	call      *parleyv1.Call // nil: it is in the store
}

func (l *loop) newTurn() *turn {
	return &turn{
		cfg:   &l.cfg,
		store: l.store,
		rules: conversation.Rules{PartTimeout: l.cfg.PartTimeout},
		now:   time.Now(),
		byID:  make(map[int32]*partTurn),
	}
}

func (t *turn) on(p *partition) *partTurn {
	pt, ok := t.byID[p.id]
	if !ok {
		pt = &partTurn{partition: p, due: p.nextTimer, tx: t.store.Begin(p.id, p.meta), calls: make(map[schemas.ConversationKey]*parleyv1.Call)}
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
	}
	return t.call(p, &in)
}

func (t *turn) bury(r *kgo.Record, why *schemas.Problem) {
	t.counts.dead++
	t.produced = append(t.produced, buried(t.cfg.Topics.Dead, r, why))
}

// forward sends a call on to its own partition, once.
func (t *turn) forward(in received) {
	if header(in.record, headerFrom) != "" {
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
	var held uint64
	var refused bool
	if state.Phase != conversation.New && in.problem == nil {
		sequenceCode, _ := schemas.Place(in.call)
		if held, err = p.tx.Content(in.conversation, sequenceCode); err != nil {
			return err
		}
	}
	if state.Phase != conversation.New || in.problem != nil {
		ref, ok, err := p.tx.Reference(in.part.RequestID)
		if err != nil {
			return err
		}
		refused = ok && ref.Rejected
	}
	p.tx.Meta.Accepted++
	return t.step(p, in.conversation, in.input(held, refused), in)
}

// outcome applies what an execution has to say.
func (t *turn) outcome(p *partTurn, f finished) error {
	w := f.work
	call := f.call
	if call == nil {
		part, err := p.tx.Part(w.key, w.attempt.SequenceCode)
		if err != nil {
			return err
		}
		call = new(parleyv1.Call)
		if err := proto.Unmarshal(part.Call, call); err != nil {
			return fmt.Errorf("decode part %d of %q: %w", w.attempt.SequenceCode, w.key, err)
		}
	}
	p.calls[w.key] = call
	in := conversation.OutcomeReceived{
		SequenceCode: w.attempt.SequenceCode,
		Attempt:      w.attempt.Attempt,
		StartedAt:    f.startedAt,
		At:           f.at,
		Outcome:      f.outcome,
		FailOn:       schemas.FailOn(call.GetOptions().GetFailOn()),
		RequestID:    requestID(call),
	}
	if f.route != nil {
		in.Retry = retryOf(f.route)
	}
	return t.step(p, w.key, in, nil)
}

func retryOf(r *route.Route) conversation.Retry {
	return conversation.Retry{Initial: r.Retry.Initial, Max: r.Retry.Max, MaxAttempts: int32(r.Retry.MaxAttempts)}
}

// timers applies the timers that the log has passed: everything appended before LogTime has been read, and a part
// that was forwarded has had its grace.
func (t *turn) timers(p *partTurn) error {
	read := p.tx.Meta.LogTime.Add(-t.cfg.ForwardGrace)
	if p.due.IsZero() || !read.After(p.due) {
		return nil
	}
	timers, err := t.store.Timers(p.id, p.due, timersMax)
	if err != nil {
		return err
	}
	var rest time.Time // the earliest timer of the store that is left
	if len(timers) == timersMax {
		rest = timers[timersMax-1].At
	}
	for _, timer := range timers {
		if !read.After(timer.At) {
			rest = timer.At
			break
		}
		if err := t.step(p, timer.Conversation, conversation.TimerDue{At: read}, nil); err != nil {
			return err
		}
	}
	p.due = earliest(rest, p.set)
	return nil
}

// earliest is the earlier of two times; zero: there is none.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// timersMax bounds the timers of one turn.
const timersMax = 2_000

// step has the core decide about one input, and takes down what it says. in is the call that was received, if any.
func (t *turn) step(p *partTurn, key schemas.ConversationKey, input conversation.Input, in *received) error {
	before, err := p.tx.Conversation(key)
	if err != nil {
		return err
	}
	state, effects, err := t.decide(before, input)
	if err != nil {
		t.cfg.Log.Error("a decision failed: a defect of parley; the conversation is ended", "conversation", string(key), "error", err)
		if in != nil {
			t.bury(in.record, &schemas.Problem{Code: schemas.Internal, Detail: err.Error()})
		}
		if state, effects, err = t.decide(before, conversation.DecisionFailed{At: t.now, Reason: "an internal error"}); err != nil {
			return fmt.Errorf("end conversation: %w", err)
		}
	}
	if before.Phase != conversation.Ended && state.Phase != conversation.New {
		p.tx.SetConversation(key, state)
	}
	p.set, p.due = earliest(p.set, state.Deadline), earliest(p.due, state.Deadline)
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

func (t *turn) effect(p *partTurn, key schemas.ConversationKey, state conversation.State, e conversation.Effect, in *received) error {
	switch e := e.(type) {
	case conversation.Accept:
		return t.accept(p, in)
	case conversation.Resend:
		return t.resend(p, in, e)
	case conversation.Reject:
		return t.reject(p, in, e)
	case conversation.Execute:
		r := release{partition: p.id, key: key, attempt: e, ready: state.Ready}
		if state.Calls == 1 && in != nil {
			r.call = in.call
		}
		p.releases = append(p.releases, r)
		return nil
	case conversation.EndCall:
		return t.endCall(p, key, e)
	case conversation.EndConversation:
		p.ended = append(p.ended, key)
		if err := p.tx.EndConversation(key); err != nil {
			return err
		}
		account, _, _ := key.Split()
		return t.event(p, &parleyv1.ResultEvent{Account: account, Event: &parleyv1.ResultEvent_Conversation{
			Conversation: conversationEvent(key, state, e.At),
		}})
	}
	return fmt.Errorf("unknown effect %T", e)
}

func (t *turn) accept(p *partTurn, in *received) error {
	p.tx.Meta.Open++
	sequenceCode, _ := schemas.Place(in.call)
	return p.tx.PutPart(in.conversation, sequenceCode, in.part)
}

// resend counts a call that is known, and makes it known under this request id too if its bytes gave it another.
func (t *turn) resend(p *partTurn, in *received, e conversation.Resend) error {
	p.tx.Meta.Resent++
	if _, known, err := p.tx.Reference(in.part.RequestID); err != nil || known || in.conversation.Single() {
		return err
	}
	first, err := p.tx.RecordedAs(in.conversation, e.SequenceCode)
	if err != nil || first == in.part.RequestID {
		return err
	}
	p.finished = append(p.finished, in.part.RequestID)
	return p.tx.PutReference(in.part.RequestID, store.Reference{
		Conversation: in.conversation,
		SequenceCode: e.SequenceCode,
		First:        first,
	})
}

func (t *turn) reject(p *partTurn, in *received, e conversation.Reject) error {
	sequenceCode, _ := schemas.Place(in.call)
	err := p.tx.PutReference(in.part.RequestID, store.Reference{
		Conversation: in.conversation,
		SequenceCode: sequenceCode,
		First:        in.part.RequestID,
		Rejected:     true,
	})
	if err != nil {
		return err
	}
	p.tx.Meta.CountFinal(schemas.Rejected)
	p.finished = append(p.finished, in.part.RequestID)
	return t.event(p, &parleyv1.ResultEvent{
		Account: in.call.Account,
		Event:   &parleyv1.ResultEvent_Call{Call: rejectedEvent(in, e)},
	})
}

func (t *turn) endCall(p *partTurn, key schemas.ConversationKey, e conversation.EndCall) error {
	part, err := p.tx.Part(key, e.SequenceCode)
	if err != nil {
		return err
	}
	call := p.calls[key]
	if call == nil || requestID(call) != part.RequestID {
		call = new(parleyv1.Call)
		if err := proto.Unmarshal(part.Call, call); err != nil {
			return fmt.Errorf("decode part %d of %q: %w", e.SequenceCode, key, err)
		}
	}
	p.tx.Meta.Open--
	p.tx.Meta.CountFinal(e.Status)
	p.finished = append(p.finished, part.RequestID)
	return t.event(p, &parleyv1.ResultEvent{
		Account: call.Account,
		Event:   &parleyv1.ResultEvent_Call{Call: callEvent(call, part.AcceptedAt, e)},
	})
}

// event gives an event its place in the partition's sequence and takes it down.
func (t *turn) event(p *partTurn, e *parleyv1.ResultEvent) error {
	p.tx.Meta.Sequence++
	e.Partition, e.Sequence = p.id, p.tx.Meta.Sequence
	raw, err := proto.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode event: %w", err)
	}
	p.tx.Finish(e, raw)
	p.results = append(p.results, &kgo.Record{
		Topic:     t.cfg.Topics.Results,
		Partition: p.id % t.cfg.ResultPartitions,
		Key:       []byte(eventKey(e)),
		Value:     raw,
		Headers: []kgo.RecordHeader{
			{Key: schemas.HeaderType, Value: []byte(eventType(e))},
			{Key: schemas.HeaderAccount, Value: []byte(e.Account)},
			{Key: schemas.HeaderPartition, Value: strconv.AppendInt(nil, int64(p.id), 10)},
		},
	})
	return nil
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
