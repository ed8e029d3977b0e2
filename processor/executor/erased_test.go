package executor_test

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"parley/internal/route"
	"parley/processor/conversation"
	"parley/processor/executor"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// partlyErased is a call of the objects a, b, c and d; each goes out until its number, zero: always.
func partlyErased(a, b, c, d int32) *parleyv1.Call {
	call := &parleyv1.Call{Account: "acme", RequestId: idOf(0), Method: "Create"}
	for i, erased := range []int32{a, b, c, d} {
		call.Objects = append(call.Objects, &parleyv1.Object{Type: "Row", CorrelationId: string(rune('a' + i)), Erased: erased})
	}
	return call
}

// The results of an answer are of the objects that its attempt had.
func TestOutcomeOfErasedObjects(t *testing.T) {
	t.Parallel()
	type object = conversation.ObjectOutcome
	well, gone, bad := object{}, object{Withheld: true}, object{Failed: true, Code: "E"}
	tests := map[string]struct {
		call    *parleyv1.Call
		attempt int32
		answer  string
		want    conversation.Outcome
	}{
		"all is well":                       {partlyErased(0, 1, 0, 1), 1, `{}`, said(well, gone, well, gone)},
		"by position":                       {partlyErased(1, 0, 0, 0), 1, `{"results":[{"status":"OK"},{"status":"Error","errorCode":"E"}]}`, said(gone, well, bad, well)},
		"by ordinal":                        {partlyErased(1, 0, 1, 0), 1, `{"results":[{"ordinal":1,"status":"Error","errorCode":"E"}]}`, said(gone, well, gone, bad)},
		"by correlationId":                  {partlyErased(1, 0, 1, 0), 1, `{"results":[{"correlationId":"d","status":"Error","errorCode":"E"}]}`, said(gone, well, gone, bad)},
		"all that went out failed":          {partlyErased(1, 0, 1, 1), 1, `{"results":[{"status":"Error","errorCode":"E","message":"m"}]}`, because("E", "m", said(gone, object{Failed: true, Code: "E", Message: "m"}, gone, gone))},
		"erased when it had gone out":       {partlyErased(2, 0, 0, 0), 1, `{"results":[{"ordinal":0,"status":"Error","errorCode":"E"}]}`, said(bad, well, well, well)},
		"and the next attempt was without":  {partlyErased(2, 0, 0, 0), 2, `{"results":[{"ordinal":0,"status":"Error","errorCode":"E"}]}`, said(gone, bad, well, well)},
		"of an earlier attempt, by count":   {partlyErased(2, 0, 0, 0), 2, `{"results":[{"status":"Error","errorCode":"E"},{"status":"OK"},{"status":"OK"},{"status":"OK"}]}`, said(bad, well, well, well)},
		"of an earlier attempt, by name":    {partlyErased(2, 0, 0, 0), 2, `{"results":[{"correlationId":"a","status":"Error","errorCode":"E"}]}`, said(bad, well, well, well)},
		"of an earlier attempt, by ordinal": {partlyErased(2, 0, 0, 0), 2, `{"results":[{"ordinal":3,"status":"Error","errorCode":"E"}]}`, said(well, well, well, bad)},
		"of the one that had anything":      {partlyErased(2, 2, 2, 2), 2, `{"results":[{"ordinal":3,"status":"Error","errorCode":"E"}]}`, said(well, well, well, bad)},
		"of a former owner":                 {partlyErased(1, 0, 0, 0), 1, `{"results":[{"status":"Error","errorCode":"Erased"},{"status":"OK"},{"status":"OK"},{"status":"Error","errorCode":"E"}]}`, said(gone, well, well, bad)},
		"a contradiction":                   {partlyErased(1, 0, 0, 0), 1, `{"results":[{"correlationId":"x","status":"OK"}]}`, invalid(`result 0: no object has the correlationId "x"`)},
		"a failure":                         {partlyErased(1, 0, 0, 0), 1, `{"status":"Error","errorCode":"E","message":"m"}`, failed("E", "m")},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, problem := schemas.DecodeAnswer([]byte(tt.answer))
			if problem != nil {
				t.Fatal(problem)
			}
			if got := executor.LateOutcome(a, tt.call, tt.attempt); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("outcome %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestWithheld(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		call *parleyv1.Call
		want bool
	}{
		{partlyErased(0, 0, 0, 0), false},
		{partlyErased(1, 2, 0, 3), false},
		{partlyErased(1, 2, 1, 3), true},
		{&parleyv1.Call{}, false},
	} {
		if got := executor.Withheld(tt.call); got != tt.want {
			t.Errorf("%v: withheld %v, want %v", tt.call.Objects, got, tt.want)
		}
	}
}

// No executor sends an object that has been erased, and each takes the results for those that it sent.
func TestErasedObjectsDoNotGoOut(t *testing.T) {
	t.Parallel()
	type object = conversation.ObjectOutcome
	const objects = `"objects":[{"type":"Row","correlationId":"b"},{"type":"Row","correlationId":"d"}]`
	want := said(object{Withheld: true}, object{}, object{Withheld: true}, object{Failed: true, Code: "E"})
	req := executor.Request{Call: partlyErased(1, 0, 1, 0), Attempt: 1}
	const results = `"results":[{"ordinal":1,"status":"Error","errorCode":"E"}]`
	x := newHTTP(t)
	seen := make(chan seenRequest, 1)
	answering := func(body string) *route.Route {
		return routeTo(serve(t, func(w http.ResponseWriter, r *http.Request) {
			seen <- see(r)
			fmt.Fprint(w, body)
		}))
	}
	sends := func(by, got string) {
		t.Helper()
		if !strings.Contains(got, objects) {
			t.Errorf("%s sends %s, want %s", by, got, objects)
		}
	}
	if got := x.Execute(t.Context(), answering("{"+results+"}"), req); !reflect.DeepEqual(got, want) {
		t.Errorf("http: %+v, want %+v", got, want)
	}
	sends("http", (<-seen).body)
	batched := x.ExecuteBatch(t.Context(), answering(fmt.Sprintf(`{"calls":[{"requestId":%q,%s}]}`, idOf(0), results)), []executor.Request{req})
	if !reflect.DeepEqual(batched, []conversation.Outcome{want}) {
		t.Errorf("batch: %+v, want %+v", batched, want)
	}
	sends("batch", (<-seen).body)
	record, err := executor.KafkaRequest(context.Background(), &route.Route{Executor: route.Executor{Type: route.Kafka, Topic: "t"}}, req)
	if err != nil {
		t.Fatal(err)
	}
	sends("kafka", string(record.Value))
}
