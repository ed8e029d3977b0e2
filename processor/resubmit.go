package processor

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"parley/internal/topics"
	"parley/processor/conversation"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// resubmit appends the kept parts of a conversation that failed as the parts of another, and tells the record that it
// is continued.
func (t *turn) resubmit(p *partTurn, key schemas.ConversationKey, state conversation.State, e conversation.Resubmit) error {
	kept, err := p.tx.KeptParts(key, e.From)
	if err != nil {
		return err
	}
	account, conversationID, id := key.Split()
	if key.Single() {
		conversationID = id.String()
	}
	to := schemas.RecordKey(account, e.As, schemas.RequestID{})
	for i, part := range kept {
		call, err := part.Decode()
		if err != nil {
			return err
		}
		value, err := resubmitted(call, e.As, i+1, len(kept))
		if err != nil {
			return fmt.Errorf("resubmit %q: %w", key, err)
		}
		t.produced = append(t.produced, &kgo.Record{
			Topic:     t.cfg.Topics.Calls,
			Partition: topics.Partition(to, t.cfg.Partitions),
			Key:       []byte(to),
			Value:     value,
			Headers: []kgo.RecordHeader{
				{Key: schemas.HeaderContentType, Value: []byte(schemas.ContentProtobuf)},
				{Key: schemas.HeaderContinues, Value: []byte(conversationID)},
			},
		})
	}
	_, err = t.conversationEvent(p, key, state, 0)
	return err
}

// resubmitted is a call as a part of another conversation. It has no startBy: the first one has passed. Nor does anybody
// wait for it any more. What was erased of it stays erased.
func resubmitted(first *parleyv1.Call, as string, sequenceCode, calls int) ([]byte, error) {
	call := proto.CloneOf(first)
	call.RequestId = ""
	if call.Options == nil {
		call.Options = new(parleyv1.Options)
	}
	call.Options.ConversationId = proto.String(as)
	call.Options.SequenceCode = proto.Int32(int32(sequenceCode))
	call.Options.CallsInConversation = proto.Int32(int32(calls))
	call.Options.StartByMs = nil
	call.Options.RequestType = ""
	for _, o := range call.Objects {
		o.Erased = min(o.Erased, 1) // its attempts are counted anew
	}
	return proto.Marshal(call)
}
