package exacttarget

import (
	"encoding/base64"
	"fmt"

	"github.com/go-json-experiment/json"
)

// Place is where an answer begins.
type Place struct {
	// Named counts the requests or conversations that the filter names and that lie before it.
	Named int `json:"i,omitzero"`
	// SequenceCode is that of the last call of a conversation that lies before it.
	SequenceCode int32 `json:"s,omitzero"`
	// Objects counts those of a call that lie before it.
	Objects int `json:"o,omitzero"`
	// Cursor is a schemas.Cursor, where the record is searched.
	Cursor string `json:"c,omitzero"`
}

// continuationMax bounds the text of a continuation: nothing that we make is longer.
const continuationMax = 64 << 10

// continuation is what a ContinueRequest asks for the rest with: the whole question and the place. So any node can answer it, however
// much later, and nothing is kept for it. It needs no signature: it asks for nothing that its sender could not ask for without it,
// and of the account of who sends it.
func (q *Retrieval) continuation() (string, error) {
	b, err := json.Marshal(q)
	if err != nil {
		return "", fmt.Errorf("write continuation: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// parseContinuation reads what continuation has made.
func parseContinuation(text string) (*Retrieval, error) {
	q := new(Retrieval)
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil && len(text) <= continuationMax {
		err = json.Unmarshal(b, q)
	}
	if err != nil || len(text) > continuationMax || q.From.Named < 0 || q.From.SequenceCode < 0 || q.From.Objects < 0 {
		return nil, refuse("the ContinueRequest is not the RequestID of an answer with MoreDataAvailable")
	}
	if err := q.check(); err != nil {
		return nil, err
	}
	return q, nil
}
