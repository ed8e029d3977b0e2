// Package executor carries calls out. An executor makes one attempt and says what came of it; whether, when and how
// often to try again is decided elsewhere.
//
// HTTP posts a call, or many in one request, and waits for the answer. KafkaRequest makes the record that the shell
// writes in the transaction of its state. Outcome says what an answer means, whichever way it came.
package executor

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"parley/internal/route"
	"parley/internal/telemetry"
	"parley/processor/conversation"
	"parley/schemas"
)

// HTTP carries calls out by POST, as INTERFACES "The http executor" has it. It is safe for concurrent use.
type HTTP struct {
	// repeatable sends what may be sent again, once what must not be.
	repeatable, once *http.Client
}

// NewHTTP returns an executor that keeps as many idle connections per backend as a route may use at once.
func NewHTTP(idlePerHost int) *HTTP {
	repeatable := transport(idlePerHost)
	repeatable.ForceAttemptHTTP2 = true

	// A backend that closes an idle connection just when a request goes out leaves it open whether it has the request.
	// So a call that must not be repeated only takes a connection that was in use a moment ago, and HTTP/1.1, which
	// shares it with no other call.
	once := transport(idlePerHost)
	once.IdleConnTimeout = time.Second
	once.Protocols = new(http.Protocols)
	once.Protocols.SetHTTP1(true)
	return &HTTP{repeatable: client(repeatable), once: client(once)}
}

func transport(idlePerHost int) *http.Transport {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		MaxIdleConns:        0,
		MaxIdleConnsPerHost: idlePerHost,
		IdleConnTimeout:     90 * time.Second,
		TLSHandshakeTimeout: 5 * time.Second,
	}
}

func client(t *http.Transport) *http.Client {
	return &http.Client{
		Transport: t,
		// A redirected POST would be another request than the one that is recorded.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Close drops the idle connections.
func (h *HTTP) Close() {
	h.repeatable.CloseIdleConnections()
	h.once.CloseIdleConnections()
}

// Execute makes one attempt. It returns when the backend has answered, the route's timeout has passed, or ctx has
// ended: in the last two cases the outcome is Transient.
func (h *HTTP) Execute(ctx context.Context, r *route.Route, req Request) conversation.Outcome {
	body, err := req.body()
	if err != nil {
		return failed(schemas.Internal, "encode request: "+err.Error())
	}
	a, none := h.post(ctx, r, body, http.Header{
		HeaderIdempotencyKey: {req.Call.RequestId},
		HeaderDeferredToken:  {req.Token},
		HeaderFence:          {strconv.FormatInt(req.Fence, 10)},
	})
	if a == nil {
		return none
	}
	return a.outcome(req.Call)
}

// post returns the backend's answer; nil: there is none, and the outcome says why.
func (h *HTTP) post(ctx context.Context, r *route.Route, body []byte, header http.Header) (*answer, conversation.Outcome) {
	ctx, cancel := context.WithTimeout(ctx, r.Executor.Timeout)
	defer cancel()
	var connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})
	post, err := http.NewRequestWithContext(ctx, http.MethodPost, r.Executor.URL, bytes.NewReader(body))
	if err != nil {
		return nil, failed(schemas.Internal, "make request: "+err.Error())
	}
	post.Header = header
	post.Header.Set("Content-Type", schemas.ContentJSON)
	telemetry.TraceOf(ctx).SetHeader(post.Header)
	describe(ctx, post.URL)
	client := h.repeatable
	if r.Delivery == route.AtMostOnce {
		client = h.once
		// net/http sends a request with an Idempotency-Key again by itself when a connection breaks, unless it cannot
		// have the body a second time.
		post.GetBody = nil
	}
	response, err := client.Do(post)
	if err != nil {
		o := transient("no answer: " + reason(err))
		o.Unsent = !connected.Load() // not one byte is written before there is a connection, TLS included
		return nil, o
	}
	defer response.Body.Close()
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		span.SetAttributes(semconv.HTTPResponseStatusCode(response.StatusCode))
	}
	a, err := readAnswer(response)
	if err != nil {
		return nil, transient("answer broke off: " + reason(err))
	}
	return a, conversation.Outcome{}
}

// describe says in the span of an attempt where its request goes: the semantic conventions for HTTP clients. What stands
// before and behind the path may be a secret.
func describe(ctx context.Context, to *url.URL) {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	shown := url.URL{Scheme: to.Scheme, Host: to.Host, Path: to.Path}
	span.SetAttributes(semconv.HTTPRequestMethodPost, semconv.URLFull(shown.String()), semconv.ServerAddress(to.Hostname()))
	if port, err := strconv.Atoi(to.Port()); err == nil {
		span.SetAttributes(semconv.ServerPort(port))
	}
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
