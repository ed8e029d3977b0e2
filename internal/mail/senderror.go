package mail

import (
	"errors"
	"fmt"

	"github.com/emersion/go-smtp"
)

// SendError says why a message was not handed over, or that nobody knows whether it was.
type SendError struct {
	// Stage is what was being done, as "RCPT".
	Stage string
	// Code is that of the server's reply; 0: there was none.
	Code int
	// Permanent: this message will never be taken. Else it may be, later.
	Permanent bool
	// Unknown: the message was sent whole, and no reply came. Else nothing was handed over.
	Unknown bool

	err error
}

func (e *SendError) Error() string {
	if e.Code == 0 {
		return e.Stage + ": " + e.err.Error()
	}
	return fmt.Sprintf("%s: the mail server has answered %d %s", e.Stage, e.Code, Line(e.err.Error(), replyBytesMax))
}

// replyBytesMax bounds what is shown of a server's words.
const replyBytesMax = 500

func (e *SendError) Unwrap() error { return e.err }

// failure is of what says nothing about the message: the connection, who we are, whether the server works today.
func failure(stage string, err error) *SendError {
	e := &SendError{Stage: stage, err: err}
	if reply, ok := errors.AsType[*smtp.SMTPError](err); ok {
		e.Code, e.err = reply.Code, errors.New(reply.Message)
	}
	return e
}

// refusal is of what a server says to the message: 5xx stands for good (RFC 5321, section 4.2.1), unless it is about who we are
// (RFC 4954, section 6), which an operator can change.
func refusal(stage string, err error) *SendError {
	e := failure(stage, err)
	switch e.Code {
	case 530, 534, 535, 538:
	default:
		e.Permanent = e.Code >= 500 && e.Code < 600
	}
	return e
}
