package email

import (
	"cmp"
	_ "embed"
	"fmt"
	htmltemplate "html/template"
	"strings"
	texttemplate "text/template"
	"time"

	"parley/internal/mail"
	"parley/processor/notify"
	"parley/schemas"
)

// The forms of a message. What they show is as callers and backends gave it: text/template of a body that is plain, html/template
// of one that is not.
var (
	//go:embed letter.txt
	textForm string
	//go:embed letter.html
	htmlForm string
)

// rowsMax bounds the results that a letter shows; the attachments have all.
const rowsMax = 100

// shown is what a letter shows.
type shown struct {
	Title string
	Facts [][2]string
	Rows  []row
	// More is how many results there is no room for.
	More int
}

// row is the result of one object.
type row struct {
	Ordinal                                                         int
	SequenceCode                                                    int32
	CorrelationID, ObjectType, CustomerKey, Status, ErrorCode, Text string
}

// letter is the text of a message, and its HTML.
func letter(n *notify.Notification) (text, html string, err error) {
	s := show(n)
	plain, err := texttemplate.New("text").Parse(textForm)
	if err != nil {
		return "", "", fmt.Errorf("read letter: %w", err)
	}
	rich, err := htmltemplate.New("html").Parse(htmlForm)
	if err != nil {
		return "", "", fmt.Errorf("read letter: %w", err)
	}
	var t, h strings.Builder
	if err := plain.Execute(&t, s); err != nil {
		return "", "", fmt.Errorf("write letter: %w", err)
	}
	if err := rich.Execute(&h, s); err != nil {
		return "", "", fmt.Errorf("write letter: %w", err)
	}
	return t.String(), h.String(), nil
}

// subjectNameMax bounds the name of a conversation in a subject.
const subjectNameMax = 100

func subject(n *notify.Notification) string {
	what, status := "Conversation", ""
	var name string
	switch {
	case n.Call != nil:
		what, status, name = "Call", string(n.Call.Status), cmp.Or(n.Call.ConversationID, n.Call.RequestID)
		if n.Call.ConversationID != "" {
			what = fmt.Sprintf("Call %d of conversation", n.Call.SequenceCode)
		}
	case n.Conversation != nil:
		status, name = string(n.Conversation.Status), n.Conversation.ConversationID
	}
	return mail.Line(fmt.Sprintf("%s %s: %s", what, mail.Line(name, subjectNameMax), status), mail.SubjectBytesMax)
}

func show(n *notify.Notification) shown {
	s := shown{Title: subject(n)}
	fact := func(name, value string) {
		if value != "" {
			s.Facts = append(s.Facts, [2]string{name, mail.Line(value, factBytesMax)})
		}
	}
	fact("Account", n.Account)
	if c := n.Call; c != nil {
		fact("Request", c.RequestID)
		fact("Conversation", c.ConversationID)
		fact("Method", c.Method)
		fact("Status", string(c.Status))
		fact("Error", string(c.ErrorCode))
		fact("Message", c.Message)
		fact("Objects", fmt.Sprintf("%d of %d processed, %d with errors", c.Processed, c.Total, c.Errors))
		s.rows(c)
	}
	if c := n.Conversation; c != nil {
		fact("Conversation", c.ConversationID)
		fact("Status", string(c.Status))
		fact("Error", string(c.ErrorCode))
		fact("Message", c.Message)
		fact("Calls", fmt.Sprintf("%d of %d processed, %d with errors", c.Processed, c.Total, c.Errors))
		for i := range c.Calls {
			s.rows(&c.Calls[i])
		}
	}
	fact("Ended", n.Timestamp.UTC().Format(time.RFC3339))
	fact("Sequence", n.Sequence)
	fact("Cursor", n.Cursor)
	return s
}

// factBytesMax bounds one fact; the document of a callback has it whole.
const factBytesMax = 2_000

func (s *shown) rows(c *schemas.CallResource) {
	for _, r := range c.Results {
		if len(s.Rows) == rowsMax {
			s.More++
			continue
		}
		s.Rows = append(s.Rows, row{
			Ordinal: r.Ordinal, SequenceCode: c.SequenceCode,
			CorrelationID: line(r.CorrelationID), ObjectType: line(r.ObjectType), CustomerKey: line(r.CustomerKey),
			Status: string(r.Status), ErrorCode: line(string(r.ErrorCode)), Text: line(r.Message),
		})
	}
}

// line is a value that fits a row.
func line(s string) string { return mail.Line(s, 200) }
