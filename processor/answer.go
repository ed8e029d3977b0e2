package processor

import (
	"context"
	"strings"
	"time"

	"parley/processor/conversation"
	"parley/processor/store"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// answer applies a late answer. The first one stands; one that comes before its call waits for it is kept.
func (t *turn) answer(p *partTurn, in *received) error {
	id := in.token.RequestID
	a, known, err := p.tx.Answer(id)
	if err != nil || a.Digest != 0 {
		return err
	}
	if !known {
		a.Expires = in.token.Expires
		if a.Conversation, a.SequenceCode, err = t.whereOf(p, in); err != nil {
			return err
		}
	}
	if !in.mayAnswer(a.Conversation) {
		t.bury(in.record, &schemas.Problem{Code: schemas.Forbidden, Pointer: "/token", Detail: "names no call of the account that the answer came from"})
		return nil
	}
	state, err := p.tx.Conversation(a.Conversation)
	if err != nil {
		return err
	}
	switch {
	case state.Phase == conversation.Processing && a.SequenceCode == state.Turn.SequenceCode:
		return t.takeAnswer(p, in, a, state)
	case state.Phase == conversation.New, state.Phase == conversation.Processing && a.SequenceCode > state.Turn.SequenceCode:
		return t.keepAnswer(p, in, a)
	}
	return nil // the call has ended otherwise
}

// mayAnswer reports whether an answer may be to a call of a conversation: one from the topic of an account, only if the
// call is known to be of that account.
func (in *received) mayAnswer(key schemas.ConversationKey) bool {
	account := header(in.record, schemas.HeaderAccount)
	if account == "" {
		return true
	}
	return strings.HasPrefix(string(key), account+"\x00")
}

// whereOf is the place of the call that an answer is to; empty: it is not known. The token does not say whose call it
// is, so a call without a ConversationID is found if the record's key says it, as that of an outcome does which comes
// from a former owner, or once it was Deferred.
func (t *turn) whereOf(p *partTurn, in *received) (schemas.ConversationKey, int32, error) {
	ref, ok, err := p.tx.Reference(in.token.RequestID)
	if err != nil || ok && !ref.Rejected {
		return ref.Conversation, ref.SequenceCode, err
	}
	account, _, _ := strings.Cut(in.key, "/")
	single := schemas.NewConversationKey(account, "", in.token.RequestID)
	s, err := p.tx.Conversation(single)
	if err != nil || s.Phase == conversation.New {
		return "", 0, err
	}
	return single, 1, nil
}

// takeAnswer ends the part in turn with an answer, or takes note of how far it has come.
func (t *turn) takeAnswer(p *partTurn, in *received, a store.Answer, s conversation.State) error {
	if in.answer.Processed != nil {
		return t.step(p, a.Conversation, conversation.ProgressReceived{SequenceCode: a.SequenceCode, Processed: *in.answer.Processed}, nil)
	}
	end, err := t.ending(p, a.Conversation, s, nil)
	if err != nil {
		return err
	}
	call, err := p.tx.Call(a.Conversation, a.SequenceCode, nil)
	if err != nil {
		return err
	}
	a.Digest = schemas.AnswerDigest(in.answer)
	if err := p.tx.PutAnswer(in.token.RequestID, a); err != nil {
		return err
	}
	outcome := lateOutcome(in.answer, call, s.Turn.Attempt)
	t.noteAnswer(in, call, outcome)
	return t.step(p, a.Conversation, conversation.AnswerReceived{SequenceCode: a.SequenceCode, At: t.now, Outcome: outcome, Ending: end}, nil)
}

// earlyKept is how long an answer that came early is kept at the least: an attempt that is repeated has a token of its
// own, and whoever has answered does not answer again.
const earlyKept = 24 * time.Hour

// keepAnswer keeps an answer that came early: before the 202 of its call was recorded, or before an attempt that is
// repeated. A call whose end is known gets none.
func (t *turn) keepAnswer(p *partTurn, in *received, a store.Answer) error {
	ended, err := p.tx.HasFinished(in.token.RequestID)
	if err != nil || ended || in.answer.Processed != nil {
		return err
	}
	a.Digest, a.Early = schemas.AnswerDigest(in.answer), in.record.Value
	if kept := in.at.Add(earlyKept); kept.After(a.Expires) {
		a.Expires = kept
	}
	return p.tx.PutAnswer(in.token.RequestID, a)
}

// takeEarly ends a part with the answer that was kept for it. false: there is none.
func (t *turn) takeEarly(p *partTurn, at place, call *parleyv1.Call, end conversation.Ending) (bool, error) {
	if p.tx.Meta.Early == 0 {
		return false, nil
	}
	id := requestID(call)
	a, _, err := p.tx.Answer(id)
	if err != nil || len(a.Early) == 0 {
		return false, err
	}
	said, problem := schemas.DecodeAnswer(a.Early)
	if problem != nil {
		return false, problem // it was decoded before it was kept
	}
	a.Conversation, a.SequenceCode, a.Early = at.key, at.sequenceCode, nil
	if err := p.tx.PutAnswer(id, a); err != nil {
		return false, err
	}
	state, err := p.tx.Conversation(at.key)
	if err != nil {
		return false, err
	}
	outcome := lateOutcome(said, call, state.Turn.Attempt)
	t.noteAnswer(nil, call, outcome)
	return true, t.step(p, at.key, conversation.AnswerReceived{SequenceCode: at.sequenceCode, At: t.now, Outcome: outcome, Ending: end}, nil)
}

// Answer tells what became of the late answer that was appended at a position: whether it, or one that says the same,
// was taken. It waits until the owner has applied it; the error is schemas.ErrUnavailable when that takes too long.
func (p *Processor) Answer(ctx context.Context, q schemas.AnswerQuery) (schemas.AnswerVerdict, error) {
	if err := p.live.passed(ctx, q.Accepted); err != nil {
		return 0, err
	}
	return withView(p.live, q.Accepted.Partition, func(v *lookup) (schemas.AnswerVerdict, error) {
		a, known, err := v.Answer(q.ID)
		if err != nil || a.Digest != q.Digest {
			return schemas.AnswerConflict, err
		}
		if q.Digest != 0 || !known {
			return schemas.AnswerTaken, nil
		}
		s, err := v.Conversation(a.Conversation) // progress, of a call that has perhaps ended without an answer
		if err != nil || s.Phase == conversation.Ended || s.Turn.SequenceCode > a.SequenceCode {
			return schemas.AnswerConflict, err
		}
		return schemas.AnswerTaken, nil
	})
}
