package processor

import (
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"parley/processor/conversation"
	"parley/processor/store"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

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
		return t.endCall(p, key, state, e)
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
	p.calls = append(p.calls, in.part.RequestID)
	return nil
}

// execute releases an attempt: after the commit, or at once when its route says that a repetition does no harm, as that of
// the attempt before it does if this turn has ended that one, and it may begin now. Then a whole conversation can run inside
// the turn.
func (t *turn) execute(p *partTurn, key schemas.ConversationKey, state conversation.State) error {
	r := release{partition: p.id, key: key, state: state}
	if state.Queued() {
		var err error
		if r.call, err = p.tx.Call(key, state.Turn.SequenceCode, nil); err != nil {
			return err
		}
		by, ok := t.cfg.Routes.Named(state.Turn.Route)
		_, unsettled := t.unsettled[key]
		if ok && by.Idempotent && !unsettled && p.fenced && state.StartBy.IsZero() && t.dispatch.early(r) {
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
	p.calls = append(p.calls, in.part.RequestID)
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
	p.calls = append(p.calls, in.part.RequestID)
	_, err = t.callEnded(p, in.call, t.rejectedEvent(in, e), t.cfg.Limits.Targets(in.call))
	return err
}

func (t *turn) endCall(p *partTurn, key schemas.ConversationKey, state conversation.State, e conversation.EndCall) error {
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
	t.calls = append(t.calls, endedCall{status: e.Status, seconds: seconds(part.AcceptedAt, e.At)})
	p.calls = append(p.calls, part.RequestID)
	end, err := t.callEnded(p, call, t.callEvent(call, part, e), call.GetOptions().GetSendResponseTo())
	if err == nil && state.Tells && e.SequenceCode <= schemas.CallsPage {
		p.tx.PutEndedPart(key, e.SequenceCode, end)
	}
	return err
}

// callEnded takes the event of a call's end down, and has those of its targets told who are to be.
func (t *turn) callEnded(p *partTurn, call *parleyv1.Call, end *parleyv1.CallEvent, targets []*parleyv1.ResponseTarget) (*parleyv1.ResultEvent, error) {
	var to audience
	to.add(targetsOf(call, targets), func(when schemas.RespondWhen) bool {
		return conversation.ToldOfCall(when, schemas.CallStatus(end.Status))
	})
	end.Told = int32(to.recorded())
	e := &parleyv1.ResultEvent{Account: call.Account, Event: &parleyv1.ResultEvent_Call{Call: end}}
	if err := t.event(p, e); err != nil {
		return nil, err
	}
	return e, t.tellOfCall(p, call, e, to)
}

func (t *turn) endConversation(p *partTurn, key schemas.ConversationKey, state conversation.State) error {
	p.ended = append(p.ended, key)
	var calls []toldCall
	var to audience
	if state.Tells {
		var err error
		if calls, to, err = t.toldParts(p, key, state); err != nil {
			return err
		}
	}
	if err := p.tx.EndConversation(key); err != nil {
		return err
	}
	e, err := t.conversationEvent(p, key, state, to.recorded())
	if err != nil {
		return err
	}
	return t.tellOfConversation(p, e, calls, to)
}

// conversationEvent takes down what has become of a conversation, of which so many receivers are told, or not.
func (t *turn) conversationEvent(p *partTurn, key schemas.ConversationKey, state conversation.State, told int) (*parleyv1.ResultEvent, error) {
	account, _, _ := key.Split()
	c := conversationEvent(key, state)
	c.Told = int32(told)
	e := &parleyv1.ResultEvent{Account: account, Event: &parleyv1.ResultEvent_Conversation{Conversation: c}}
	return e, t.event(p, e)
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
