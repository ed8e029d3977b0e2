package query

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// ended is a conversation of one call which ended as both say; name is empty for a call without a ConversationID.
func ended(t *testing.T, sequence int64, name string, at int64, call *parleyv1.CallEvent, status schemas.ConversationStatus) []*parleyv1.ResultEvent {
	t.Helper()
	call.RequestId, call.ConversationId, call.SequenceCode, call.CallsInConversation = newID(t).String(), name, 1, 1
	call.AcceptedAtMs, call.CompletedAtMs = at, at
	end := &parleyv1.ConversationEvent{
		ConversationId: name, Status: string(status), CallsInConversation: 1, Received: 1, Processed: 1, AcceptedAtMs: at, CompletedAtMs: at,
	}
	if name == "" {
		end.RequestId = call.RequestId
	}
	if status == schemas.ConversationError {
		end.ErrorCode, end.Errors = string(schemas.CallFailed), 1
	}
	return []*parleyv1.ResultEvent{callEvent(sequence, call), conversationEvent(sequence+1, end)}
}

func failedCall(route, code string) *parleyv1.CallEvent {
	return &parleyv1.CallEvent{Status: "HasErrors", Route: route, Results: []*parleyv1.ObjectResult{{Status: "OK"}, {Status: "Error", ErrorCode: code}}}
}

// The chain of a resubmission is one row for each conversation, whatever was written of it.
func TestResubmittedConversation(t *testing.T) {
	t.Parallel()
	const at = 1_790_000_000_000
	events := ended(t, 1, "order-1", at, failedCall("crm", "X"), schemas.ConversationError)
	again := &parleyv1.ConversationEvent{
		ConversationId: "order-1", Status: "Error", ErrorCode: "CallFailed", CallsInConversation: 1, Received: 1, Processed: 1, Errors: 1,
		AcceptedAtMs: at, CompletedAtMs: at, ContinuedBy: "order-1~2",
	}
	second := &parleyv1.ConversationEvent{
		ConversationId: "order-1~2", Status: "Complete", CallsInConversation: 1, Received: 1, Processed: 1, AcceptedAtMs: at, CompletedAtMs: at, Continues: "order-1",
	}
	q := stored(t, append(events, conversationEvent(3, again), conversationEvent(4, second))...)

	var rows uint64
	if err := q.conn.QueryRow(t.Context(), "SELECT count() FROM conversations").Scan(&rows); err != nil || rows != 2 {
		t.Errorf("%d conversations, %v, want 2", rows, err)
	}
	if err := q.conn.QueryRow(t.Context(), "SELECT count() FROM conversations WHERE conversation_id = 'order-1' AND continued_by = ''").Scan(&rows); err != nil || rows != 0 {
		t.Errorf("%d rows say that order-1 is not continued, %v", rows, err)
	}
	if err := q.conn.QueryRow(t.Context(), "SELECT count() FROM results").Scan(&rows); err != nil || rows != 2 {
		t.Errorf("%d results, %v, want 2", rows, err)
	}
	first, err := q.Conversation(t.Context(), schemas.ConversationQuery{Account: "acc", ID: "order-1"})
	if err != nil || first.Continues != nil || first.ContinuedBy == nil || *first.ContinuedBy != "order-1~2" || len(first.Calls) != 1 {
		t.Errorf("the first is %+v, %v, want it continued", first, err)
	}
	next, err := q.Conversation(t.Context(), schemas.ConversationQuery{Account: "acc", ID: "order-1~2"})
	if err != nil || next.ContinuedBy != nil || next.Continues == nil || *next.Continues != "order-1" {
		t.Errorf("the next is %+v, %v, want it to continue", next, err)
	}
	if got := failedNames(t, q, schemas.FailedQuery{From: time.UnixMilli(0), To: time.UnixMilli(at + 1), Limit: 10}); len(got) > 0 {
		t.Errorf("failed: %q, want none: it was resubmitted", got)
	}
}

func failedNames(t *testing.T, q *Query, ask schemas.FailedQuery) []string {
	t.Helper()
	if ask.Account == "" {
		ask.Account = "acc"
	}
	found, err := q.Failed(t.Context(), ask)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range found {
		names = append(names, c.ConversationID)
	}
	return names
}

func TestFailed(t *testing.T) {
	t.Parallel()
	const at = 1_790_000_000_000
	var events []*parleyv1.ResultEvent
	add := func(name string, ms int64, call *parleyv1.CallEvent, status schemas.ConversationStatus) {
		events = append(events, ended(t, int64(len(events)+1), name, ms, call, status)...)
	}
	add("crm-x", at+3, failedCall("crm", "X"), schemas.ConversationError)
	add("crm-y", at+2, failedCall("crm", "Y"), schemas.ConversationError)
	add("mail-x", at+1, failedCall("mail", "X"), schemas.ConversationError)
	add("fine", at+1, failedCall("crm", "X"), schemas.ConversationComplete) // failOn was Never
	add("", at+4, failedCall("crm", "X"), schemas.ConversationError)
	// A call before the one that failed took another route, and had an error that did not fail the conversation.
	earlier := failedCall("mail", "Z")
	earlier.RequestId, earlier.ConversationId, earlier.SequenceCode = newID(t).String(), "crm-y", 2
	earlier.AcceptedAtMs, earlier.CompletedAtMs = at, at+1
	events = append(events, callEvent(1_000, earlier))
	q := stored(t, events...)
	alone := events[8].GetCall().RequestId

	whole := schemas.FailedQuery{From: time.UnixMilli(at), To: time.UnixMilli(at + 10), Limit: 10}
	for _, tt := range []struct {
		name   string
		change func(*schemas.FailedQuery)
		want   []string
	}{
		{"all", func(*schemas.FailedQuery) {}, []string{"mail-x", "crm-y", "crm-x", alone}},
		{"the first two", func(ask *schemas.FailedQuery) { ask.Limit = 2 }, []string{"mail-x", "crm-y"}},
		{"by route", func(ask *schemas.FailedQuery) { ask.Route = "crm" }, []string{"crm-y", "crm-x", alone}},
		{"by code", func(ask *schemas.FailedQuery) { ask.Code = "X" }, []string{"mail-x", "crm-x", alone}},
		{"by the code of the conversation", func(ask *schemas.FailedQuery) { ask.Code = schemas.CallFailed }, []string{"mail-x", "crm-y", "crm-x", alone}},
		{"by code and route", func(ask *schemas.FailedQuery) { ask.Code, ask.Route = "X", "mail" }, []string{"mail-x"}},
		{"by an error that did not fail it", func(ask *schemas.FailedQuery) { ask.Code = "Z" }, nil},
		{"by a route that did not fail", func(ask *schemas.FailedQuery) { ask.Code, ask.Route = "Y", "mail" }, nil},
		{"from inclusive, to exclusive", func(ask *schemas.FailedQuery) { ask.From, ask.To = time.UnixMilli(at+2), time.UnixMilli(at+3) }, []string{"crm-y"}},
		{"of another account", func(ask *schemas.FailedQuery) { ask.Account = "other" }, nil},
	} {
		ask := whole
		tt.change(&ask)
		if got := failedNames(t, q, ask); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// What is recorded under another request id is found by its place; of an open conversation, the calls that have ended.
func TestCallsByPlace(t *testing.T) {
	t.Parallel()
	const at = 1_790_000_000_000
	part := func(sequence int64, k int32, status string) *parleyv1.ResultEvent {
		return callEvent(sequence, &parleyv1.CallEvent{
			RequestId: newID(t).String(), ConversationId: "open", SequenceCode: k, CallsInConversation: 3, Status: status, AcceptedAtMs: at, CompletedAtMs: at,
			Results: []*parleyv1.ObjectResult{{Status: status}},
		})
	}
	first, second, refused := part(1, 1, "OK"), part(2, 2, "OK"), part(3, 2, "Rejected")
	alone := ended(t, 4, "", at, &parleyv1.CallEvent{Status: "OK"}, schemas.ConversationComplete)
	q := stored(t, append(alone, first, second, refused)...)

	id := uuid.MustParse(alone[0].GetCall().RequestId)
	for _, tt := range []struct {
		ask  schemas.RequestQuery
		want *parleyv1.ResultEvent
	}{
		{schemas.RequestQuery{Account: "acc", ID: newID(t), Part: &schemas.Part{ConversationID: "open", SequenceCode: 2}}, second},
		{schemas.RequestQuery{Account: "acc", ID: id, Part: &schemas.Part{SequenceCode: 1}}, alone[0]},
	} {
		got, err := q.Request(t.Context(), tt.ask)
		if err != nil {
			t.Errorf("%+v: %v", tt.ask.Part, err)
			continue
		}
		equalJSON(t, "call", got, schemas.CallResourceOf(tt.want))
	}
	for _, tt := range []struct {
		id    string
		after int32
		want  []schemas.CallResource
	}{
		{"open", 0, []schemas.CallResource{schemas.CallResourceOf(first), schemas.CallResourceOf(second)}},
		{"open", 1, []schemas.CallResource{schemas.CallResourceOf(second)}},
		{"open", 2, []schemas.CallResource{}},
		{id.String(), 0, []schemas.CallResource{schemas.CallResourceOf(alone[0])}},
		{"never", 0, []schemas.CallResource{}},
	} {
		got, err := q.Calls(t.Context(), schemas.ConversationQuery{Account: "acc", ID: tt.id, After: tt.after})
		if err != nil {
			t.Errorf("%s behind %d: %v", tt.id, tt.after, err)
			continue
		}
		equalJSON(t, tt.id, got, tt.want)
	}
}
