package ess

import (
	"bytes"
	"encoding/xml"
	"testing"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// What is written in a faster way when nothing is special is what encoding/xml writes.
func FuzzEscape(f *testing.F) {
	for _, text := range []string{"", "plain text", `<a b="c">&'d'</a>`, "line\r\n\ttab", "é\u2028\uFFFE", "\x00\x7f\xff"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var want bytes.Buffer
		if err := xml.EscapeText(&want, []byte(text)); err != nil {
			t.Fatal(err)
		}
		w := writer{b: []byte("before ")}
		if w.escape(text); string(w.b) != "before "+want.String() {
			t.Errorf("%q, want %q", w.b, want.String())
		}
	})
}

// BenchmarkAppend makes the XML of a call of one object.
//
//	go test ./ingest/ess -run - -bench Append
func BenchmarkAppend(b *testing.B) {
	e := &parleyv1.ResultEvent{Account: "acme", Partition: 1, Sequence: 1041, Event: &parleyv1.ResultEvent_Call{Call: &parleyv1.CallEvent{
		RequestId: "018f4c1e-7c1a-7b5e-9d55-0242ac120002", ConversationId: "order-1234", SequenceCode: 1, CallsInConversation: 3, Method: "Create",
		Status: string(schemas.OK), Attempts: 1, AcceptedAtMs: 1_796_112_000_000, StartedAtMs: 1_796_112_000_010, CompletedAtMs: 1_796_112_000_020,
		Results: []*parleyv1.ObjectResult{{CorrelationId: "a", ObjectType: "DataExtensionObject", CustomerKey: "row-1", Status: string(schemas.OK)}},
	}}}
	t, err := schemas.TransactionOf(schemas.EventCallCompleted, e)
	if err != nil {
		b.Fatal(err)
	}
	q, err := t.Queued()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var text []byte
	for b.Loop() {
		if text, err = Append(q, text[:0], 1001); err != nil {
			b.Fatal(err)
		}
	}
}
