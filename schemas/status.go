package schemas

// CallStatus is where a call stands.
type CallStatus string

const (
	Queued    CallStatus = "Queued"
	Staged    CallStatus = "Staged"
	Scheduled CallStatus = "Scheduled"
	Waiting   CallStatus = "Waiting"
	Executing CallStatus = "Executing"
	Deferred  CallStatus = "Deferred"

	OK           CallStatus = "OK"
	HasErrors    CallStatus = "HasErrors"
	Error        CallStatus = "Error"
	NotProcessed CallStatus = "NotProcessed"
	Rejected     CallStatus = "Rejected"
	Cancelled    CallStatus = "Cancelled"
	Expired      CallStatus = "Expired"
)

// Final reports whether a call with this status has ended.
func (s CallStatus) Final() bool {
	switch s {
	case OK, HasErrors, Error, NotProcessed, Rejected, Cancelled, Expired:
		return true
	}
	return false
}

// CarriedOut reports whether an object that ended with s was carried out, well or not.
func (s ResultStatus) CarriedOut() bool { return s == OK || s == Error }

// ResultStatus is how one object of a call ended: one of OK, Error, NotProcessed, Rejected, Cancelled, Expired,
// spelled as the CallStatus of that name.
type ResultStatus = CallStatus

// ResultStatuses are all there are.
func ResultStatuses() []ResultStatus {
	return []ResultStatus{OK, Error, NotProcessed, Rejected, Cancelled, Expired}
}

// ConversationStatus is where a conversation stands.
type ConversationStatus string

const (
	ConversationStaging    ConversationStatus = "Staging"
	ConversationScheduled  ConversationStatus = "Scheduled"
	ConversationProcessing ConversationStatus = "Processing"

	ConversationComplete  ConversationStatus = "Complete"
	ConversationError     ConversationStatus = "Error"
	ConversationCancelled ConversationStatus = "Cancelled"
	ConversationExpired   ConversationStatus = "Expired"
)

// ConversationStatuses are all there are, in the order in which a conversation may have them.
func ConversationStatuses() []ConversationStatus {
	return []ConversationStatus{
		ConversationStaging, ConversationScheduled, ConversationProcessing,
		ConversationComplete, ConversationError, ConversationCancelled, ConversationExpired,
	}
}

// Final reports whether a conversation with this status has ended.
func (s ConversationStatus) Final() bool {
	switch s {
	case ConversationComplete, ConversationError, ConversationCancelled, ConversationExpired:
		return true
	}
	return false
}

// DeliveryStatus is what came of telling a caller of the end of a call or of a conversation.
type DeliveryStatus string

const (
	// DeliveryPending: it is tried, or tried again.
	DeliveryPending DeliveryStatus = "Pending"
	// Delivered: the receiver has taken it.
	Delivered DeliveryStatus = "Delivered"
	// Undelivered: it was given up.
	Undelivered DeliveryStatus = "Undelivered"
)

// FailOn says which status of a call fails its conversation.
type FailOn string

const (
	FailOnHasErrors FailOn = "HasErrors"
	FailOnError     FailOn = "Error"
	FailOnNever     FailOn = "Never"
)

// Fails reports whether a call that ended with s fails its conversation. The zero FailOn is FailOnHasErrors.
func (f FailOn) Fails(s CallStatus) bool {
	switch f {
	case FailOnNever:
		return false
	case FailOnError:
		return s == Error
	}
	return s == HasErrors || s == Error
}
