package schemas

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// CallResource is the status of a call, as GET /v1/requests/{id} answers it.
type CallResource struct {
	RequestID           string           `json:"requestId"`
	Account             string           `json:"account"`
	ConversationID      string           `json:"conversationId"`
	SequenceCode        int32            `json:"sequenceCode"`
	CallsInConversation int32            `json:"callsInConversation"`
	Method              string           `json:"method,omitempty"`
	Status              CallStatus       `json:"status"`
	ErrorCode           Code             `json:"errorCode"`
	Message             string           `json:"message"`
	Total               int              `json:"total"`
	Processed           int              `json:"processed"`
	Errors              int              `json:"errors"`
	Results             []ResultResource `json:"results"`
	Attempts            int32            `json:"attempts"`
	AcceptedAt          *time.Time       `json:"acceptedAt,omitempty"`
	StartedAt           *time.Time       `json:"startedAt,omitempty"`
	CompletedAt         *time.Time       `json:"completedAt,omitempty"`
	// Sequence is partition-sequence of the event that ended the call; empty while it is open.
	Sequence string `json:"sequence,omitempty"`
	// Position is the place of the call among those that wait for its route, from 1, and EstimatedSeconds when it is likely
	// to begin; nil: it does not wait in the queue, or nobody can tell. While Queued, Position is its place among the
	// records of its partition that are to be read.
	Position         *int64   `json:"position,omitempty"`
	EstimatedSeconds *float64 `json:"estimatedSeconds,omitempty"`
	// Conflicting is true when the asker's call had the Idempotency-Key of this one, and other content: this one stands.
	Conflicting bool `json:"conflicting,omitempty"`
	// Missing and PartsExpireAt are given while the call is Staged: the sequence codes that have not arrived, the
	// first MissingMax of them, and the time by which the next must.
	Missing       []int32    `json:"missing,omitempty"`
	PartsExpireAt *time.Time `json:"partsExpireAt,omitempty"`
	// Deliveries are how far telling of the end of the call has come, a receiver each.
	Deliveries []DeliveryResource `json:"deliveries,omitempty"`
	// Told is set by the record, which has of Deliveries those that have ended.
	Told Told `json:"-"`
}

// MissingMax bounds the missing sequence codes that a status lists.
const MissingMax = 100

// ResultResource is the recorded outcome of one object.
type ResultResource struct {
	Ordinal       int          `json:"ordinal"`
	CorrelationID string       `json:"correlationId"`
	ObjectType    string       `json:"objectType"`
	CustomerKey   string       `json:"customerKey"`
	Status        ResultStatus `json:"status"`
	ErrorCode     Code         `json:"errorCode"`
	Message       string       `json:"message"`
	// Object is what the call asked for, as a callback that includes objects has it; nil everywhere else.
	Object *ObjectResource `json:"object,omitempty"`
}

// ObjectResource is an object as its call had it.
type ObjectResource struct {
	Type          string `json:"type"`
	CustomerKey   string `json:"customerKey,omitempty"`
	SubscriberKey string `json:"subscriberKey,omitempty"`
	PartnerKey    string `json:"partnerKey,omitempty"`
	ID            string `json:"id,omitempty"`
	ObjectID      string `json:"objectId,omitempty"`
	CorrelationID string `json:"correlationId,omitempty"`
	// Properties is a JSON object; nil: there are none, or they are left out.
	Properties jsontext.Value `json:"properties,omitempty"`
}

// ConversationResource is the status of a conversation, as GET /v1/conversations/{id} answers it. Total,
// Processed and Errors count calls; Processed counts those that ended.
type ConversationResource struct {
	// ConversationID is the request id for a call without one; RequestID is the same then, else empty.
	ConversationID      string             `json:"conversationId"`
	RequestID           string             `json:"requestId,omitempty"`
	Account             string             `json:"account"`
	Status              ConversationStatus `json:"status"`
	ErrorCode           Code               `json:"errorCode"`
	Message             string             `json:"message"`
	CallsInConversation int32              `json:"callsInConversation"`
	Received            int32              `json:"received"`
	Missing             []int32            `json:"missing"`
	PartsExpireAt       *time.Time         `json:"partsExpireAt"`
	Total               int32              `json:"total"`
	Processed           int32              `json:"processed"`
	Errors              int32              `json:"errors"`
	// AcceptedAt is when the first call was accepted, StartedAt when the first attempt began, CompletedAt when the
	// conversation ended; nil: it is not so far.
	AcceptedAt  *time.Time `json:"acceptedAt,omitempty"`
	StartedAt   *time.Time `json:"startedAt,omitempty"`
	CompletedAt *time.Time `json:"completedAt,omitempty"`
	// Continues is the conversation that this one resubmits, ContinuedBy the one that resubmits this; nil: none.
	Continues   *string `json:"continues"`
	ContinuedBy *string `json:"continuedBy"`
	// Kept is given while payloads of a conversation that failed are kept for a resubmission.
	Kept *KeptResource `json:"kept,omitempty"`
	// Deliveries are how far telling of the end of the conversation has come, a receiver each. Those of its calls stand there.
	Deliveries []DeliveryResource `json:"deliveries,omitempty"`
	// Told is set by the record, which has of Deliveries those that have ended.
	Told  Told           `json:"-"`
	Calls []CallResource `json:"calls"`
	// Next is the sequence code after which the next page of Calls begins; absent on the last page.
	Next int32 `json:"next,omitempty"`
	// InRecord are the sequence codes of this page whose calls only the record has. It is between those who answer: a
	// caller finds those calls in Calls.
	InRecord []int32 `json:"inRecord,omitempty"`
}

// KeptResource tells which parts of a conversation that failed can be resubmitted, and until when.
type KeptResource struct {
	// From is the sequence code of the first part that was not processed, one behind the last when all were.
	From int32 `json:"from"`
	// Failed is the sequence code of the part that failed; absent when it must not be repeated.
	Failed int32     `json:"failed,omitempty"`
	Until  time.Time `json:"until"`
}

// CallsPage is how many calls a page of a ConversationResource holds.
const CallsPage = 100
