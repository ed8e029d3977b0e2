package backend_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"parley/internal/backend"
)

// node is what takes the answers to deferred calls: it gives each with its token to the test, and says what it is told.
type node struct {
	answers chan string
	status  chan int
}

func newNode(t *testing.T) (n *node, to string) {
	t.Helper()
	n = &node{answers: make(chan string, 10), status: make(chan int, 10)}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		n.answers <- r.URL.Path + " " + string(body)
		w.WriteHeader(<-n.status)
	}))
	t.Cleanup(s.Close)
	return n, s.URL
}

// deferring posts a call with a token, and returns the status.
func deferring(b *backend.Backend, fence int, body string) int {
	r := httptest.NewRequest(http.MethodPost, "/calls", strings.NewReader(body))
	r.Header.Set("Idempotency-Key", "key")
	r.Header.Set("Parley-Deferred-Token", "the-token")
	r.Header.Set("Parley-Fence", fmt.Sprint(fence))
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	return w.Code
}

const wellAnswered = `/v1/deferred/the-token {"results":[{"ordinal":0,"correlationId":"x","status":"OK"}]}`

func outcomes(t *testing.T, b *backend.Backend) string {
	t.Helper()
	var log backend.Executions
	get(t, b, "/executions", &log)
	var out []string
	for _, e := range log.Executions {
		out = append(out, fmt.Sprintf("%s %d %t", e.Outcome, e.Status, e.Repeated))
	}
	return strings.Join(out, ", ")
}

func TestDeferredCallIsAnsweredLate(t *testing.T) {
	t.Parallel()
	n, to := newNode(t)
	b := newBackend(t, backend.Config{AnswerTo: to})
	body := call("Create", "k", `"_backend":{"defer":"late","answerAfterMs":10}`)
	for range 2 { // a second attempt while the answer is under way
		if status := deferring(b, 7, body); status != http.StatusAccepted {
			t.Errorf("got %d, want 202", status)
		}
	}
	for _, status := range []int{503, 500, 202} { // it is tried until the node takes it
		if got := <-n.answers; got != wellAnswered {
			t.Errorf("answered %s, want %s", got, wellAnswered)
		}
		n.status <- status
	}
	if status := deferring(b, 7, body); status != http.StatusOK {
		t.Errorf("an attempt after the answer: got %d, want the first outcome", status)
	}
	if got, want := outcomes(t, b), "deferred 202 false, deferred 202 false, executed 200 false, executed 200 true"; got != want {
		t.Errorf("executions %s, want %s", got, want)
	}
}

func TestDeferredCallIsAnsweredTwice(t *testing.T) {
	t.Parallel()
	n, to := newNode(t)
	b := newBackend(t, backend.Config{AnswerTo: to})
	deferring(b, 7, call("Create", "k", `"_backend":{"defer":"twice"}`))
	for _, status := range []int{202, 409} {
		if got := <-n.answers; got != wellAnswered {
			t.Errorf("answered %s, want %s", got, wellAnswered)
		}
		n.status <- status
	}
}

// The answer overtakes the 202.
func TestDeferredCallIsAnsweredEarly(t *testing.T) {
	t.Parallel()
	n, to := newNode(t)
	b := newBackend(t, backend.Config{AnswerTo: to})
	n.status <- http.StatusAccepted
	if status := deferring(b, 7, call("Delete", "k", `"_backend":{"defer":"early"}`)); status != http.StatusAccepted {
		t.Errorf("got %d, want 202", status)
	}
	select {
	case got := <-n.answers:
		if !strings.Contains(got, `"errorCode":"NotFound"`) {
			t.Errorf("answered %s", got)
		}
	default:
		t.Error("it was not answered before the 202")
	}
}

func TestDeferredCallIsNotAnsweredAfterClose(t *testing.T) {
	t.Parallel()
	_, to := newNode(t)
	b := newBackend(t, backend.Config{AnswerTo: to})
	deferring(b, 7, call("Create", "k", `"_backend":{"defer":"late","answerAfterMs":60000}`))
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if got := outcomes(t, b); got != "deferred 202 false" {
		t.Errorf("executions %s", got)
	}
}

func TestBatchWithDeferredCall(t *testing.T) {
	t.Parallel()
	n, to := newNode(t)
	b := newBackend(t, backend.Config{AnswerTo: to})
	late := strings.Replace(call("Create", "2", `"_backend":{"defer":"late"}`), `"account"`, `"deferredToken":"the-token","fence":7,"account"`, 1)
	status, body := post(b, "", `{"calls":[`+call("Create", "1", ``)+`,`+late+`]}`)
	want := `{"calls":[{"requestId":"r-1","results":[{"ordinal":0,"correlationId":"x","status":"OK"}]},{"requestId":"r-2","status":"Deferred"}]}`
	if status != http.StatusOK || body != want {
		t.Errorf("got %d %s, want %s", status, body, want)
	}
	if got := <-n.answers; got != wellAnswered {
		t.Errorf("answered %s, want %s", got, wellAnswered)
	}
	n.status <- http.StatusAccepted
}

// An attempt of an owner that has been replaced is not executed, even if its call is a new one.
func TestFence(t *testing.T) {
	t.Parallel()
	b := newBackend(t, backend.Config{})
	steps := []struct{ fence, want int }{{7, 200}, {8, 200}, {7, 409}, {8, 200}, {0, 200}, {9, 200}, {8, 409}}
	for i, s := range steps {
		body := strings.Replace(call("Perform", "k", ``), "r-k", fmt.Sprint("r-", i), 1)
		r := httptest.NewRequest(http.MethodPost, "/calls", strings.NewReader(body))
		r.Header.Set("Parley-Fence", fmt.Sprint(s.fence))
		w := httptest.NewRecorder()
		b.ServeHTTP(w, r)
		if w.Code != s.want || w.Code == http.StatusConflict && !strings.Contains(w.Body.String(), "StaleFence") {
			t.Errorf("step %d, fence %d: got %d %s, want %d", i, s.fence, w.Code, w.Body, s.want)
		}
	}
	var o backend.ObjectView
	if get(t, b, "/objects/Row/k?account=a", &o); o.Performed != 5 {
		t.Errorf("performed %d times, want 5", o.Performed)
	}
	if got, want := outcomes(t, b), "executed 200 false, executed 200 false, fenced 409 false, executed 200 false, executed 200 false, executed 200 false, fenced 409 false"; got != want {
		t.Errorf("executions %s, want %s", got, want)
	}
	if status := deferring(b, 1, strings.Replace(call("Perform", "k", ``), `"c"`, `"another"`, 1)); status != http.StatusOK {
		t.Errorf("another conversation: got %d", status)
	}
	r := httptest.NewRequest(http.MethodPost, "/calls", strings.NewReader(call("Perform", "k", ``)))
	r.Header.Set("Parley-Fence", "high")
	w := httptest.NewRecorder()
	if b.ServeHTTP(w, r); w.Code != http.StatusBadRequest {
		t.Errorf("a fence that is no number: got %d", w.Code)
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	b := newBackend(t, backend.Config{})
	for told, want := range map[string]string{`{"failTimes":1}`: "", `{"failTimes":1,"retryAfter":3}`: "3"} {
		w := httptest.NewRecorder()
		b.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/calls", strings.NewReader(call("Create", "k"+want, `"_backend":`+told))))
		if got := w.Header().Get("Retry-After"); w.Code != http.StatusServiceUnavailable || got != want {
			t.Errorf("%s: got %d with Retry-After %q, want 503 with %q", told, w.Code, got, want)
		}
	}
}
