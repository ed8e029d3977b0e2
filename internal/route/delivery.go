package route

// Delivery says how often a call may reach its executor when nobody knows whether it already has.
type Delivery string

const (
	// AtLeastOnce repeats the call, with the same Idempotency-Key. The default.
	AtLeastOnce Delivery = "at-least-once"
	// AtMostOnce never repeats it: the call ends as OutcomeUnknown.
	AtMostOnce Delivery = "at-most-once"
	// ExactlyOnce leaves no such moment: the request is written in the transaction of the state. Kafka alone does it.
	ExactlyOnce Delivery = "exactly-once"
)
