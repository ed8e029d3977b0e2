package store

import (
	"bytes"
	"encoding/binary"
	"strings"
	"time"

	"parley/schemas"
)

// Every key begins with its partition, 2 bytes, so that a partition is one range, and a byte for its kind. All
// numbers are big endian: the order of the keys is the order of the numbers.
//
//	kinds in the changelog (its record key is the store's key without the partition)
//	c  conversation key                                  ConversationState
//	p  length 2, conversation key, sequence code 4       PartState
//	r  request id 16                                     RequestState
//	n  request id 16                                     AnswerState
//	m                                                    PartitionState
//	y  offset in parley.calls 8                          ErasureState
//	h  length 2, conversation key, sequence code 4       ResultEvent of a part that has ended, of a conversation whose end is told
//	k  sequence 8                                        NoticeState
//	v  sequence 8, target 2                              DeliveryState
//
//	kinds kept here alone, made from the above
//	q  route 0, priority 1, account 0, ready offset 8, conversation key    the queue of executions
//	d  instant ms 8, conversation key                    what must wait before it joins the queue
//	t  deadline ms 8, conversation key                   the timers in log time
//	w  instant ms 8, conversation key                    the timers in the owner's time
//	x  expiry ms 8, request id 16                        the answers to forget
//	o  account 0, stage 1, accepted ms 8, conversation key behind the account    the open conversations
//	u  account                                           what is held of the account: its AccountUsage, three varints
//	i  account 0, receiver 0, due ms 8, sequence 8, target 2    the deliveries of a receiver
//	j  due ms 8, sequence 8, target 2                    the deliveries: account 0, receiver
//	s                                                    the calls that have not ended: OpenCalls, five varints
//
//	kinds kept here alone, made from parley.results, until the record in ClickHouse serves them
//	e  conversation key                                  ResultEvent of the conversation
//	f  request id 16                                     ResultEvent of the call
//	b  sequence 8, results offset 8                      ResultEvent of a delivery of the event with that sequence
//	l  length 2, conversation key, sequence code 4, request id 16    the calls of a conversation that ended
//	g  results offset 8                                  when it ended, its status and when it was accepted (of a conversation),
//	                                                     and the key of e, f or b to delete
//
//	a                                                    how far changelog and results are applied
//
// A name that ends with 0 holds none. Priorities are in the order in which they are served. Whoever changes a kind that
// is kept here alone raises layout.
const (
	kindConversation = 'c'
	kindPart         = 'p'
	kindRequest      = 'r'
	kindAnswer       = 'n'
	kindPartition    = 'm'
	kindErasure      = 'y'
	kindEndedPart    = 'h'
	kindNotice       = 'k'
	kindDelivery     = 'v'
	kindQueue        = 'q'
	kindDelayed      = 'd'
	kindTimer        = 't'
	kindWake         = 'w'
	kindExpiry       = 'x'
	kindOpen         = 'o'
	kindUsage        = 'u'
	kindReceiver     = 'i'
	kindDue          = 'j'
	kindOpenCalls    = 's'
	kindEnded        = 'e'
	kindFinished     = 'f'
	kindTold         = 'b'
	kindListed       = 'l'
	kindGarbage      = 'g'
	kindApplied      = 'a'
)

// prefixLen is the length of partition and kind.
const prefixLen = 3

func prefix(partition int32, kind byte) []byte {
	b := make([]byte, 0, 64)
	return append(binary.BigEndian.AppendUint16(b, uint16(partition)), kind)
}

func conversationKey(partition int32, key schemas.ConversationKey) []byte {
	return append(prefix(partition, kindConversation), key...)
}

// partsKey is what the keys of all parts of a conversation begin with, and of no other's.
func partsKey(partition int32, key schemas.ConversationKey) []byte {
	return appendSized(prefix(partition, kindPart), key)
}

func partKey(partition int32, key schemas.ConversationKey, sequenceCode int32) []byte {
	return binary.BigEndian.AppendUint32(partsKey(partition, key), uint32(sequenceCode))
}

func endedPartKey(partition int32, key schemas.ConversationKey, sequenceCode int32) []byte {
	return binary.BigEndian.AppendUint32(appendSized(prefix(partition, kindEndedPart), key), uint32(sequenceCode))
}

func appendSized(b []byte, key schemas.ConversationKey) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(key))), key...)
}

// partKeyLenMin is the length of partKey of an empty conversation key.
const partKeyLenMin = prefixLen + 2 + 4

// splitPartKey returns what partKey was made of.
func splitPartKey(k []byte) (schemas.ConversationKey, int32) {
	k = k[prefixLen+2:]
	n := len(k) - 4
	return schemas.ConversationKey(k[:n]), int32(binary.BigEndian.Uint32(k[n:]))
}

func requestKey(partition int32, id schemas.RequestID) []byte {
	return append(prefix(partition, kindRequest), id[:]...)
}

func answerKey(partition int32, id schemas.RequestID) []byte {
	return append(prefix(partition, kindAnswer), id[:]...)
}

func expiryKey(partition int32, at time.Time, id schemas.RequestID) []byte {
	return append(binary.BigEndian.AppendUint64(prefix(partition, kindExpiry), uint64(schemas.MilliOf(at))), id[:]...)
}

// accountPartsKey is what the keys of the parts begin with of an account's conversations whose keys have a length.
func accountPartsKey(partition int32, account string, length int) []byte {
	b := binary.BigEndian.AppendUint16(prefix(partition, kindPart), uint16(length))
	return append(append(b, account...), 0)
}

func erasureKey(partition int32, offset int64) []byte {
	return binary.BigEndian.AppendUint64(prefix(partition, kindErasure), uint64(offset))
}

func partitionKey(partition int32) []byte { return prefix(partition, kindPartition) }

func appliedKey(partition int32) []byte { return prefix(partition, kindApplied) }

// classKey is what the places of a class in the queue begin with, and no other's.
func classKey(partition int32, c Class) []byte {
	b := append(prefix(partition, kindQueue), c.Route...)
	b = append(b, 0, byte(schemas.Foremost-c.Priority))
	b = append(b, c.Account...)
	return append(b, 0)
}

func queueKey(partition int32, c Class, ready int64, key schemas.ConversationKey) []byte {
	return append(binary.BigEndian.AppendUint64(classKey(partition, c), uint64(ready)), key...)
}

// splitClassKey returns the class of a place in the queue and the length of the class's key.
func splitClassKey(k []byte) (Class, int) {
	route := prefixLen + bytes.IndexByte(k[prefixLen:], 0)
	account := route + 2 + bytes.IndexByte(k[route+2:], 0)
	return Class{
		Route:    string(k[prefixLen:route]),
		Priority: schemas.Foremost - schemas.Priority(k[route+1]),
		Account:  string(k[route+2 : account]),
	}, account + 1
}

// orderedKey is a key of one of the timers, or of the delayed: kind, number, conversation.
func orderedKey(partition int32, kind byte, order int64, key schemas.ConversationKey) []byte {
	b := binary.BigEndian.AppendUint64(prefix(partition, kind), uint64(order))
	return append(b, key...)
}

// splitOrder returns what stands behind the prefix of a place in the queue or in an index by time.
func splitOrder(k []byte) (int64, schemas.ConversationKey) {
	return int64(binary.BigEndian.Uint64(k)), schemas.ConversationKey(k[8:])
}

// stageKey is what the places of an account's open conversations in a stage begin with, and no other's.
func stageKey(partition int32, account string, stage Stage) []byte {
	return append(append(prefix(partition, kindOpen), account...), 0, byte(stage))
}

// openKey is the place of an open conversation. The account is not said twice.
func openKey(partition int32, key schemas.ConversationKey, stage Stage, acceptedAt time.Time) []byte {
	account, rest, _ := strings.Cut(string(key), "\x00")
	return append(appendMilli(stageKey(partition, account, stage), acceptedAt), rest...)
}

// appendMilli adds a time in milliseconds. One before 1970 is taken for 1970.
func appendMilli(b []byte, at time.Time) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(max(0, schemas.MilliOf(at))))
}

func usageKey(partition int32, account string) []byte {
	return append(prefix(partition, kindUsage), account...)
}

func openCallsKey(partition int32) []byte { return prefix(partition, kindOpenCalls) }

func endedKey(partition int32, key schemas.ConversationKey) []byte {
	return append(prefix(partition, kindEnded), key...)
}

func finishedKey(partition int32, id schemas.RequestID) []byte {
	return append(prefix(partition, kindFinished), id[:]...)
}

func listedKey(partition int32, key schemas.ConversationKey, sequenceCode int32, id schemas.RequestID) []byte {
	b := appendSized(prefix(partition, kindListed), key)
	return append(binary.BigEndian.AppendUint32(b, uint32(sequenceCode)), id[:]...)
}

func toldKey(partition int32, sequence, resultsOffset int64) []byte {
	b := binary.BigEndian.AppendUint64(prefix(partition, kindTold), uint64(sequence))
	return binary.BigEndian.AppendUint64(b, uint64(resultsOffset))
}

func garbageKey(partition int32, resultsOffset int64) []byte {
	return binary.BigEndian.AppendUint64(prefix(partition, kindGarbage), uint64(resultsOffset))
}

// behind is the first key behind all those that begin with k.
func behind(k []byte) []byte {
	out := append([]byte(nil), k...)
	for i := len(out) - 1; i >= 0; i-- {
		if out[i]++; out[i] != 0 {
			return out[:i+1]
		}
	}
	return nil
}
