package mailin

import (
	"errors"
	"io"

	"github.com/emersion/go-smtp"
)

// session is one connection's.
type session struct {
	receiver *Receiver
	// answer is Receiver.answer, in the context that messages are answered in: the server hands over none.
	answer func(*reply, origin) error
	origin origin
}

// origin is where a message came from, as far as anybody can say.
type origin struct {
	sender, host string
}

// Mail implements smtp.Session. A bounce, a receipt, and an out-of-office where it keeps to RFC 3834, has no sender.
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if from == "" {
		return s.receiver.refuse(automatic)
	}
	s.origin.sender = from
	return nil
}

// Rcpt implements smtp.Session.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if !s.receiver.cfg.To.takes(to) {
		return s.receiver.refuse(unknownRecipient)
	}
	return nil
}

// Data implements smtp.Session: nil is 250.
func (s *session) Data(r io.Reader) error {
	head, err := readHead(r)
	if err != nil {
		return s.receiver.refuse(unread(err))
	}
	said, why := readReply(head)
	if why != nil {
		return s.receiver.refuse(why)
	}
	return s.answer(said, s.origin)
}

// unread is of a message that did not come whole.
func unread(err error) *refusal {
	if reply, ok := errors.AsType[*smtp.SMTPError](err); ok && reply.Code == smtp.ErrDataTooLarge.Code {
		return tooLarge
	}
	return brokenOff
}

// Reset implements smtp.Session.
func (s *session) Reset() { s.origin.sender = "" }

// Logout implements smtp.Session.
func (*session) Logout() error { return nil }
