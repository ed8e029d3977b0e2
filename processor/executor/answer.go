package executor

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"parley/processor/conversation"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// AnswerBytesMax bounds what is read of a backend's answer.
const AnswerBytesMax = 16 << 20

// answer is what a backend said to one request.
type answer struct {
	status int
	// text is the status with the backend's own words, as "503 Service Unavailable".
	text       string
	retryAfter string
	// content is the body, where it matters: of 200 and 4xx. tooLong: there was more of it than is read.
	content []byte
	tooLong bool
}

// readAnswer returns an error when the body breaks off that says what became of the objects.
func readAnswer(r *http.Response) (*answer, error) {
	a := &answer{status: r.StatusCode, text: r.Status, retryAfter: r.Header.Get("Retry-After")}
	if a.status != http.StatusOK && !a.refuses() {
		return a, nil
	}
	content, err := io.ReadAll(io.LimitReader(r.Body, AnswerBytesMax+1))
	if err != nil && a.status == http.StatusOK {
		return nil, err
	}
	if err == nil { // else the status has to do as a reason
		a.content, a.tooLong = content, len(content) > AnswerBytesMax
	}
	return a, nil
}

// outcome says what the answer means for the one call that was sent: INTERFACES, the table of the http executor.
func (a *answer) outcome(call *parleyv1.Call) conversation.Outcome {
	if a.well() {
		return Outcome(&schemas.Answer{}, call)
	}
	if a.status != http.StatusOK {
		return a.refusal()
	}
	var said struct {
		Results []schemas.AnswerResult `json:"results"`
	}
	if o, ok := a.read(&said, `{"results": […]}`); !ok {
		return o
	}
	return Outcome(&schemas.Answer{Results: said.Results}, call)
}

// well reports whether the answer says without words that all is well.
func (a *answer) well() bool {
	return a.status == http.StatusNoContent || a.status == http.StatusOK && len(bytes.TrimSpace(a.content)) == 0 && !a.tooLong
}

// read decodes the content of an answer of 200; false: the outcome says why it cannot. Members that are not asked for
// are the backend's own affair.
func (a *answer) read(into any, form string) (conversation.Outcome, bool) {
	if a.tooLong {
		return failed(schemas.InvalidResponse, fmt.Sprintf("answer is longer than %d bytes", AnswerBytesMax)), false
	}
	if !jsontext.Value(a.content).IsValid() { // a proxy's error page with status 200 is not an answer of the backend
		return transient("the backend answered 200 with something that is not JSON"), false
	}
	if err := json.Unmarshal(a.content, into); err != nil {
		return failed(schemas.InvalidResponse, "the answer does not have the form "+form+": "+err.Error()), false
	}
	return conversation.Outcome{}, true
}

// refusal says what any other answer means, for every call of the request.
func (a *answer) refusal() conversation.Outcome {
	switch {
	case a.status == http.StatusAccepted:
		return conversation.Outcome{Kind: conversation.Deferred}
	case a.puts():
		o := transient("the backend answered " + a.text)
		after, said := retryAfter(a.retryAfter)
		o.RetryAfter = after
		// Who counts requests, or says when it will be back, has not begun with this one.
		o.Unsent = a.status == http.StatusTooManyRequests || a.status == http.StatusServiceUnavailable && said
		return o
	case a.refuses():
		return a.refused()
	}
	return failed(schemas.InvalidResponse, "the backend answered "+a.text+", which means nothing here")
}

// puts reports whether the backend puts us off.
func (a *answer) puts() bool {
	switch a.status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return a.status >= 500
}

// refuses reports whether the answer is a final no, whose body may give the reason.
func (a *answer) refuses() bool { return a.status >= 400 && !a.puts() }

// refused is a final no, with the reason that its body gives if it is JSON.
func (a *answer) refused() conversation.Outcome {
	var why struct {
		Code      string `json:"code"`
		ErrorCode string `json:"errorCode"`
		Detail    string `json:"detail"`
		Message   string `json:"message"`
	}
	if !a.tooLong {
		_ = json.Unmarshal(a.content, &why) // not JSON: the status says it all
	}
	code := cmp.Or(why.Code, why.ErrorCode, string(schemas.CallFailed))
	return failed(schemas.Code(code), cmp.Or(why.Detail, why.Message, "the backend answered "+a.text))
}

// retryAfterMax bounds how long a backend can put us off.
const retryAfterMax = time.Hour

// retryAfter reads a number of seconds or a date (RFC 9110, section 10.2.3); false: neither.
func retryAfter(s string) (time.Duration, bool) {
	if n, err := strconv.ParseUint(s, 10, 64); err == nil {
		return time.Duration(min(n, uint64(retryAfterMax/time.Second))) * time.Second, true
	}
	if at, err := http.ParseTime(s); err == nil {
		return min(max(0, time.Until(at)), retryAfterMax), true
	}
	return 0, false
}
