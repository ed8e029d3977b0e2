package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"parley/schemas"
)

// table is the status in words: what it is about, then a row per call or per object.
func (s standing) table() string {
	if s.call != nil {
		return callText(*s.call)
	}
	return conversationText(*s.conversation)
}

func conversationText(r schemas.ConversationResource) string {
	var b strings.Builder
	fmt.Fprintf(&b, "conversation %s of %s: %s\n", r.ConversationID, r.Account, because(string(r.Status), r.ErrorCode, r.Message))
	fmt.Fprintf(&b, "received %d of %d calls; %d ended, %d with errors\n", r.Received, r.CallsInConversation, r.Processed, r.Errors)
	if len(r.Missing) > 0 {
		fmt.Fprintf(&b, "missing  %s%s\n", codes(r.Missing), until(r.PartsExpireAt))
	}
	if r.Continues != nil {
		fmt.Fprintf(&b, "continues %s\n", *r.Continues)
	}
	if r.ContinuedBy != nil {
		fmt.Fprintf(&b, "continued by %s\n", *r.ContinuedBy)
	}
	rows := newTable("#", "request id", "method", "status", "attempts", "objects", "errors", "completed", "why")
	for _, c := range r.Calls {
		rows.AppendRow(table.Row{c.SequenceCode, c.RequestID, c.Method, c.Status, c.Attempts, c.Total, c.Errors, at(c.CompletedAt), why(c)})
	}
	if len(r.Calls) > 0 {
		fmt.Fprintln(&b, rows.Render())
	}
	return b.String()
}

func callText(r schemas.CallResource) string {
	var b strings.Builder
	fmt.Fprintf(&b, "request %s of %s: %s\n", r.RequestID, r.Account, because(string(r.Status), r.ErrorCode, r.Message))
	if r.ConversationID != "" {
		fmt.Fprintf(&b, "call %d of %d in conversation %s\n", r.SequenceCode, r.CallsInConversation, r.ConversationID)
	}
	if len(r.Missing) > 0 {
		fmt.Fprintf(&b, "missing  %s%s\n", codes(r.Missing), until(r.PartsExpireAt))
	}
	fmt.Fprintf(&b, "accepted %s, started %s, completed %s, %d attempts\n", at(r.AcceptedAt), at(r.StartedAt), at(r.CompletedAt), r.Attempts)
	rows := newTable("#", "correlation id", "type", "key", "status", "why")
	for _, o := range r.Results {
		rows.AppendRow(table.Row{o.Ordinal, o.CorrelationID, o.ObjectType, o.CustomerKey, o.Status, reason(o.ErrorCode, o.Message)})
	}
	if len(r.Results) > 0 {
		fmt.Fprintln(&b, rows.Render())
	}
	return b.String()
}

// newTable begins a table with light borders.
func newTable(header ...any) table.Writer {
	w := table.NewWriter()
	w.SetStyle(table.StyleLight)
	w.Style().Format.Header, w.Style().Format.Footer = text.FormatDefault, text.FormatDefault // as it is written
	w.AppendHeader(header)
	return w
}

// why is the reason of a call, or those of its objects that have one.
func why(c schemas.CallResource) string {
	if c.ErrorCode != "" || c.Message != "" {
		return reason(c.ErrorCode, c.Message)
	}
	var all []string
	for _, o := range c.Results {
		if one := reason(o.ErrorCode, o.Message); one != "" && !slices.Contains(all, one) {
			all = append(all, one)
		}
	}
	return strings.Join(all, "; ")
}

func because(status string, code schemas.Code, message string) string {
	if why := reason(code, message); why != "" {
		return status + ", " + why
	}
	return status
}

func reason(code schemas.Code, message string) string {
	if code == "" || message == "" {
		return string(code) + message
	}
	return string(code) + ": " + message
}

// codes lists sequence codes.
func codes(missing []int32) string {
	names := make([]string, len(missing))
	for i, m := range missing {
		names[i] = strconv.Itoa(int(m))
	}
	if len(missing) == schemas.MissingMax {
		names = append(names, "...")
	}
	return strings.Join(names, ", ")
}

func until(t *time.Time) string {
	if t == nil {
		return ""
	}
	return ", expected by " + at(t)
}

// at is a time of day here, or a dash.
func at(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04:05.000")
}
