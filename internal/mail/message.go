package mail

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	gomail "github.com/wneessen/go-mail"

	"parley/schemas"
)

// SubjectBytesMax bounds a subject: what is longer, nobody's list of messages shows.
const SubjectBytesMax = 500

// Message is one message to one receiver.
type Message struct {
	From Address
	To   Address
	// ReplyTo is where an answer goes. Zero: to From.
	ReplyTo Address
	Subject string
	// Text and HTML are the same in two forms, of which a reader shows one. One may be empty.
	Text string
	HTML string
	// ID names the message, the same when it is sent again: local@domain, ASCII.
	ID   string
	Date time.Time
	// Automatic says that no person has written it (RFC 3834): programs that answer leave it alone.
	Automatic   bool
	Attachments []Attachment
}

// Attachment is a file that goes with a message.
type Attachment struct {
	// Name and Type, of our own making, are the file's name and its media type.
	Name, Type string
	Content    []byte
}

// Encode is the message as it goes over the wire, its lines ended by CR LF. The error says what cannot be sent.
func (m *Message) Encode() ([]byte, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	addresses := []struct {
		header gomail.AddrHeader
		of     Address
	}{{gomail.HeaderFrom, m.From}, {gomail.HeaderTo, m.To}, {gomail.HeaderReplyTo, m.ReplyTo}}
	for _, a := range addresses {
		if a.of == (Address{}) {
			continue
		}
		if err := msg.SetAddrHeader(a.header, a.of.String()); err != nil {
			return nil, fmt.Errorf("write %s: %w", a.header, err)
		}
	}
	msg.Subject(m.Subject)
	msg.SetMessageIDWithValue(m.ID)
	msg.SetDateWithValue(m.Date)
	if m.Automatic {
		msg.SetGenHeader("Auto-Submitted", "auto-generated")
	}
	m.body(msg)
	for _, a := range m.Attachments {
		msg.AttachReadSeeker(a.Name, bytes.NewReader(a.Content), gomail.WithFileContentType(gomail.ContentType(a.Type)))
	}
	var b bytes.Buffer
	if _, err := msg.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("write message: %w", err)
	}
	return b.Bytes(), nil
}

func (m *Message) body(msg *gomail.Msg) {
	switch {
	case m.Text == "":
		msg.SetBodyString(gomail.TypeTextHTML, m.HTML)
	case m.HTML == "":
		msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	default:
		msg.SetBodyString(gomail.TypeTextPlain, m.Text)
		msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	}
}

func (m *Message) check() error {
	for _, a := range []Address{m.From, m.To, m.ReplyTo} {
		if a == (Address{}) {
			continue
		}
		if _, err := ParseAddress(a.String()); err != nil {
			return err
		}
	}
	switch {
	case m.From == (Address{}) || m.To == (Address{}):
		return errors.New("a message has a sender and a receiver")
	case hasControl(m.Subject):
		return errors.New("a subject has no line breaks and no other control characters")
	case len(m.Subject) > SubjectBytesMax:
		return fmt.Errorf("a subject has at most %d bytes, this one has %d", SubjectBytesMax, len(m.Subject))
	case m.Text == "" && m.HTML == "":
		return errors.New("a message has a text, or HTML, or both")
	case schemas.CheckMailbox(m.ID) != nil: // RFC 5322, section 3.6.4: it is the same
		return errors.New("the id of a message has the form of an address")
	}
	return nil
}
