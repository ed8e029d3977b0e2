package executor_test

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"parley/processor/conversation"
	"parley/processor/executor"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// batch is attempts at so many calls of two objects, with the request ids …0, …1 and so on.
func batch(calls int) []executor.Request {
	out := make([]executor.Request, calls)
	for i := range out {
		out[i] = executor.Request{Attempt: int32(i) + 1, Fence: int64(i) + 7, Token: fmt.Sprintf("token-%d", i), Call: &parleyv1.Call{
			Account:   "acme",
			RequestId: idOf(i),
			Method:    "Create",
			Objects:   []*parleyv1.Object{{Type: "Row", CorrelationId: "a"}, {Type: "Row", CorrelationId: "b"}},
		}}
	}
	return out
}

func idOf(i int) string { return fmt.Sprintf("018f4c1e-7c1a-7b5e-9d55-0242ac12000%d", i) }

func TestBatchRequest(t *testing.T) {
	t.Parallel()
	x := newHTTP(t)
	seen := make(chan seenRequest, 1)
	r := routeTo(serve(t, func(_ http.ResponseWriter, r *http.Request) { seen <- see(r) }))
	keys := make(map[string]bool)
	for _, calls := range []int{1, 2, 2, 3} {
		x.ExecuteBatch(t.Context(), r, batch(calls))
		got := <-seen
		keys[got.idempotencyKey] = true
		var elements []string
		for i := range calls {
			elements = append(elements, fmt.Sprintf(`{"account":"acme","requestId":%q,"conversationId":"","sequenceCode":1,"callsInConversation":1,"attempt":%d,"method":"Create","action":"",`+
				`"deferredToken":"token-%d","fence":%d,"objects":[{"type":"Row","correlationId":"a"},{"type":"Row","correlationId":"b"}]}`, idOf(i), i+1, i, i+7))
		}
		want := seenRequest{
			method: "POST", target: "/", contentType: "application/json", idempotencyKey: got.idempotencyKey,
			body: `{"calls":[` + strings.Join(elements, ",") + `]}`,
		}
		if got != want {
			t.Errorf("the backend had\n%+v, want\n%+v", got, want)
		}
	}
	if len(keys) != 3 || keys[""] {
		t.Errorf("the keys of three different batches, one of them sent twice: %v", keys)
	}
}

func TestBatchAnswers(t *testing.T) {
	t.Parallel()
	type object = conversation.ObjectOutcome
	var (
		ok       = said(object{}, object{})
		deferred = conversation.Outcome{Kind: conversation.Deferred}
		silent   = transient("the backend answered without a word of this call")
		all      = func(o conversation.Outcome) []conversation.Outcome { return []conversation.Outcome{o, o, o} }
	)
	tests := []struct {
		name   string
		status int
		header http.Header
		body   string // $0 is the request id of the first call
		want   []conversation.Outcome
	}{
		{"in any order", 200, nil, `{"calls":[{"requestId":"$2","results":[{"status":"OK"},{"status":"Error","errorCode":"E"}]},{"requestId":"$0"},{"requestId":"$1","results":[{"correlationId":"b","status":"Error","message":"m"}]}]}`,
			[]conversation.Outcome{ok, said(object{}, object{Failed: true, Message: "m"}), said(object{}, object{Failed: true, Code: "E"})}},
		{"some deferred, some failed", 200, nil, `{"calls":[{"requestId":"$0","status":"Deferred"},{"requestId":"$1","status":"Error","errorCode":"E","message":"m"},{"requestId":"$2","status":"Error"}]}`,
			[]conversation.Outcome{deferred, failed("E", "m"), failed(schemas.CallFailed, "")}},
		{"one missing", 200, nil, `{"calls":[{"requestId":"$0"},{"requestId":"$2"}]}`, []conversation.Outcome{ok, silent, ok}},
		{"all missing", 200, nil, `{}`, all(silent)},
		{"of somebody else", 200, nil, `{"calls":[{"requestId":"x"},{},{"requestId":"$0"}]}`, []conversation.Outcome{ok, silent, silent}},
		{"one twice", 200, nil, `{"calls":[{"requestId":"$0"},{"requestId":"$1"},{"requestId":"$0","results":[]},{"requestId":"$2"}]}`,
			[]conversation.Outcome{invalid("the backend answered with 2 elements of this call"), ok, ok}},
		{"one contradicts itself", 200, nil, `{"calls":[{"requestId":"$0","results":[{"ordinal":2,"status":"OK"}]},{"requestId":"$1"},{"requestId":"$2","status":"Done"}]}`,
			[]conversation.Outcome{invalid("result 0: ordinal 2, but the call has 2 objects"), ok, invalid(`status "Done" of a call is neither Deferred nor Error`)}},
		{"no content", 204, nil, ``, all(ok)},
		{"no body", 200, nil, ``, all(ok)},
		{"all deferred", 202, nil, ``, all(deferred)},
		{"not JSON", 200, nil, `<html>`, all(transient("the backend answered 200 with something that is not JSON"))},
		{"down", 503, http.Header{"Retry-After": {"3"}}, ``, all(conversation.Outcome{
			Kind: conversation.Transient, Code: schemas.CallFailed, Message: "the backend answered 503 Service Unavailable", RetryAfter: 3 * time.Second, Unsent: true,
		})},
		{"refused", 422, nil, `{"code":"C","detail":"d"}`, all(failed("C", "d"))},
	}
	x := newHTTP(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			body := strings.NewReplacer("$0", idOf(0), "$1", idOf(1), "$2", idOf(2)).Replace(tt.body)
			got := x.ExecuteBatch(t.Context(), routeTo(serve(t, answers(tt.status, tt.header, body))), batch(3))
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("outcomes %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestBatchAnswerOfAnotherFormIsInvalid(t *testing.T) {
	t.Parallel()
	x := newHTTP(t)
	for _, body := range []string{`[]`, `{"calls":{}}`, `{"calls":[{"requestId":1}]}`, `{"calls":[{"results":"OK"}]}`} {
		for i, got := range x.ExecuteBatch(t.Context(), routeTo(serve(t, answers(200, nil, body))), batch(2)) {
			if got.Kind != conversation.Failed || got.Code != schemas.InvalidResponse || !strings.Contains(got.Message, "does not have the form") {
				t.Errorf("%s: outcome %d is %+v, want Failed InvalidResponse, not of the form", body, i, got)
			}
		}
	}
}
