package schemas_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// callEvent is the end of a call with so many results, whose messages have so many bytes.
func callEvent(results, bytes int) *parleyv1.ResultEvent {
	c := &parleyv1.CallEvent{
		RequestId: "018f4c1e-7c1a-7b5e-9d55-0242ac120002", ConversationId: "order <1> \"\u2028é", SequenceCode: 2, CallsInConversation: 3,
		Method: "Create", Status: string(schemas.HasErrors), ErrorCode: string(schemas.PartTimeout), Message: "line\nbreak & \\",
		Attempts: 2, AcceptedAtMs: 1_796_112_000_001, StartedAtMs: 1_796_112_000_020, CompletedAtMs: 1_796_112_000_300,
	}
	for i := range results {
		c.Results = append(c.Results, &parleyv1.ObjectResult{ObjectType: "Row", CorrelationId: fmt.Sprint(i), Status: string(schemas.OK), Message: strings.Repeat("x", bytes)})
	}
	return &parleyv1.ResultEvent{Account: "acme", Partition: 3, Sequence: 1041, Event: &parleyv1.ResultEvent_Call{Call: c}}
}

func queued(t *testing.T, kind string, e *parleyv1.ResultEvent) schemas.QueuedTransaction {
	t.Helper()
	transaction, err := schemas.TransactionOf(kind, e)
	if err != nil {
		t.Fatal(err)
	}
	q, err := transaction.Queued()
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// What lies in a queue says all that the transaction says, and what is handed out is the same with its id.
func TestQueuedTransaction(t *testing.T) {
	t.Parallel()
	conversation := &parleyv1.ResultEvent{Account: "acme", Partition: 3, Sequence: 7, Event: &parleyv1.ResultEvent_Conversation{Conversation: &parleyv1.ConversationEvent{
		ConversationId: "story", Status: string(schemas.ConversationError), ErrorCode: string(schemas.PartTimeout), CallsInConversation: 3, Received: 2, CompletedAtMs: 1_796_112_000_300,
	}}}
	for name, q := range map[string]schemas.QueuedTransaction{
		"a call":             queued(t, schemas.EventCallCompleted, callEvent(3, 10)),
		"one without":        queued(t, schemas.EventCallFailed, callEvent(0, 0)),
		"one that is cut":    queued(t, schemas.EventCallCompleted, callEvent(500, 200)),
		"of many characters": queued(t, schemas.EventCallCompleted, callEvent(1, 100_000)),
		"a conversation":     queued(t, schemas.EventConversationFailed, conversation),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			read, err := q.Transaction(87241)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := read.Queued(); err != nil || !bytes.Equal(again, q) {
				t.Errorf("%v: it is read as\n%s\nwant\n%s", err, again, q)
			}
			text, err := q.AppendJSON([]byte("before "), 87241)
			if want := `before {"transactionId":87241,` + string(q[1:]); err != nil || string(text) != want {
				t.Errorf("%v: handed out as\n%s\nwant\n%s", err, text, want)
			}
			if read.ID != 87241 || !json.Valid(q) {
				t.Errorf("%d, %s", read.ID, q)
			}
		})
	}
}

// What is around the results may be long, too, where each byte is escaped: there is a bound all the same.
func TestQueuedTransactionHasAnEnd(t *testing.T) {
	t.Parallel()
	e := callEvent(1, schemas.TransactionResultsMax/2)
	c := e.GetCall()
	c.Message, c.ConversationId, c.Results[0].Message = strings.Repeat("\x01", 2_000), strings.Repeat("\x01", 1_000), strings.Repeat("x", schemas.TransactionResultsMax-1_000)
	q := queued(t, schemas.EventCallCompleted, e)
	if len(q) > schemas.QueuedBytesMax {
		t.Errorf("%d bytes", len(q))
	}
	if read, err := q.Transaction(1); err != nil || len(read.Call.Results) != 0 || !read.Truncated || read.Link == "" || read.Call.Message != c.Message {
		t.Errorf("%+v, %v", read, err)
	}
}

// As many results are there as fit, and not one less.
func TestQueuedTransactionIsCut(t *testing.T) {
	t.Parallel()
	const one = len(`,"results":[{"ordinal":0,"correlationId":"0","objectType":"Row","customerKey":"","status":"OK","errorCode":"","message":""}]`)
	for name, tt := range map[string]struct {
		results, bytes int
		want           int
	}{
		"none too many":     {2, schemas.TransactionResultsMax/2 - one, 2},
		"one byte too many": {2, schemas.TransactionResultsMax/2 - one + 1, 1},
		"one too long":      {1, schemas.TransactionResultsMax, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			read, err := queued(t, schemas.EventCallCompleted, callEvent(tt.results, tt.bytes)).Transaction(1)
			if err != nil {
				t.Fatal(err)
			}
			cut := tt.want < tt.results
			if got := len(read.Call.Results); got != tt.want || read.Truncated != cut || read.Call.Total != tt.results {
				t.Errorf("%d results of %d, truncated %t; want %d", got, read.Call.Total, read.Truncated, tt.want)
			}
			if (read.Link == "/v1/requests/018f4c1e-7c1a-7b5e-9d55-0242ac120002") != cut {
				t.Errorf("link %q", read.Link)
			}
		})
	}
}

func TestWhatIsNoQueuedTransaction(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "x", "{}", "null", `{"sequence":"3-1041"}`} {
		if got, err := schemas.QueuedTransaction(text).AppendJSON(nil, 1); err == nil {
			t.Errorf("%q is handed out as %s", text, got)
		}
	}
	for _, text := range []string{"", "x", `{"type":`, `{"type":1}`} {
		if got, err := schemas.QueuedTransaction(text).Transaction(1); err == nil {
			t.Errorf("%q is read as %+v", text, got)
		}
	}
	if got, err := schemas.TransactionOf(schemas.EventCallCompleted, &parleyv1.ResultEvent{}); err == nil {
		t.Errorf("an event of nothing is %+v", got)
	}
}
