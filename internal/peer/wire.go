package peer

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	jsonv1 "github.com/go-json-experiment/json/v1"

	"parley/schemas"
)

// Path begins the paths at which a node answers others.
const Path = "/peer/v1/"

const (
	pathRequest      = Path + "request"
	pathConversation = Path + "conversation"
	pathAnswer       = Path + "answer"
	pathRouteOutage  = Path + "route-outage"
	pathDeliveries   = Path + "deliveries"
	// of all partitions
	pathUsage         = Path + "usage"
	pathConversations = Path + "conversations"
	pathAudit         = Path + "audit"
	pathErasures      = Path + "erasures"
)

// Headers of a question; an answer has the second.
const (
	// headerTime is when it was asked, in milliseconds since 1970.
	headerTime = "Parley-Peer-Time"
	// headerMAC is the base64url of the MAC.
	headerMAC = "Parley-Peer-Mac"
)

// asked is the body of a question.
type asked[Q any] struct {
	// In are the partitions that are asked; none for a question that names its own.
	In    []int32 `json:"in"`
	Query Q       `json:"query"`
}

// said is the body of an answer: one of both.
type said[R any] struct {
	Answer  *R       `json:"answer,omitzero"` // an empty list is one, too
	Failure *failure `json:"failure,omitempty"`
}

// failure is an error that an Owner may return.
type failure struct {
	Kind    kind   `json:"kind"`
	Message string `json:"message"`
	// NotOwned goes with notOwned, Recorded with recorded.
	NotOwned []int32                `json:"notOwned,omitempty"`
	Recorded *schemas.RecordedError `json:"recorded,omitempty"`
}

type kind string

const (
	unknown     kind = "unknown"
	notOwned    kind = "notOwned"
	recorded    kind = "recorded"
	unavailable kind = "unavailable"
)

// failureOf says an error. One that an Owner ought not to return is unavailable.
func failureOf(err error) *failure {
	f := &failure{Kind: unavailable, Message: err.Error()}
	if e, ok := errors.AsType[*schemas.NotOwnedError](err); ok {
		f.Kind, f.NotOwned = notOwned, e.Partitions
	} else if e, ok := errors.AsType[*schemas.RecordedError](err); ok {
		f.Kind, f.Recorded = recorded, e
	} else if errors.Is(err, schemas.ErrUnknown) {
		f.Kind = unknown
	}
	return f
}

// err is the error that was said.
func (f *failure) err() error {
	switch {
	case f.Kind == notOwned && len(f.NotOwned) > 0:
		return &schemas.NotOwnedError{Partitions: f.NotOwned}
	case f.Kind == recorded && f.Recorded != nil:
		return f.Recorded
	case f.Kind == unknown:
		return fmt.Errorf("owner: %w", schemas.ErrUnknown)
	}
	return fmt.Errorf("owner: %s: %w", f.Message, schemas.ErrUnavailable)
}

// jsonOptions write durations as nanoseconds.
var jsonOptions = jsonv1.FormatDurationAsNano(true)

func encode(v any) ([]byte, error) { return json.Marshal(v, jsonOptions) }

// decode leaves out members that it does not know: nodes of two versions run beside each other during an update.
func decode(b []byte, v any) error { return json.Unmarshal(b, v, jsonOptions) }
