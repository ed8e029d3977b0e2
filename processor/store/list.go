package store

import (
	"bytes"
	"slices"
	"time"

	"parley/processor/conversation"
	"parley/schemas"
)

// Stage is how far an open conversation has come, as the list of those that are open knows it.
type Stage byte

const (
	// Staging waits for parts.
	Staging Stage = 's'
	// Held has a first part that is not to begin before a time, which may have passed.
	Held Stage = 'h'
	// Processing is all the rest.
	Processing Stage = 'p'
)

// StageOf returns the stage of a conversation; false: it is not open.
func StageOf(s conversation.State) (Stage, bool) {
	switch turn := s.Turn; {
	case s.AcceptedAt.IsZero(): // of the first part nothing is known yet but that it has come
		return 0, false
	case s.Phase == conversation.Staging:
		return Staging, true
	case s.Phase != conversation.Processing:
		return 0, false
	case turn.SequenceCode == 1 && turn.Attempt == 1 && !turn.NotBefore.IsZero():
		return Held, true
	}
	return Processing, true
}

// Open calls f with the conversations of the account of q that are in a stage, in the period and behind the place that q
// asks for, in the order of their places, until f returns false.
func (v *View) Open(q schemas.ConversationsQuery, stage Stage, f func(schemas.ConversationKey) (bool, error)) error {
	stages := stageKey(v.partition, q.Account, stage)
	lower, upper := appendMilli(bytes.Clone(stages), q.From), behind(stages)
	if q.After != nil {
		after := append(openKey(v.partition, q.After.Key(q.Account), stage, q.After.AcceptedAt), 0)
		lower = slices.MaxFunc([][]byte{lower, after}, bytes.Compare)
	}
	if !q.To.IsZero() {
		upper = appendMilli(bytes.Clone(stages), q.To)
	}
	if bytes.Compare(lower, upper) >= 0 {
		return nil
	}
	return scan(v.db, lower, upper, func(k, _ []byte) (bool, error) {
		return f(schemas.ConversationKey(q.Account + "\x00" + string(k[len(stages)+8:])))
	})
}

// End is a conversation that has ended.
type End struct {
	Conversation schemas.ConversationKey
	Status       schemas.ConversationStatus
	AcceptedAt   time.Time
}

// Ends calls f with the conversations of an account that have ended, and whose events lie behind an offset of the results,
// in the order of their events, until f returns false. One that was continued since then comes again.
func (v *View) Ends(account string, offset int64, f func(End) (bool, error)) error {
	key := endedKey(v.partition, schemas.ConversationKey(account+"\x00"))
	return scan(v.db, garbageKey(v.partition, offset), prefix(v.partition, kindGarbage+1), func(_, value []byte) (bool, error) {
		g := decodeGarbage(value)
		if !bytes.HasPrefix(g.kept, key) {
			return true, nil
		}
		return f(End{Conversation: schemas.ConversationKey(g.kept[prefixLen:]), Status: g.status, AcceptedAt: g.acceptedAt})
	})
}
