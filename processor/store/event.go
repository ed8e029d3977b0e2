package store

import (
	"encoding/binary"
	"slices"
	"time"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// event is an encoded ResultEvent and what must be known of it until it is applied. The event itself, with a result per
// object, takes several times its encoding: a turn that ends a long conversation has very many.
type event struct {
	raw []byte
	// account, conversationID and requestID are those of the call or of the conversation that ended.
	account, conversationID, requestID string
	// call is set for an event of a call, with its sequence code; rejected, when it was no part of its conversation.
	call, rejected bool
	sequenceCode   int32
	// status and acceptedAt are those of a conversation.
	status     schemas.ConversationStatus
	acceptedAt time.Time
	// about is, for the end of a delivery, the sequence of the event that was told; else zero.
	about int64
}

func eventOf(e *parleyv1.ResultEvent, raw []byte) event {
	c, v := e.GetCall(), e.GetConversation()
	return event{
		raw:            raw,
		account:        e.Account,
		conversationID: c.GetConversationId() + v.GetConversationId(),
		requestID:      c.GetRequestId() + v.GetRequestId(),
		call:           c != nil,
		rejected:       c.GetStatus() == string(schemas.Rejected),
		sequenceCode:   c.GetSequenceCode(),
		status:         schemas.ConversationStatus(v.GetStatus()),
		acceptedAt:     schemas.InstantOf(v.GetAcceptedAtMs()),
		about:          e.GetDelivery().GetAbout(),
	}
}

// of reports whether the event is that of a part of a conversation.
func (e *event) of(account, conversationID string, sequenceCode int32) bool {
	return e.call && !e.rejected && e.sequenceCode == sequenceCode && e.conversationID == conversationID && e.account == account
}

// finish keeps an event, and says what is to be deleted when the record has it. The event of a part goes with that of
// its conversation, so that an open conversation can always be shown whole.
func (w *writer) finish(e event, resultsOffset int64, at time.Time) error {
	if e.about != 0 {
		kept := toldKey(w.partition, e.about, resultsOffset)
		w.put(Change{Key: kept, Value: e.raw})
		w.put(Change{Key: garbageKey(w.partition, resultsOffset), Value: garbage{at: at, kept: kept}.encode()})
		return nil
	}
	id, err := parseID(e.requestID)
	if err != nil {
		return err
	}
	key := schemas.NewConversationKey(e.account, e.conversationID, id)
	kept := endedKey(w.partition, key)
	if e.call {
		kept = finishedKey(w.partition, id)
	}
	w.put(Change{Key: kept, Value: e.raw})
	if e.call && !e.rejected && !key.Single() {
		w.put(Change{Key: listedKey(w.partition, key, e.sequenceCode, id), Value: []byte{}})
		return nil
	}
	g := garbage{at: at, status: e.status, acceptedAt: e.acceptedAt, kept: kept}
	w.put(Change{Key: garbageKey(w.partition, resultsOffset), Value: g.encode()})
	return nil
}

// garbage is an event that is to be forgotten when the record has it.
type garbage struct {
	// at is when it happened, by the owner's clock.
	at time.Time
	// status and acceptedAt are those of a conversation; zero for a call.
	status     schemas.ConversationStatus
	acceptedAt time.Time
	// kept is the key of the event.
	kept []byte
}

// ends are the final statuses of conversations, in the order of the numbers that garbage has for them, from 1.
var ends = [...]schemas.ConversationStatus{
	schemas.ConversationComplete, schemas.ConversationError, schemas.ConversationCancelled, schemas.ConversationExpired,
}

// garbageLen is the length of what precedes the key.
const garbageLen = 8 + 1 + 8

func (g garbage) encode() []byte {
	b := appendMilli(make([]byte, 0, garbageLen+len(g.kept)), g.at)
	b = append(b, byte(slices.Index(ends[:], g.status)+1))
	return append(appendMilli(b, g.acceptedAt), g.kept...)
}

// decodeGarbage reads what encode has written; kept shares its memory.
func decodeGarbage(value []byte) garbage {
	g := garbage{
		at:         schemas.InstantOf(int64(binary.BigEndian.Uint64(value))),
		acceptedAt: schemas.InstantOf(int64(binary.BigEndian.Uint64(value[9:]))),
		kept:       value[garbageLen:],
	}
	if i := value[8]; i > 0 {
		g.status = ends[i-1]
	}
	return g
}
