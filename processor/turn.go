package processor

import (
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"parley/internal/route"
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
	// early are the conversations with an attempt that was released before the commit, in that order, and awaited those
	// of them that have not been heard of.
	early   []schemas.ConversationKey
	awaited map[schemas.ConversationKey]struct{}
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

	results  []*kgo.Record
	releases []release
	begins   []schemas.ConversationKey
	ended    []schemas.ConversationKey
	// finished are the request ids of the calls that ended, and of resends: theirs may have ended before.
	finished []schemas.RequestID
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
		now:     time.Now(),
		byID:    make(map[int32]*partTurn),
		awaited: make(map[schemas.ConversationKey]struct{}),
	}
	for _, p := range l.partitions {
		if !p.fenced {
			t.on(p)
		}
	}
	return t
}

func (t *turn) on(p *partition) *partTurn {
	pt, ok := t.byID[p.id]
	if !ok {
		pt = &partTurn{partition: p, due: p.nextTimer, wake: p.nextWake, tx: t.store.Begin(p.id, p.meta)}
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

// next tells the core of a part whose turn comes.
func (t *turn) next(p *partTurn, key schemas.ConversationKey, sequenceCode int32) (conversation.Next, error) {
	call, err := p.tx.Call(key, sequenceCode, nil)
	if err != nil {
		return conversation.Next{}, err
	}
	n := conversation.Next{ScheduledAt: schemas.ScheduledTimeOf(call)}
	if r, problem := t.cfg.Routes.ForCall(call); problem == nil {
		n.Route = r.Name
	}
	return n, nil
}

// ending tells the core what it must know to end the part in turn of a conversation that is Processing. known is the
// part's call, nil: it is to be read.
func (t *turn) ending(p *partTurn, key schemas.ConversationKey, s conversation.State, known *parleyv1.Call) (conversation.Ending, error) {
	call, err := p.tx.Call(key, s.Turn.SequenceCode, known)
	if err != nil {
		return conversation.Ending{}, err
	}
	end := conversation.Ending{FailOn: schemas.FailOn(call.GetOptions().GetFailOn())}
	if s.Turn.SequenceCode < s.Calls {
		end.Following, err = t.next(p, key, s.Turn.SequenceCode+1)
	}
	return end, err
}

// finished applies what the dispatcher has to say of an attempt. An answer that came before it stands in its place.
func (t *turn) finished(p *partTurn, f finished) error {
	key, attempt := f.work.key, f.work.attempt
	delete(t.awaited, key)
	state, err := p.tx.Conversation(key)
	if err != nil || !state.Awaits(attempt.SequenceCode, attempt.Attempt) {
		return err
	}
	if f.kind == attemptBegins {
		return t.step(p, key, conversation.AttemptBegun{SequenceCode: attempt.SequenceCode, Attempt: attempt.Attempt, At: f.at, LostAt: f.lostAt}, nil)
	}
	end, err := t.ending(p, key, state, f.call)
	if err != nil {
		return err
	}
	call, err := p.tx.Call(key, attempt.SequenceCode, f.call)
	if err != nil {
		return err
	}
	if taken, err := t.takeEarly(p, place{key: key, sequenceCode: attempt.SequenceCode}, call, end); err != nil || taken {
		return err
	}
	if f.kind == attemptLost {
		return t.step(p, key, conversation.AttemptLost{SequenceCode: attempt.SequenceCode, Attempt: attempt.Attempt, At: f.at, Ending: end}, nil)
	}
	return t.outcome(p, f, call, end)
}

// outcome applies what came of an attempt.
func (t *turn) outcome(p *partTurn, f finished, call *parleyv1.Call, end conversation.Ending) error {
	key, attempt := f.work.key, f.work.attempt
	if f.record != nil {
		t.request(&f)
	}
	in := conversation.OutcomeReceived{
		SequenceCode: attempt.SequenceCode,
		Attempt:      attempt.Attempt,
		StartedAt:    f.startedAt,
		At:           f.at,
		Outcome:      f.outcome,
		RequestID:    requestID(call),
		Ending:       end,
	}
	if f.route != nil {
		in.Retry = retryOf(f.route)
		in.AnswerBy = f.at.Add(f.route.DeferTimeout)
	}
	if f.outcome.Kind == conversation.Deferred {
		a := store.Answer{Conversation: key, SequenceCode: attempt.SequenceCode, Expires: in.AnswerBy}
		if err := p.tx.PutAnswer(in.RequestID, a); err != nil {
			return err
		}
	}
	return t.step(p, key, in, nil)
}

// request hands a call over to the topic of its route, in the turn's own transaction.
func (t *turn) request(f *finished) {
	if o := t.destinations.place(f.record); o != nil {
		f.outcome = *o
		return
	}
	t.produced = append(t.produced, f.record)
}

func retryOf(r *route.Route) conversation.Retry {
	return conversation.Retry{Initial: r.Retry.Initial, Max: r.Retry.Max, MaxAttempts: int32(r.Retry.MaxAttempts)}
}

func (t *turn) cancel(p *partTurn, key schemas.ConversationKey) error {
	state, err := p.tx.Conversation(key)
	if err != nil {
		return err
	}
	return t.step(p, key, conversation.CancelRequested{At: t.now, Begun: t.begun(p, key, state)}, nil)
}

// begun reports whether the attempt that a conversation waits for has begun, or may have; else it does not begin while
// the turn lasts. That the first attempt of a conversation with a startBy begins is a part of its state, of others it is
// not: those that were ready in the time of another owner may have been begun by him.
func (t *turn) begun(p *partTurn, key schemas.ConversationKey, s conversation.State) bool {
	if s.Phase == conversation.Processing && s.StartBy.IsZero() && s.Ready < p.adopted && s.Turn.NotBefore.Before(p.adoptedAt) {
		return true
	}
	if !t.dispatch.withdraw(key) {
		return true
	}
	t.withdrawn = append(t.withdrawn, key)
	return false
}

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

func (t *turn) effect(p *partTurn, key schemas.ConversationKey, state conversation.State, e conversation.Effect, in *received) error {
	switch e := e.(type) {
	case conversation.Accept:
		return t.accept(p, in)
	case conversation.Resend:
		return t.resend(p, in, e)
	case conversation.Reject:
		return t.reject(p, in, e)
	case conversation.Execute:
		return t.execute(p, key, state)
	case conversation.Begin:
		p.begins = append(p.begins, key)
		return nil
	case conversation.EndCall:
		return t.endCall(p, key, e)
	case conversation.EndConversation:
		return t.endConversation(p, key, state)
	case conversation.Resubmit:
		return t.resubmit(p, key, state, e)
	case conversation.Release:
		return p.tx.ReleaseParts(key)
	case conversation.Forget:
		return p.tx.Forget(key)
	}
	return fmt.Errorf("unknown effect %T", e)
}

func (t *turn) accept(p *partTurn, in *received) error {
	p.tx.Meta.Open++
	sequenceCode, _ := schemas.Place(in.call)
	p.tx.PutPart(in.conversation, sequenceCode, in.part)
	return nil
}

// execute releases an attempt: after the commit, or at once when its route says that a repetition does no harm and it
// may begin now. Then a whole conversation can run inside the turn.
func (t *turn) execute(p *partTurn, key schemas.ConversationKey, state conversation.State) error {
	r := release{partition: p.id, key: key, state: state}
	if state.Queued() {
		var err error
		if r.call, err = p.tx.Call(key, state.Turn.SequenceCode, nil); err != nil {
			return err
		}
		if by, ok := t.cfg.Routes.Named(state.Turn.Route); ok && by.Idempotent && p.fenced && state.StartBy.IsZero() && t.dispatch.early(r) {
			t.early = append(t.early, key)
			t.awaited[key] = struct{}{}
			return nil
		}
	}
	p.releases = append(p.releases, r)
	return nil
}

// stands reports whether a release still counts at the end of the turn, in which its conversation may have moved on, as
// when it was cancelled.
func (p *partTurn) stands(r release) bool {
	s, err := p.tx.Conversation(r.key) // the turn has it
	attempt := r.state.InTurn()
	return err == nil && s.Awaits(attempt.SequenceCode, attempt.Attempt)
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
		Event:   &parleyv1.ResultEvent_Call{Call: t.rejectedEvent(in, e)},
	})
}

func (t *turn) endCall(p *partTurn, key schemas.ConversationKey, e conversation.EndCall) error {
	part, err := p.tx.Peek(key, e.SequenceCode)
	if err != nil {
		return err
	}
	call, err := part.Decode() // of a part that was not carried out, nobody needs it again
	if err != nil {
		return err
	}
	p.tx.Meta.Open--
	p.tx.Meta.CountFinal(e.Status)
	p.finished = append(p.finished, part.RequestID)
	return t.event(p, &parleyv1.ResultEvent{
		Account: call.Account,
		Event:   &parleyv1.ResultEvent_Call{Call: t.callEvent(call, part.AcceptedAt, e)},
	})
}

func (t *turn) endConversation(p *partTurn, key schemas.ConversationKey, state conversation.State) error {
	p.ended = append(p.ended, key)
	if err := p.tx.EndConversation(key); err != nil {
		return err
	}
	return t.conversationEvent(p, key, state)
}

func (t *turn) conversationEvent(p *partTurn, key schemas.ConversationKey, state conversation.State) error {
	account, _, _ := key.Split()
	return t.event(p, &parleyv1.ResultEvent{Account: account, Event: &parleyv1.ResultEvent_Conversation{Conversation: conversationEvent(key, state)}})
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
