package store

import (
	"encoding/binary"
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
	}
}

// of reports whether the event is that of a part of a conversation.
func (e *event) of(account, conversationID string, sequenceCode int32) bool {
	return e.call && !e.rejected && e.sequenceCode == sequenceCode && e.conversationID == conversationID && e.account == account
}

// finish keeps an event, and says what is to be deleted when the record has it. The event of a part goes with that of
// its conversation, so that an open conversation can always be shown whole.
func (w *writer) finish(e event, resultsOffset int64, at time.Time) error {
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
	w.put(Change{Key: garbageKey(w.partition, resultsOffset), Value: append(binary.BigEndian.AppendUint64(nil, uint64(schemas.MilliOf(at))), kept...)})
	return nil
}
