package processor

import (
	"parley/processor/conversation"
	"parley/schemas"
)

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
