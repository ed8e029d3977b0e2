package mailin

import (
	"errors"
	"net/http"

	"github.com/emersion/go-smtp"

	"parley/internal/mail"
	"parley/schemas"
)

// What becomes of a message.
const (
	becameTaken      = "taken"
	becameRefused    = "refused"
	becameAutomatic  = "automatic"
	becameUnreadable = "unreadable"
	becameLater      = "later"
)

// refusal is why a message answers nothing, and what its server is told: 5xx for good, so that whoever sent it gets it back with
// these words, and 4xx so that it comes again by itself.
type refusal struct {
	became string
	reply  *smtp.SMTPError
}

func refused(became string, code int, enhanced smtp.EnhancedCode, words string) *refusal {
	return &refusal{became, &smtp.SMTPError{Code: code, EnhancedCode: enhanced, Message: words}}
}

// For good. The second number of an enhanced code (RFC 3463) says what it is about: 1 the address, 3 the size, 6 the content,
// 7 what may not be.
var (
	unknownRecipient = refused(becameRefused, 550, smtp.EnhancedCode{5, 1, 1}, "Nobody here has this address")
	automatic        = refused(becameAutomatic, 550, smtp.EnhancedCode{5, 7, 1}, "A program sent this by itself; a call is answered by a person")
	noToken          = refused(becameUnreadable, 550, smtp.EnhancedCode{5, 6, 0}, "The subject carries no token, or more than one; reply to the message that has it, and leave its subject as it is")
	noText           = refused(becameUnreadable, 550, smtp.EnhancedCode{5, 6, 0}, "The reply says nothing as plain text; write above what it replies to, and leave a line free between them")
	noMessage        = refused(becameUnreadable, 550, smtp.EnhancedCode{5, 6, 0}, "The message cannot be read")
	forged           = refused(becameRefused, 550, smtp.EnhancedCode{5, 7, 1}, "The token in the subject was not given out here")
	expired          = refused(becameRefused, 550, smtp.EnhancedCode{5, 7, 1}, "The token in the subject has expired; nothing takes this answer any more")
	answered         = refused(becameRefused, 550, smtp.EnhancedCode{5, 7, 1}, "The call has ended with another answer, or without one")
	tooLarge         = refused(becameRefused, smtp.ErrDataTooLarge.Code, smtp.ErrDataTooLarge.EnhancedCode, "The message is too large; reply without attachments")
)

// For now.
var (
	brokenOff = refused(becameLater, 451, smtp.EnhancedCode{4, 3, 0}, "The message did not come whole")
	ours      = refused(becameLater, 451, smtp.EnhancedCode{4, 3, 0}, "Internal error; the log has more")
)

// refusalOf is what an error of Config.Answer means for a message; nil: the call is answered.
func refusalOf(err error) *refusal {
	if err == nil {
		return nil
	}
	p, ok := errors.AsType[*schemas.Problem](err)
	if !ok {
		return ours
	}
	switch p.Code {
	case schemas.Forbidden:
		return forged
	case schemas.CodeExpired:
		return expired
	case schemas.AlreadyAnswered:
		return answered
	}
	words := mail.Line(p.Detail, wordsBytesMax)
	switch status := p.Code.HTTPStatus(); {
	case status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests: // it is safe to send it again
		return refused(becameLater, 450, smtp.EnhancedCode{4, 3, 0}, words)
	case status == http.StatusRequestEntityTooLarge:
		return tooLarge
	case status >= http.StatusInternalServerError:
		return ours
	}
	return refused(becameRefused, 550, smtp.EnhancedCode{5, 6, 0}, words)
}

// wordsBytesMax leaves room for the codes in a line of 512 bytes (RFC 5321, section 4.5.3.1.5).
const wordsBytesMax = 480
