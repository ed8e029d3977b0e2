package schemas

import (
	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	parleyv1 "parley/schemas/parley/v1"
)

// DecodeRecord reads the call in the value of a record with a content type; empty: it has none. It checks the form only.
func DecodeRecord(contentType string, value []byte) (*parleyv1.Call, *Problem) {
	switch contentType {
	case "", ContentJSON:
		return DecodeCall(value)
	case ContentProtobuf:
		call := new(parleyv1.Call)
		if err := proto.Unmarshal(value, call); err != nil {
			return nil, problem(InvalidBody, "", "not a parley.v1.Call: %s", err)
		}
		return call, nil
	}
	return nil, problem(InvalidBody, "", "content-type %.100q is neither %s nor %s", contentType, ContentJSON, ContentProtobuf)
}

// How far beyond its limits a call may be to get a Rejected result. Further, its result could be longer than a record can
// be: of great limits refusableBytesMax and refusableObjectsMax hold, a problem takes less than 700 bytes for each object.
const (
	refusableFactor     = 4
	refusableBytesMax   = CallBytesCeiling + 4<<10 // with what the identity adds
	refusableObjectsMax = 10_000
)

// Refusable checks that a call, whatever else is wrong with it, can have a Rejected result: that it says whose it is,
// and can be identified.
func (l Limits) Refusable(call *parleyv1.Call) *Problem {
	if !ValidAccount(call.Account) {
		return problem(InvalidParameter, "/account", "the record does not say whose call it is")
	}
	if n := len(call.Objects); n > min(refusableFactor*l.ObjectsMax, refusableObjectsMax) {
		return problem(TooManyObjects, "/objects", "a call has at most %d objects, this one has %d", l.ObjectsMax, n)
	}
	if id := call.GetOptions().GetConversationId(); id != "" { // it would be part of keys
		if p := l.conversationID("/options/conversationId", id); p != nil {
			return p
		}
	}
	if call.RequestId != "" {
		if _, err := uuid.Parse(call.RequestId); err != nil {
			return problem(InvalidParameter, "/requestId", "not a UUID")
		}
	}
	return nil
}

// RefusableBytes checks the same of a record by its length.
func (l Limits) RefusableBytes(n int) *Problem {
	if n > min(refusableFactor*l.CallBytesMax, refusableBytesMax) {
		return problem(TooLarge, "", "a record has at most %d bytes, this one has %d", l.CallBytesMax, n)
	}
	return nil
}

// SameAccount checks what a record in the topic of an account says of its account itself: the same, or nothing. An empty
// account is that of a topic which is for all.
func SameAccount(account, said string) *Problem {
	if account != "" && said != "" && said != account {
		return problem(InvalidParameter, "/account", "the topic is that of the account %s, whatever its records say; leave this out", account)
	}
	return nil
}
