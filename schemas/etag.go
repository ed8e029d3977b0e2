package schemas

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"github.com/go-json-experiment/json"
)

// ETag names this status among all statuses of the call (RFC 9110 section 8.8.3). It is weak: the place in the queue, which
// moves with every other call, is left out of it.
func (r CallResource) ETag() (string, error) {
	r.Position, r.EstimatedSeconds = nil, nil
	return etag(r)
}

// ETag names this status among all statuses of the conversation and its page of calls, as that of a call does.
func (r ConversationResource) ETag() (string, error) {
	calls := make([]CallResource, len(r.Calls))
	for i, c := range r.Calls {
		c.Position, c.EstimatedSeconds = nil, nil
		calls[i] = c
	}
	r.Calls = calls
	return etag(r)
}

// etagBytes of a digest are enough that no two statuses of one thing are taken for one another.
const etagBytes = 12

func etag(resource any) (string, error) {
	b, err := json.Marshal(resource, json.Deterministic(true))
	if err != nil {
		return "", fmt.Errorf("encode status: %w", err)
	}
	sum := sha256.Sum256(b)
	return `W/"` + base64.RawURLEncoding.EncodeToString(sum[:etagBytes]) + `"`, nil
}
