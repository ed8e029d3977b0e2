// Package executor carries calls out. An executor makes one attempt and says what came of it; whether, when and how
// often to try again is decided elsewhere.
package executor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"parley/internal/route"
	"parley/processor/conversation"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// AnswerBytesMax bounds what is read of a backend's answer.
const AnswerBytesMax = 16 << 20

// HTTP carries calls out by POST, as INTERFACES "The http executor" has it. It is safe for concurrent use.
type HTTP struct {
	client *http.Client
}

// NewHTTP returns an executor that keeps as many idle connections per backend as a route may use at once.
func NewHTTP(idlePerHost int) *HTTP {
	return &HTTP{client: &http.Client{
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			MaxIdleConns:          0,
			MaxIdleConnsPerHost:   idlePerHost,
			IdleConnTimeout:       90 * time.Second,
			TLSHandshakeTimeout:   5 * time.Second,
			ExpectContinueTimeout: time.Second,
			ForceAttemptHTTP2:     true,
		},
		// A redirected POST would be another request than the one that is recorded.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Close drops the idle connections.
func (h *HTTP) Close() { h.client.CloseIdleConnections() }

// Execute makes one attempt. It returns when the backend has answered, the route's timeout has passed, or ctx has
// ended: in the last two cases the outcome is Transient.
func (h *HTTP) Execute(ctx context.Context, r *route.Route, req Request) conversation.Outcome {
	body, err := req.body()
	if err != nil {
		return failed(schemas.Internal, "encode request: "+err.Error())
	}
	ctx, cancel := context.WithTimeout(ctx, r.Executor.Timeout)
	defer cancel()
	post, err := http.NewRequestWithContext(ctx, http.MethodPost, r.Executor.URL, bytes.NewReader(body))
	if err != nil {
		return failed(schemas.Internal, "make request: "+err.Error())
	}
	post.Header.Set("Content-Type", schemas.ContentJSON)
	post.Header.Set(HeaderIdempotencyKey, req.Call.RequestId)
	post.Header.Set(HeaderDeferredToken, req.Token)
	post.Header.Set(HeaderFence, strconv.FormatInt(req.Fence, 10))
	answer, err := h.client.Do(post)
	if err != nil {
		return transient("no answer: " + reason(err))
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(io.LimitReader(answer.Body, AnswerBytesMax+1))
	if err != nil {
		return transient("answer broke off: " + reason(err))
	}
	if len(content) > AnswerBytesMax {
		return failed(schemas.InvalidResponse, fmt.Sprintf("answer is longer than %d bytes", AnswerBytesMax))
	}
	return outcome(answer, content, req.Call)
}

// reason leaves out the method and the address, which the route already tells.
func reason(err error) string {
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		return "timeout"
	}
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}

// outcome says what a complete answer means: INTERFACES, the table of the http executor.
func outcome(answer *http.Response, content []byte, call *parleyv1.Call) conversation.Outcome {
	switch code := answer.StatusCode; {
	case code == http.StatusNoContent, code == http.StatusOK && len(bytes.TrimSpace(content)) == 0:
		return results(nil, call)
	case code == http.StatusOK:
		return answered(content, call)
	case code == http.StatusAccepted:
		return failed(schemas.InvalidResponse, "the backend deferred its answer (202), which this version does not wait for")
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests, code >= 500:
		o := transient("the backend answered " + answer.Status)
		o.RetryAfter = retryAfter(answer.Header.Get("Retry-After"))
		return o
	case code >= 400:
		return refused(answer, content)
	}
	return failed(schemas.InvalidResponse, "the backend answered "+answer.Status+", which means nothing here")
}

// retryAfterMax bounds how long a backend can put us off.
const retryAfterMax = time.Hour

// retryAfter reads a number of seconds or a date (RFC 9110, section 10.2.3); zero: neither.
func retryAfter(s string) time.Duration {
	if n, err := strconv.Atoi(s); err == nil && n > 0 {
		return min(time.Duration(min(n, int(retryAfterMax/time.Second)))*time.Second, retryAfterMax)
	}
	if at, err := http.ParseTime(s); err == nil {
		return min(max(0, time.Until(at)), retryAfterMax)
	}
	return 0
}

// refused is a final answer of 4xx, with the reason that its body gives if it is JSON.
func refused(answer *http.Response, content []byte) conversation.Outcome {
	var why struct {
		Code      string `json:"code"`
		ErrorCode string `json:"errorCode"`
		Detail    string `json:"detail"`
		Message   string `json:"message"`
	}
	_ = json.Unmarshal(content, &why) // not JSON: the status says it all
	o := failed(schemas.CallFailed, "the backend answered "+answer.Status)
	if code := firstOf(why.Code, why.ErrorCode); code != "" {
		o.Code = schemas.Code(clip(code, codeBytesMax))
	}
	if message := firstOf(why.Detail, why.Message); message != "" {
		o.Message = clip(message, messageBytesMax)
	}
	return o
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// isJSON reports whether an answer is one: a proxy's error page with status 200 is not an answer of the backend.
func isJSON(content []byte) bool { return jsontext.Value(content).IsValid() }

func transient(message string) conversation.Outcome {
	return conversation.Outcome{Kind: conversation.Transient, Code: schemas.CallFailed, Message: recordable(message)}
}

func failed(code schemas.Code, message string) conversation.Outcome {
	return conversation.Outcome{Kind: conversation.Failed, Code: code, Message: recordable(message)}
}

// recordable makes s a text that an event can hold: a status line is whatever bytes the backend likes.
func recordable(s string) string {
	return clip(strings.ToValidUTF8(s, "\uFFFD"), messageBytesMax)
}
