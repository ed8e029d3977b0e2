package notify

import (
	"time"

	"parley/schemas"
)

// Verdict is what came of an attempt to tell a receiver.
type Verdict struct {
	Kind Kind
	// RetryAfter is how long the receiver asks to be left alone, by all notifications; it is used with Again and Later. Zero: it asks
	// for nothing, and the next attempt comes when it is usual.
	RetryAfter time.Duration
	// Code and Message say why the receiver has not taken it, for whoever looks at the delivery: no secrets, no text of the
	// notification. Both are cut when they are long. Empty if it was taken.
	Code    schemas.Code
	Message string
}

// Kind is what follows from an attempt. The zero Kind is none.
type Kind int

const (
	// Taken: the receiver has it. The delivery has ended.
	Taken Kind = iota + 1
	// Again: it may be taken later (no connection, a timeout, 429, 503, an SMTP 4xx): it is tried again, for a day.
	Again
	// Refused: it will never be taken (an address that must not be reached, an SMTP 5xx). The delivery has ended.
	Refused
	// Later: there was no attempt, as the sender does not let the account have more now. It is made after RetryAfter.
	Later
)

func (k Kind) String() string {
	return [...]string{"none", "Taken", "Again", "Refused", "Later"}[k]
}
