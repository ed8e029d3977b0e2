package ess

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/xml"
	"strconv"
	"strings"
	"time"

	"parley/schemas"
)

// A block, before it is made base64.
const (
	blockBegin = `<?xml version="1.0" encoding="UTF-8"?><tranBlock>`
	blockEnd   = `</tranBlock>`
)

// Answer is what the body of an answer to a dequeue holds. Clients look for its elements in the text: they have neither
// prefix nor attributes, and transactions is there, and empty, when the queue is.
func (o Operation) Answer(b schemas.Block) string {
	text := ""
	if len(b.Transactions) > 0 {
		var all strings.Builder
		all.WriteString(blockBegin)
		for _, t := range b.Transactions {
			all.Write(t)
		}
		all.WriteString(blockEnd)
		text = base64.StdEncoding.EncodeToString([]byte(all.String()))
	}
	out := "<count>" + strconv.Itoa(len(b.Transactions)) + "</count><transactions>" + text + "</transactions>"
	if o.Large {
		out += "<transactionIdOut>" + strconv.FormatInt(cmp.Or(b.LastTransactionID, o.TransactionID), 10) + "</transactionIdOut>"
	}
	return o.wrap(out)
}

// wrap is the answer of an operation around what it returns.
func (o Operation) wrap(returned string) string {
	return `<w:` + o.Name + `Response xmlns:w="` + servicesNamespace + `"><` + o.Name + `Return>` + returned + `</` + o.Name + `Return></w:` + o.Name + `Response>`
}

// Append appends a transaction of a block, with no more results than fit: one element named after type and version.
//
//	<tran ID="1001" companyID="acme" auxID="0"><T.call.completed.1><eventTS>2026-12-01T08:00:00Z</eventTS>…</T.call.completed.1></tran>
func Append(q schemas.QueuedTransaction, to []byte, id int64) ([]byte, error) {
	t, err := q.Transaction(id)
	if err != nil {
		return nil, err
	}
	w := writer{b: to}
	if w.transaction(t); len(w.b)-len(to) > schemas.TransactionResultsMax {
		t.Cut(func(r schemas.ResultResource) int {
			var one writer
			one.result(r)
			return len(one.b)
		})
		w.b = w.b[:len(to)]
		w.transaction(t)
	}
	return w.b, nil
}

// version is that of the elements in a transaction.
const version = ".1"

func (w *writer) transaction(t *schemas.Transaction) {
	account := ""
	switch {
	case t.Call != nil:
		account = t.Call.Account
	case t.Conversation != nil:
		account = t.Conversation.Account
	}
	w.raw(`<tran ID="`)
	w.b = strconv.AppendInt(w.b, t.ID, 10)
	w.raw(`" companyID="`)
	w.escape(account)
	w.raw(`" auxID="0"><T.`, t.Type, version, `>`)
	w.time("eventTS", t.Timestamp)
	w.text("sequence", t.Sequence)
	if t.Call != nil {
		w.call(t.Call)
	}
	if t.Conversation != nil {
		w.conversation(t.Conversation)
	}
	if t.Truncated {
		w.text("truncated", "true")
		w.text("link", t.Link)
	}
	w.raw(`</T.`, t.Type, version, `></tran>`)
}

// writer writes elements. What is empty is left out.
type writer struct{ b []byte }

func (w *writer) raw(texts ...string) {
	for _, text := range texts {
		w.b = append(w.b, text...)
	}
}

func (w *writer) escape(text string) {
	if !strings.ContainsFunc(text, special) {
		w.raw(text)
		return
	}
	var escaped bytes.Buffer
	_ = xml.EscapeText(&escaped, []byte(text)) // a buffer takes everything
	w.b = append(w.b, escaped.Bytes()...)
}

// special reports whether a character may need to be escaped.
func special(r rune) bool {
	switch r {
	case '"', '&', '\'', '<', '>':
		return true
	}
	return r < ' ' || r > '~'
}

func (w *writer) text(name, text string) {
	if text == "" {
		return
	}
	w.raw("<", name, ">")
	w.escape(text)
	w.raw("</", name, ">")
}

func (w *writer) number(name string, n int) { w.text(name, strconv.Itoa(n)) }

// time has no fractions of a second: clients parse it by an exact pattern.
func (w *writer) time(name string, t *time.Time) {
	if t != nil {
		w.text(name, t.UTC().Format("2006-01-02T15:04:05Z"))
	}
}

func (w *writer) call(c *schemas.CallResource) {
	w.text("requestID", c.RequestID)
	w.text("conversationID", c.ConversationID)
	w.number("sequenceCode", int(c.SequenceCode))
	w.number("callsInConversation", int(c.CallsInConversation))
	w.text("method", c.Method)
	w.text("status", string(c.Status))
	w.text("errorCode", string(c.ErrorCode))
	w.text("message", c.Message)
	w.number("total", c.Total)
	w.number("processed", c.Processed)
	w.number("errors", c.Errors)
	w.number("attempts", int(c.Attempts))
	w.time("acceptedTS", c.AcceptedAt)
	w.time("startedTS", c.StartedAt)
	w.time("completedTS", c.CompletedAt)
	for _, r := range c.Results {
		w.result(r)
	}
}

func (w *writer) result(r schemas.ResultResource) {
	w.raw(`<result>`)
	w.number("ordinal", r.Ordinal)
	w.text("correlationID", r.CorrelationID)
	w.text("objectType", r.ObjectType)
	w.text("customerKey", r.CustomerKey)
	w.text("status", string(r.Status))
	w.text("errorCode", string(r.ErrorCode))
	w.text("message", r.Message)
	w.raw(`</result>`)
}

func (w *writer) conversation(c *schemas.ConversationResource) {
	w.text("conversationID", c.ConversationID)
	w.text("requestID", c.RequestID)
	w.text("status", string(c.Status))
	w.text("errorCode", string(c.ErrorCode))
	w.text("message", c.Message)
	w.number("callsInConversation", int(c.CallsInConversation))
	w.number("received", int(c.Received))
	w.number("total", int(c.Total))
	w.number("processed", int(c.Processed))
	w.number("errors", int(c.Errors))
	w.time("acceptedTS", c.AcceptedAt)
	w.time("startedTS", c.StartedAt)
	w.time("completedTS", c.CompletedAt)
}
