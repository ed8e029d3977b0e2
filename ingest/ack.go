package ingest

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"parley/schemas"
)

// Acknowledgment says that a call is in the log.
type Acknowledgment struct {
	RequestID string `json:"requestId"`
	// Receipt lets a poll tell "not read yet" from "unknown".
	Receipt string `json:"receipt"`
	// Digest is of the bytes received for the call, as RFC 9530 writes it.
	Digest string             `json:"digest"`
	Status schemas.CallStatus `json:"status"`
	// ConversationID is empty, and SequenceCode 1, for a call without a conversation.
	ConversationID string    `json:"conversationId"`
	SequenceCode   int32     `json:"sequenceCode"`
	AcceptedAt     time.Time `json:"acceptedAt"`
}

// acknowledge returns the acknowledgment of a call whose record is in the log, as is known since a moment ago.
func (s *Server) acknowledge(q *queued, f fate, now time.Time) Acknowledgment {
	at := now.UTC().Truncate(time.Millisecond)
	sequenceCode, _ := schemas.Place(q.call)
	return Acknowledgment{
		RequestID:      q.call.RequestId,
		Receipt:        s.receipts.write(q.call.Account, q.id, receipt{Position: f.Position, acceptedAt: at, content: q.content}),
		Digest:         digestText(q.call.Digest),
		Status:         schemas.Queued,
		ConversationID: q.call.GetOptions().GetConversationId(),
		SequenceCode:   sequenceCode,
		AcceptedAt:     at,
	}
}

// digestText is a SHA-256 as RFC 9530 writes it.
func digestText(sum []byte) string {
	text := append(make([]byte, 0, len("sha-256=::")+44), "sha-256=:"...) // 32 bytes are 44 in base64
	return string(append(base64.StdEncoding.AppendEncode(text, sum), ':'))
}

// ackRoom is about how many bytes an acknowledgment has as JSON, unless its ConversationID is long.
const ackRoom = 384

// append appends the acknowledgment in the form in which json.Marshal writes it, for a tenth of the cost: it is the answer to
// nearly every request. Of its texts the ConversationID alone may need escapes.
func (a *Acknowledgment) append(b []byte) ([]byte, error) {
	b = append(append(b, `{"requestId":"`...), a.RequestID...)
	b = append(append(b, `","receipt":"`...), a.Receipt...)
	b = append(append(b, `","digest":"`...), a.Digest...)
	b = append(append(b, `","status":"`...), a.Status...)
	b, err := jsontext.AppendQuote(append(b, `","conversationId":`...), a.ConversationID)
	if err != nil {
		return nil, fmt.Errorf("encode acknowledgment: %w", err)
	}
	b = strconv.AppendInt(append(b, `,"sequenceCode":`...), int64(a.SequenceCode), 10)
	b = a.AcceptedAt.AppendFormat(append(b, `,"acceptedAt":"`...), time.RFC3339Nano)
	return append(b, `"}`...), nil
}

// location is where the status of the call is.
func (a *Acknowledgment) location() string {
	return requestsPath + a.RequestID + "?receipt=" + url.QueryEscape(a.Receipt)
}
