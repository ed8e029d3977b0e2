package schemas

import "net/http"

// Code is a stable word for what was wrong. It stands in problem documents, in results and in SOAP faults, and
// is never given another meaning. A backend may add codes of its own to the results of its objects.
type Code string

// The codes of a refused request.
const (
	InvalidBody                   Code = "InvalidBody"
	UnknownMethod                 Code = "UnknownMethod"
	NoObjects                     Code = "NoObjects"
	ObjectTypeRequired            Code = "ObjectTypeRequired"
	DuplicateCorrelationID        Code = "DuplicateCorrelationId"
	ConversationIDRequired        Code = "ConversationIdRequired"
	SequenceCodeRequired          Code = "SequenceCodeRequired"
	SequenceCodeOutOfRange        Code = "SequenceCodeOutOfRange"
	CallsInConversationRequired   Code = "CallsInConversationRequired"
	CallsInConversationOutOfRange Code = "CallsInConversationOutOfRange"
	SynchronousConversation       Code = "SynchronousConversation"
	ResponseTypeReserved          Code = "ResponseTypeReserved"
	InvalidResponseAddress        Code = "InvalidResponseAddress"
	RouteNotFound                 Code = "RouteNotFound"
	MixedRoutes                   Code = "MixedRoutes"
	TooManyObjects                Code = "TooManyObjects"
	ScheduledTooFar               Code = "ScheduledTooFar"
	BlockCountOutOfRange          Code = "BlockCountOutOfRange"
	InvalidParameter              Code = "InvalidParameter"
	Unauthenticated               Code = "Unauthenticated"
	Forbidden                     Code = "Forbidden"
	NotFound                      Code = "NotFound"
	AlreadyAnswered               Code = "AlreadyAnswered"
	AlreadyStarted                Code = "AlreadyStarted"
	PayloadGone                   Code = "PayloadGone"
	TooLarge                      Code = "TooLarge"
	RateLimited                   Code = "RateLimited"
	QueueUnavailable              Code = "QueueUnavailable"
	RouteUnavailable              Code = "RouteUnavailable"
	OwnerUnavailable              Code = "OwnerUnavailable"
	SynchronousTimeout            Code = "SynchronousTimeout"
)

// The codes of results: what only a conversation's state, or its execution, can tell.
const (
	SequenceCodeConflict        Code = "SequenceCodeConflict"
	CallsInConversationMismatch Code = "CallsInConversationMismatch"
	PartTimeout                 Code = "PartTimeout"
	CallFailed                  Code = "CallFailed"
	OutcomeUnknown              Code = "OutcomeUnknown"
	DeferredTimeout             Code = "DeferredTimeout"
	StartByPassed               Code = "StartByPassed"
	CodeCancelled               Code = "Cancelled"
	// Erased is of an object whose data was erased before it was carried out (Cancelled), and of a call that had no other.
	Erased          Code = "Erased"
	InvalidResponse Code = "InvalidResponse"
	Internal        Code = "Internal"
	// ConversationIDUsed is both: of a part that came after the end, and of a resubmission under an id that is not new.
	ConversationIDUsed Code = "ConversationIdUsed"
	// CodeExpired is both: a deferred token that is too old, and a conversation that began too late.
	CodeExpired Code = "Expired"
)

// The codes of deliveries: why a target was not told.
const (
	// TargetForbidden is of an address that must not be reached, or to which no mail goes.
	TargetForbidden Code = "TargetForbidden"
	// TargetDisabled is of a target that has answered 410 before, TargetGone of one that does so now.
	TargetDisabled Code = "TargetDisabled"
	TargetGone     Code = "TargetGone"
	// TargetNotTaking is of an answer that is neither 2xx nor 410, or of mail neither 2xx nor 5xx, TargetUnanswered of none.
	TargetNotTaking Code = "TargetNotTaking"
	// TargetRefused is of mail: the server has refused the message for good.
	TargetRefused    Code = "TargetRefused"
	TargetUnanswered Code = "TargetUnanswered"
	// TooManyReceivers is of one that is not told of the end of a conversation, as its calls name too many.
	TooManyReceivers Code = "TooManyReceivers"
)

// httpStatus holds the codes whose problem is not answered with 400.
var httpStatus = map[Code]int{
	Unauthenticated:    http.StatusUnauthorized,
	Forbidden:          http.StatusForbidden,
	NotFound:           http.StatusNotFound,
	AlreadyAnswered:    http.StatusConflict,
	AlreadyStarted:     http.StatusConflict,
	ConversationIDUsed: http.StatusConflict,
	CodeExpired:        http.StatusGone,
	PayloadGone:        http.StatusGone,
	TooLarge:           http.StatusRequestEntityTooLarge,
	RateLimited:        http.StatusTooManyRequests,
	QueueUnavailable:   http.StatusServiceUnavailable,
	RouteUnavailable:   http.StatusServiceUnavailable,
	OwnerUnavailable:   http.StatusServiceUnavailable,
	SynchronousTimeout: http.StatusGatewayTimeout,
	Internal:           http.StatusInternalServerError,
}

// HTTPStatus is the status of a problem document with this code.
func (c Code) HTTPStatus() int {
	if s, ok := httpStatus[c]; ok {
		return s
	}
	return http.StatusBadRequest
}
