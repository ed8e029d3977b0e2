package schemas

import (
	"fmt"
	"time"
)

// Problem says why a call is refused: what is wrong, where, and what to do. Answered as a problem document
// (RFC 9457) or recorded as the reason of a Rejected result.
type Problem struct {
	Code Code
	// Pointer is the JSON pointer (RFC 6901) of the offending field in the call's JSON form; empty: the whole.
	Pointer string
	Detail  string
	// RetryAfter is after how long the same call, sent again, may be taken; it is told beside the document, not in it.
	// Zero: what is usual for the code.
	RetryAfter time.Duration
}

func (p *Problem) Error() string { return fmt.Sprintf("%s: %s", p.Code, p.Message()) }

// Message is what is wrong and where: what is recorded beside the code.
func (p *Problem) Message() string {
	if p.Pointer == "" {
		return p.Detail
	}
	return fmt.Sprintf("at %s: %s", p.Pointer, p.Detail)
}

func problem(code Code, pointer, format string, args ...any) *Problem {
	return &Problem{Code: code, Pointer: pointer, Detail: fmt.Sprintf(format, args...)}
}
