package mailin

import (
	"bytes"
	"io"
	"mime"
	netmail "net/mail"
	"strings"

	"parley/internal/mail"
	"parley/schemas"
)

// headBytesMax is what is looked at of a message: its headers, and the text that mail programs put before all else.
const headBytesMax = 256 << 10

// readHead reads a message to its end, and returns its beginning. The error says that it did not come whole.
func readHead(r io.Reader) ([]byte, error) {
	head, err := io.ReadAll(io.LimitReader(r, headBytesMax))
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(io.Discard, r)
	return head, err
}

// reply is what a message says.
type reply struct {
	token  string
	answer *schemas.Answer
}

// readReply reads the beginning of a message.
func readReply(head []byte) (*reply, *refusal) {
	m, err := netmail.ReadMessage(bytes.NewReader(head))
	if err != nil {
		return nil, noMessage
	}
	if sentByProgram(m.Header) {
		return nil, automatic
	}
	token := mail.Token(subjectOf(m.Header))
	if token == "" {
		return nil, noToken
	}
	said := answerOf(ownWords(plainText(m)))
	if said == nil {
		return nil, noText
	}
	return &reply{token: token, answer: said}, nil
}

// sentByProgram reports whether nobody wrote this: an out-of-office, a receipt, a bounce, a list. RFC 3834 has Auto-Submitted for it,
// RFC 3462 multipart/report; the others are what is in use beside them.
func sentByProgram(h netmail.Header) bool {
	for _, said := range h["Auto-Submitted"] {
		word, _, _ := strings.Cut(said, ";")
		if !strings.EqualFold(strings.TrimSpace(word), "no") {
			return true
		}
	}
	switch strings.ToLower(strings.TrimSpace(h.Get("Precedence"))) {
	case "bulk", "junk", "list", "auto_reply":
		return true
	}
	kind, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return h.Get("X-Autoreply") != "" || h.Get("X-Autorespond") != "" || strings.EqualFold(strings.TrimSpace(kind), "multipart/report")
}

// subjectOf decodes the words of a subject that are encoded (RFC 2047). What cannot be stays as it is.
func subjectOf(h netmail.Header) string {
	d := mime.WordDecoder{CharsetReader: func(_ string, r io.Reader) (io.Reader, error) {
		b, err := io.ReadAll(r)
		return strings.NewReader(strings.ToValidUTF8(string(b), "\uFFFD")), err // a token is ASCII, which nearly all scripts hold
	}}
	subject := h.Get("Subject")
	if decoded, err := d.DecodeHeader(subject); err == nil {
		return decoded
	}
	return subject
}

const (
	failureWord     = "Error:"
	messageBytesMax = 1000
)

// answerOf is what the words of a reply mean: Error: begins why the call failed, anything else is the message of a call that is well.
// Nil: there are none.
func answerOf(words string) *schemas.Answer {
	if words == "" {
		return nil
	}
	if len(words) >= len(failureWord) && strings.EqualFold(words[:len(failureWord)], failureWord) {
		why := strings.TrimSpace(words[len(failureWord):])
		return &schemas.Answer{Failed: true, Code: schemas.CallFailed, Message: mail.Line(why, messageBytesMax)}
	}
	return &schemas.Answer{Results: []schemas.AnswerResult{{Status: schemas.OK, Message: mail.Line(words, messageBytesMax)}}}
}
