package publish

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"parley/internal/topics"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// Log is parley.calls, as whoever writes to it must know it.
type Log struct {
	Topic      string
	Partitions int32
}

// Place has a record be one of the log, with the key and the partition of a call. The request id counts for one without
// a ConversationID only.
func (l Log) Place(r *kgo.Record, call *parleyv1.Call, id schemas.RequestID) {
	conversationID := call.GetOptions().GetConversationId()
	r.Topic, r.Key = l.Topic, schemas.AppendRecordKey(nil, call.Account, conversationID, id)
	topics.Assign(r, l.Partitions)
	if p, ok := schemas.PartitionOf(id); ok && conversationID == "" && p < l.Partitions {
		r.Partition = p
	}
}

// Record is the record of a call whose account, request id and digest are set.
func (l Log) Record(call *parleyv1.Call, id schemas.RequestID) (*kgo.Record, error) {
	value, err := proto.Marshal(call)
	if err != nil {
		return nil, fmt.Errorf("encode call: %w", err)
	}
	r := &kgo.Record{Value: value, Headers: []kgo.RecordHeader{{Key: schemas.HeaderContentType, Value: []byte(schemas.ContentProtobuf)}}}
	l.Place(r, call, id)
	return r, nil
}
