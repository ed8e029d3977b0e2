// Package topics creates and checks Parley's topics, and says which partition a key belongs to.
package topics

import (
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// keyed keeps no state for records that have a key, so all may share it.
var keyed = kgo.StickyKeyPartitioner(nil).ForTopic("")

// Partition returns the partition of a record with this key, which is not empty, as Kafka's own default
// partitioner finds it: murmur2 of the key, modulo the number of partitions.
func Partition(key string, partitions int32) int32 {
	r := &kgo.Record{Key: []byte(key)}
	Assign(r, partitions)
	return r.Partition
}

// Assign gives a record the partition of its key, which is not empty.
func Assign(r *kgo.Record, partitions int32) {
	r.Partition = int32(keyed.Partition(r, int(partitions)))
}

// OfRequest returns the partition that a request id names, by itself or through its key: see schemas.RequestID. The
// call is there unless a producer chose the id of a call that has a ConversationID.
func OfRequest(account string, id schemas.RequestID, partitions int32) int32 {
	if p, ok := schemas.PartitionOf(id); ok && p < partitions {
		return p
	}
	return Partition(schemas.RecordKey(account, "", id), partitions)
}

// OfConversation returns the partition that a conversation is in.
func OfConversation(key schemas.ConversationKey, partitions int32) int32 {
	account, conversationID, id := key.Split()
	if key.Single() {
		return OfRequest(account, id, partitions)
	}
	return Partition(schemas.RecordKey(account, conversationID, id), partitions)
}

// OfCall returns the partition of a call with this request id.
func OfCall(call *parleyv1.Call, id schemas.RequestID, partitions int32) int32 {
	return OfConversation(schemas.NewConversationKey(call.Account, call.GetOptions().GetConversationId(), id), partitions)
}

// PartRequestID is the request id of a call that has a ConversationID and a digest: see schemas.PartRequestID.
func PartRequestID(call *parleyv1.Call, partitions int32) schemas.RequestID {
	sequenceCode, _ := schemas.Place(call)
	partition := OfCall(call, schemas.RequestID{}, partitions)
	return schemas.PartRequestID(call.Account, call.GetOptions().GetConversationId(), sequenceCode, call.Digest, partition)
}
