package schemas

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"
)

// Resource is the status of a call or of a conversation.
type Resource interface {
	// Final reports whether the status is one that does not change any more.
	Final() bool
	// ETag names the status among all that the thing ever has.
	ETag() (string, error)
}

// EndsWait reports whether a wait ends with a status: it is final, or another than the one with the ETag seen. Empty:
// none was seen.
func EndsWait(r Resource, seen string) (bool, error) {
	if r.Final() || seen == "" {
		return r.Final(), nil
	}
	tag, err := r.ETag()
	return tag != seen, err
}

// Final reports whether the call has ended.
func (r CallResource) Final() bool { return r.Status.Final() }

// Final reports whether the conversation has ended.
func (r ConversationResource) Final() bool { return r.Status.Final() }

// ETag names this status among all statuses of the call (RFC 9110 section 8.8.3). It is weak: the place in the queue, which
// moves with every other call, is left out of it.
func (r CallResource) ETag() (string, error) {
	r.Position, r.EstimatedSeconds = nil, nil
	return etag(r)
}

// ETag names this status among all statuses of the conversation and its page of calls, as that of a call does. A call
// that has ended stays what it is, so its sequence code stands for it: whoever answers may not have more of it (InRecord).
func (r ConversationResource) ETag() (string, error) {
	open, ended := make([]CallResource, 0, len(r.Calls)), slices.Clone(r.InRecord)
	for _, c := range r.Calls {
		if c.Final() {
			ended = append(ended, c.SequenceCode)
			continue
		}
		c.Position, c.EstimatedSeconds = nil, nil
		open = append(open, c)
	}
	slices.Sort(ended)
	r.Calls, r.InRecord = open, ended
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
