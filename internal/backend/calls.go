package backend

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"parley/internal/pause"
)

// problem is a refusal, as the http executor reads one.
type problem struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// request is a call, or a batch of them.
type request struct {
	Call
	Calls []Call `json:"calls"`
}

func (b *Backend) handleCalls(w http.ResponseWriter, r *http.Request) {
	var req request
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, requestBytesMax)).Decode(&req); err != nil {
		write(w, http.StatusBadRequest, problem{"InvalidBody", err.Error()})
		return
	}
	batch := req.Calls != nil
	calls := req.Calls
	if !batch {
		calls = []Call{req.Call}
	}
	for i := range calls {
		if p := b.check(&calls[i]); p != nil {
			p.Detail = fmt.Sprintf("call %d: %s", i, p.Detail)
			write(w, http.StatusBadRequest, p)
			return
		}
	}
	if err := pause.For(r.Context(), b.delay(calls)); err != nil {
		return // the caller has gone: nobody to answer
	}
	if batch {
		b.answerBatch(w, r, calls)
		return
	}
	b.answerCall(w, r, &calls[0])
}

func (b *Backend) answerCall(w http.ResponseWriter, r *http.Request, c *Call) {
	fence, err := strconv.ParseInt(cmp.Or(r.Header.Get("Parley-Fence"), "0"), 10, 64)
	if err != nil {
		write(w, http.StatusBadRequest, problem{"InvalidFence", "the header Parley-Fence is not a number"})
		return
	}
	a, err := b.take(r.Context(), attempt{call: c, key: r.Header.Get("Idempotency-Key"), fence: fence, token: r.Header.Get("Parley-Deferred-Token")})
	if err != nil {
		write(w, http.StatusInternalServerError, problem{"Internal", err.Error()})
		return
	}
	linger(r.Context(), []Call{*c})
	a.write(w)
}

// linger waits as the calls tell that were acted on. A caller that goes meanwhile is answered in vain.
func linger(ctx context.Context, calls []Call) {
	longest := time.Duration(0)
	for i := range calls {
		longest = max(longest, milliseconds(calls[i].told().LingerMs))
	}
	_ = pause.For(ctx, longest)
}

// take acts on an attempt, and sees to what it defers.
func (b *Backend) take(ctx context.Context, a attempt) (answer, error) {
	said, err := b.act(a)
	if err == nil && said.status == http.StatusAccepted {
		b.answerLater(ctx, a)
	}
	return said, err
}

// answerBatch answers many calls. The request id of each is its Idempotency-Key. A batch has one HTTP status: the
// first call that is neither executed nor deferred decides it. Those before it have been, and when the batch comes again
// they are answered as the first time.
func (b *Backend) answerBatch(w http.ResponseWriter, r *http.Request, calls []Call) {
	bodies := make([]json.RawMessage, len(calls))
	for i := range calls {
		c := &calls[i]
		of := attempt{call: c, key: c.RequestID, fence: c.Fence, token: c.DeferredToken}
		c.DeferredToken = "" // not for the journal
		a, err := b.take(r.Context(), of)
		if err != nil {
			write(w, http.StatusInternalServerError, problem{"Internal", err.Error()})
			return
		}
		switch a.status {
		case http.StatusOK:
			bodies[i] = a.body
		case http.StatusAccepted:
			bodies[i] = encode(struct {
				RequestID string `json:"requestId"`
				Status    string `json:"status"`
			}{c.RequestID, "Deferred"})
		default:
			a.write(w)
			return
		}
	}
	linger(r.Context(), calls)
	write(w, http.StatusOK, struct {
		Calls []json.RawMessage `json:"calls"`
	}{bodies})
}

// check refuses what is no call, and what this backend cannot do.
func (b *Backend) check(c *Call) *problem {
	if p := c.check(); p != nil {
		return p
	}
	if how := c.told().Defer; how != "" && how != DeferNever && b.cfg.AnswerTo == "" {
		return &problem{"InvalidBehavior", "nobody said where deferred calls are answered: start the backend with --answer-to"}
	}
	return nil
}

// check refuses what is no call.
func (c *Call) check() *problem {
	switch c.Method {
	case methodCreate, methodUpdate, methodDelete, methodPerform:
	default:
		return &problem{"UnknownMethod", fmt.Sprintf("method %q is none of Create, Update, Delete, Perform", c.Method)}
	}
	if len(c.Objects) == 0 {
		return &problem{"NoObjects", "there is no object"}
	}
	for i := range c.Objects {
		o := &c.Objects[i]
		if o.Type == "" {
			return &problem{"ObjectTypeRequired", fmt.Sprintf("object %d has no type", i)}
		}
		if _, err := o.behavior(); err != nil {
			return &problem{"InvalidBehavior", fmt.Sprintf("object %d: %v", i, err)}
		}
	}
	return nil
}

// told is what the objects of a checked call tell, together.
func (c *Call) told() Behavior {
	var told Behavior
	for i := range c.Objects {
		b, err := c.Objects[i].behavior()
		if err != nil {
			continue // a journal of an older version: it was executed then
		}
		told.DelayMs, told.LingerMs = max(told.DelayMs, b.DelayMs), max(told.LingerMs, b.LingerMs)
		if told.Defer == "" {
			told.Defer, told.AnswerAfterMs = b.Defer, b.AnswerAfterMs
		}
		if told.Status == 0 && told.FailTimes == 0 {
			told.Status, told.FailTimes, told.RetryAfter, told.Error, told.Message = b.Status, b.FailTimes, b.RetryAfter, b.Error, b.Message
		}
	}
	return told
}

// refusal is the answer instead of an execution.
func (t Behavior) refusal() answer {
	a := because(cmp.Or(t.Status, http.StatusServiceUnavailable), cmp.Or(t.Error, "Told"), t.Message)
	a.retryAfter = t.RetryAfter
	return a
}

// because is a refusal with its reason.
func because(status int, code, detail string) answer {
	return answer{status: status, body: encode(problem{code, detail})}
}

// encode is the JSON of what has one: strings and numbers of our own.
func encode(v any) []byte {
	body, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("backend: encode %T: %v", v, err))
	}
	return body
}

func (b *Backend) delay(calls []Call) time.Duration {
	longest := time.Duration(0)
	for i := range calls {
		longest = max(longest, milliseconds(calls[i].told().DelayMs))
	}
	return b.cfg.Latency + longest
}

// milliseconds is a time that a call tells: a minute at most.
func milliseconds(n int64) time.Duration {
	return time.Duration(min(n, delayMax.Milliseconds())) * time.Millisecond
}

func (a answer) write(w http.ResponseWriter) {
	if a.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(a.retryAfter))
	}
	if a.body == nil {
		w.WriteHeader(a.status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // a caller that has gone asks again
}

// write answers with v as JSON.
func write(w http.ResponseWriter, status int, v any) {
	var body bytes.Buffer
	if err := json.NewEncoder(&body).Encode(v); err != nil {
		status = http.StatusInternalServerError
		body.Reset()
	}
	answer{status: status, body: body.Bytes()}.write(w)
}
