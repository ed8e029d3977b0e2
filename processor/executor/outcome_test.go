package executor_test

import (
	"reflect"
	"strings"
	"testing"

	"parley/processor/conversation"
	"parley/processor/executor"
	"parley/schemas"
)

// A late answer means what the same answer at once would have meant.
func TestOutcomeOfALateAnswer(t *testing.T) {
	t.Parallel()
	type object = conversation.ObjectOutcome
	tests := map[string]struct {
		answer string
		want   conversation.Outcome
	}{
		"nothing to say": {`{"results":[]}`, said(object{}, object{}, object{})},
		"results":        {`{"results":[{"correlationId":"c","status":"Error","errorCode":"E"}]}`, said(object{}, object{}, object{Failed: true, Code: "E"})},
		"failure":        {`{"status":"Error","errorCode":"E","message":"m"}`, failed("E", "m")},
		"contradiction":  {`{"results":[{"correlationId":"c","ordinal":0,"status":"OK"}]}`, invalid("result 0: object 0 has another correlationId")},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, problem := schemas.DecodeAnswer([]byte(tt.answer))
			if problem != nil {
				t.Fatal(problem)
			}
			if got := executor.Outcome(a, request().Call); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("outcome %+v, want %+v", got, tt.want)
			}
		})
	}
}

// No text reaches an event that it cannot hold, whoever made the answer.
func TestOutcomeCanBeRecorded(t *testing.T) {
	t.Parallel()
	hostile := strings.Repeat("\xff\xc3", 2_000)
	results := []schemas.AnswerResult{
		{Status: schemas.Error, ErrorCode: schemas.Code(hostile), Message: hostile},
		{Status: schemas.Error, ErrorCode: schemas.Code(hostile), Message: hostile},
		{Status: schemas.Error, ErrorCode: schemas.Code(hostile), Message: hostile},
	}
	for _, a := range []*schemas.Answer{
		{Results: results},
		{Failed: true, Code: schemas.Code(hostile), Message: hostile},
		{Results: []schemas.AnswerResult{{Status: schemas.ResultStatus(hostile)}}},
		{Results: []schemas.AnswerResult{{Status: schemas.OK, CorrelationID: hostile}}},
	} {
		o := executor.Outcome(a, request().Call)
		texts := map[string]int{string(o.Code): 200, o.Message: 2_000}
		for _, r := range o.Results {
			texts[string(r.Code)], texts[r.Message] = 200, 2_000
		}
		for s, bytesMax := range texts {
			if strings.ToValidUTF8(s, "") != s || len(s) > bytesMax {
				t.Errorf("%.20q… has %d bytes, of at most %d", s, len(s), bytesMax)
			}
		}
	}
}
