package backend

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
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
		if p := calls[i].check(); p != nil {
			p.Detail = fmt.Sprintf("call %d: %s", i, p.Detail)
			write(w, http.StatusBadRequest, p)
			return
		}
	}
	if err := wait(r.Context(), b.delay(calls)); err != nil {
		return // the caller has gone: nobody to answer
	}
	if batch {
		b.answerBatch(w, r, calls)
		return
	}
	b.answerCall(w, r, &calls[0])
}

func (b *Backend) answerCall(w http.ResponseWriter, r *http.Request, c *Call) {
	a, err := b.act(attempt{call: c, key: r.Header.Get("Idempotency-Key"), fence: r.Header.Get("Parley-Fence")})
	if err != nil {
		write(w, http.StatusInternalServerError, problem{"Internal", err.Error()})
		return
	}
	a.write(w)
}

// answerBatch answers many calls. The request id of each is its Idempotency-Key. A batch has one HTTP status: the
// first call that is not executed decides it. Those before it have been, and when the batch comes again
// they are answered as the first time.
func (b *Backend) answerBatch(w http.ResponseWriter, r *http.Request, calls []Call) {
	bodies := make([]json.RawMessage, len(calls))
	for i := range calls {
		a, err := b.act(attempt{call: &calls[i], key: calls[i].RequestID, fence: r.Header.Get("Parley-Fence")})
		if err != nil {
			write(w, http.StatusInternalServerError, problem{"Internal", err.Error()})
			return
		}
		if a.status != http.StatusOK {
			a.write(w)
			return
		}
		bodies[i] = a.body
	}
	write(w, http.StatusOK, struct {
		Calls []json.RawMessage `json:"calls"`
	}{bodies})
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
		told.DelayMs = max(told.DelayMs, b.DelayMs)
		told.Defer = told.Defer || b.Defer
		if told.Status == 0 && told.FailTimes == 0 {
			told.Status, told.FailTimes, told.Error, told.Message = b.Status, b.FailTimes, b.Error, b.Message
		}
	}
	return told
}

// refusal is the answer instead of an execution.
func (t Behavior) refusal() answer {
	status := t.Status
	if status == 0 {
		status = http.StatusServiceUnavailable
	}
	code := t.Error
	if code == "" {
		code = "Told"
	}
	body, err := json.Marshal(problem{code, t.Message})
	if err != nil {
		panic(fmt.Sprintf("backend: encode problem: %v", err)) // two strings
	}
	return answer{status: status, body: body}
}

func (b *Backend) delay(calls []Call) time.Duration {
	longest := time.Duration(0)
	for i := range calls {
		ms := min(calls[i].told().DelayMs, delayMax.Milliseconds())
		longest = max(longest, time.Duration(ms)*time.Millisecond)
	}
	return b.cfg.Latency + longest
}

func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (a answer) write(w http.ResponseWriter) {
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
