package schemas

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/google/uuid"

	parleyv1 "parley/schemas/parley/v1"
)

// RequestID names a call within its account. There are three kinds (DESIGN section 3, Identity):
//
//   - of a part of a conversation, derived from what was received, so that a resend has the same id; and of a
//     record that came by Kafka without one, derived from its place in the log. Both are of version 8 and carry
//     the partition of parley.calls in the 14 bits after the variant;
//   - of a call with an Idempotency-Key, derived from the key (version 5 by name); and of a record in the topic of an
//     account, derived from the id that it was given, as from a key, or from its place there;
//   - of any other call, time-ordered and random (version 7).
//
// The last two, and whatever a producer chose itself, name their partition through the key account/requestId.
type RequestID = uuid.UUID

// PartitionsMax bounds the partitions of parley.calls: a RequestID has 14 bits for one.
const PartitionsMax = 1 << 14

// NewRequestID returns an id for a call that nothing else identifies.
func NewRequestID() (RequestID, error) { return uuid.NewV7() }

// PartRequestID returns the id of the part of a conversation. digest is the SHA-256 of the bytes received.
func PartRequestID(account, conversation string, sequenceCode int32, digest []byte, partition int32) RequestID {
	return derive(partition, "part", account, conversation, string(binary.BigEndian.AppendUint32(nil, uint32(sequenceCode))), string(digest))
}

// LogRequestID returns the id of a record without one, found at an offset of a partition of parley.calls.
func LogRequestID(account string, partition int32, offset int64) RequestID {
	return derive(partition, "log", account, string(binary.BigEndian.AppendUint64(nil, uint64(offset))))
}

// idempotencyKeys is the namespace of ids that are derived from an Idempotency-Key.
var idempotencyKeys = uuid.MustParse("5b0c1d0e-6a53-5d0b-9b0e-2f6a3c2e4f11")

// KeyedRequestID returns the id of the call at a position (from 0) in a body that came with an Idempotency-Key.
func KeyedRequestID(account, key string, position int) RequestID {
	name := appendParts(nil, account, key, string(binary.BigEndian.AppendUint32(nil, uint32(position))))
	return uuid.NewHash(sha256.New(), idempotencyKeys, name, 5)
}

// Keyed reports whether an id may be derived from an Idempotency-Key.
func Keyed(id RequestID) bool { return id.Version() == 5 && id.Variant() == uuid.RFC4122 }

// inboxPlaces is the namespace of ids that are derived from a place in the topic of an account.
var inboxPlaces = uuid.MustParse("0b3f1f51-93c4-5c58-8a57-7d1c9e0d6a42")

// InboxRequestID returns the id of a record without one, found at an offset of a partition in the topic of an account.
// topicID tells that topic from another that had its name before.
func InboxRequestID(account string, topicID [16]byte, partition int32, offset int64) RequestID {
	place := binary.BigEndian.AppendUint32(nil, uint32(partition))
	place = binary.BigEndian.AppendUint64(place, uint64(offset))
	return uuid.NewHash(sha256.New(), inboxPlaces, appendParts(nil, account, string(topicID[:]), string(place)), 5)
}

// PartitionOf returns the partition that the id itself carries. false: it is found through RequestKey.
func PartitionOf(id RequestID) (int32, bool) {
	if id.Version() != 8 || id.Variant() != uuid.RFC4122 {
		return 0, false
	}
	return int32(binary.BigEndian.Uint16(id[8:]) & (PartitionsMax - 1)), true
}

func derive(partition int32, kind string, parts ...string) RequestID {
	b := append(append(make([]byte, 0, nameRoom), "parley."...), kind...)
	sum := sha256.Sum256(appendParts(b, parts...))
	id := RequestID(sum[:16])
	id[6] = id[6]&0x0f | 0x80
	binary.BigEndian.PutUint16(id[8:], 0x8000|uint16(partition)&(PartitionsMax-1))
	return id
}

// nameRoom is enough for nearly all that an id is derived from, so that it need not be allocated.
const nameRoom = 512

// appendParts appends each part behind its length, so that no two lists of parts give the same bytes.
func appendParts(b []byte, parts ...string) []byte {
	for _, p := range parts {
		b = binary.BigEndian.AppendUint32(b, uint32(len(p)))
		b = append(b, p...)
	}
	return b
}

// RecordKey is the key of a call's record on parley.calls: account/conversationId, or account/requestId for a
// call without a ConversationID. All records of a conversation have the same one.
func RecordKey(account, conversationID string, id RequestID) string {
	return string(AppendRecordKey(nil, account, conversationID, id))
}

// AppendRecordKey appends a RecordKey.
func AppendRecordKey(b []byte, account, conversationID string, id RequestID) []byte {
	if conversationID == "" {
		conversationID = id.String()
	}
	b = slices.Grow(b, len(account)+len("/")+len(conversationID))
	return append(append(append(b, account...), '/'), conversationID...)
}

// ConversationKey names a conversation among all accounts, in memory and in the store: the account, a zero byte,
// and 'c' with the ConversationID or 's' with the request id of a call without one.
type ConversationKey string

// NewConversationKey returns the key of a call's conversation.
func NewConversationKey(account, conversationID string, id RequestID) ConversationKey {
	if conversationID == "" {
		return ConversationKey(account + "\x00s" + string(id[:]))
	}
	return ConversationKey(account + "\x00c" + conversationID)
}

// KeyOf returns the key of the conversation that a call belongs to; the call's RequestId is set.
func KeyOf(call *parleyv1.Call) (ConversationKey, error) {
	id, err := uuid.Parse(call.RequestId)
	if err != nil {
		return "", err
	}
	return NewConversationKey(call.Account, call.GetOptions().GetConversationId(), id), nil
}

// Split returns what the key was made of; id is nil unless the conversation is a call without a ConversationID.
func (k ConversationKey) Split() (account, conversationID string, id RequestID) {
	account, rest, _ := strings.Cut(string(k), "\x00")
	if rest[0] == 's' {
		return account, "", RequestID([]byte(rest[1:]))
	}
	return account, rest[1:], RequestID{}
}

// Single reports whether the conversation is a call without a ConversationID.
func (k ConversationKey) Single() bool {
	i := strings.IndexByte(string(k), 0)
	return i >= 0 && i+1 < len(k) && k[i+1] == 's'
}

// Place returns the SequenceCode and the CallsInConversation of a valid call: 1 of 1 when it says neither.
func Place(call *parleyv1.Call) (sequenceCode, calls int32) {
	o := call.GetOptions()
	if o.GetSequenceCode() == 0 {
		return 1, 1
	}
	return o.GetSequenceCode(), o.GetCallsInConversation()
}
