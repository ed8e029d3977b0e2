package schemas

import "fmt"

// Problem says why a call is refused: what is wrong, where, and what to do. Answered as a problem document
// (RFC 9457) or recorded as the reason of a Rejected result.
type Problem struct {
	Code Code
	// Pointer is the JSON pointer (RFC 6901) of the offending field in the call's JSON form; empty: the whole.
	Pointer string
	Detail  string
}

func (p *Problem) Error() string {
	if p.Pointer == "" {
		return fmt.Sprintf("%s: %s", p.Code, p.Detail)
	}
	return fmt.Sprintf("%s at %s: %s", p.Code, p.Pointer, p.Detail)
}

func problem(code Code, pointer, format string, args ...any) *Problem {
	return &Problem{Code: code, Pointer: pointer, Detail: fmt.Sprintf(format, args...)}
}
