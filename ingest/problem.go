package ingest

import (
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"parley/schemas"
)

// document is a problem document (RFC 9457).
type document struct {
	// Type is where the code is explained.
	Type    string       `json:"type"`
	Title   string       `json:"title"`
	Status  int          `json:"status"`
	Detail  string       `json:"detail"`
	Code    schemas.Code `json:"code"`
	Pointer string       `json:"pointer,omitempty"`

	// again is Problem.RetryAfter.
	again time.Duration
}

func documentOf(p *schemas.Problem) document {
	return document{
		Type:    "/docs#" + string(p.Code),
		Title:   titles[p.Code],
		Status:  p.Code.HTTPStatus(),
		Detail:  p.Detail,
		Code:    p.Code,
		Pointer: p.Pointer,
		again:   p.RetryAfter,
	}
}

// refusal is a problem that HTTP has a status of its own for.
type refusal struct {
	*schemas.Problem
	status int
}

func (r refusal) document() document {
	d := documentOf(r.Problem)
	d.Status = r.status
	return d
}

// titles are the short sentences of the codes that this package answers with.
var titles = map[schemas.Code]string{
	schemas.InvalidBody:                   "The body cannot be read",
	schemas.UnknownMethod:                 "There is no such method",
	schemas.NoObjects:                     "The call has no objects",
	schemas.ObjectTypeRequired:            "An object has no type",
	schemas.DuplicateCorrelationID:        "Two objects have the same correlationId",
	schemas.ConversationIDRequired:        "The conversationId is missing",
	schemas.SequenceCodeRequired:          "The sequenceCode is missing",
	schemas.SequenceCodeOutOfRange:        "The sequenceCode is out of range",
	schemas.CallsInConversationRequired:   "The callsInConversation is missing",
	schemas.CallsInConversationOutOfRange: "The callsInConversation is out of range",
	schemas.SynchronousConversation:       "A conversation is not synchronous",
	schemas.ResponseTypeReserved:          "The responseType is reserved",
	schemas.InvalidResponseAddress:        "The responseAddress is not one",
	schemas.RouteNotFound:                 "No route takes the call",
	schemas.MixedRoutes:                   "The objects belong to different routes",
	schemas.TooManyObjects:                "The call has too many objects",
	schemas.ScheduledTooFar:               "The scheduledTime is too far ahead",
	schemas.BlockCountOutOfRange:          "The block count is out of range",
	schemas.InvalidParameter:              "A parameter is not valid",
	schemas.Unauthenticated:               "No API key that is good",
	schemas.Forbidden:                     "Not allowed",
	schemas.NotFound:                      "There is no such thing",
	schemas.AlreadyAnswered:               "Another answer was first",
	schemas.AlreadyStarted:                "It is too late for that",
	schemas.ConversationIDUsed:            "The conversationId has been used",
	schemas.CodeExpired:                   "The token has expired",
	schemas.PayloadGone:                   "The calls are not kept any more",
	schemas.TooLarge:                      "Too large",
	schemas.RateLimited:                   "More than the account may send now",
	schemas.QueueUnavailable:              "The queue cannot be reached",
	schemas.RouteUnavailable:              "The backend does not work now",
	schemas.OwnerUnavailable:              "Nobody can tell now",
	schemas.SynchronousTimeout:            "The call has not ended yet",
	schemas.Internal:                      "Internal error",
}

// usualRetry is after how long a refused request may be sent again when the problem does not say it.
const usualRetry = time.Second

// retryAfter is after how long the request may be sent again; zero: sending it again is no use.
func (d document) retryAfter() time.Duration {
	switch {
	case d.again > 0:
		return d.again
	case d.Status == http.StatusServiceUnavailable || d.Status == http.StatusTooManyRequests:
		return usualRetry
	}
	return 0
}

// setRetryAfter sets the header Retry-After (RFC 9110, 10.2.3), in whole seconds, so that nobody comes too early; zero
// leaves it out.
func setRetryAfter(h http.Header, after time.Duration) {
	if after > 0 {
		h.Set(echo.HeaderRetryAfter, strconv.FormatInt(int64((after+time.Second-1)/time.Second), 10))
	}
}
