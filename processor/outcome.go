package processor

import (
	"parley/internal/route"
	"parley/processor/conversation"
	"parley/processor/store"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

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
	f.outcome = withoutWords(f.outcome, call)
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
	if end.Following.Route != "" && (f.route == nil || !f.route.Idempotent) {
		t.unsettled[key] = struct{}{}
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
