package ingest

import (
	"encoding/base64"
	"net/url"
	"time"

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

// acknowledge returns the acknowledgment of a call whose record is in the log.
func (s *Server) acknowledge(q queued, f fate) Acknowledgment {
	at := f.acceptedAt.UTC().Truncate(time.Millisecond)
	sequenceCode, _ := schemas.Place(q.call)
	return Acknowledgment{
		RequestID:      q.call.RequestId,
		Receipt:        s.receipts.write(q.call.Account, q.id, receipt{Position: f.Position, acceptedAt: at}),
		Digest:         "sha-256=:" + base64.StdEncoding.EncodeToString(q.call.Digest) + ":",
		Status:         schemas.Queued,
		ConversationID: q.call.GetOptions().GetConversationId(),
		SequenceCode:   sequenceCode,
		AcceptedAt:     at,
	}
}

// location is where the status of the call is.
func (a Acknowledgment) location() string {
	return requestsPath + a.RequestID + "?receipt=" + url.QueryEscape(a.Receipt)
}
