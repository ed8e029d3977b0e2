package processor

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/proto"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// The headers of a record say which trace its call belongs to; else the call itself does. It is no part of what the call
// is: that of a resend may be another.
func TestTraceOfARecord(t *testing.T) {
	t.Parallel()
	const (
		value = inC
		one   = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
		other = "00-4bf92f3577b34da6a3ce929d0e0e4737-00f067aa0ba902b7-00"
	)
	call, p := schemas.DecodeCall([]byte(value))
	if p != nil {
		t.Fatal(p)
	}
	call.Digest = bytes.Repeat([]byte{7}, 32)
	encoded := func(traceparent, tracestate string) string {
		c, ok := proto.Clone(call).(*parleyv1.Call)
		if !ok {
			t.Fatal("a clone of another type")
		}
		c.Traceparent, c.Tracestate = traceparent, tracestate
		b, err := proto.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	c := recordConfig()
	same := make(map[string]received)
	for _, tt := range []struct {
		name, value         string
		headers             []string
		wantParent, wantOwn string
	}{
		{name: "none", value: value},
		{name: "of JSON", value: value, headers: []string{"traceparent", one, "tracestate", "a=1"}, wantParent: one, wantOwn: "a=1"},
		{name: "not valid", value: value, headers: []string{"traceparent", "00-1-2-01", "tracestate", "a=1"}},
		{name: "of protobuf", value: encoded("", ""), headers: []string{"traceparent", one}, wantParent: one},
		{name: "the value's own", value: encoded(one, "a=1"), wantParent: one, wantOwn: "a=1"},
		{name: "the value's own, not valid", value: encoded("x", "a=1")},
		{name: "both", value: encoded(one, "a=1"), headers: []string{"traceparent", other}, wantParent: other},
		{name: "both, the header is not valid", value: encoded(one, "a=1"), headers: []string{"traceparent", "x"}, wantParent: one, wantOwn: "a=1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			headers, kind := tt.headers, schemas.ContentJSON
			if tt.value != value {
				kind = schemas.ContentProtobuf
			}
			in := c.decode(record(tt.value, append([]string{schemas.HeaderContentType, kind}, headers...)...))
			if in.dead != nil || in.problem != nil {
				t.Fatal(in.dead, in.problem)
			}
			if in.call.Traceparent != tt.wantParent || in.call.Tracestate != tt.wantOwn {
				t.Errorf("the call is in %q, %q; want %q, %q", in.call.Traceparent, in.call.Tracestate, tt.wantParent, tt.wantOwn)
			}
			first, ok := same[kind]
			if !ok {
				same[kind], first = in, in
			}
			if in.part.RequestID != first.part.RequestID || in.part.Content != first.part.Content || !bytes.Equal(in.call.Digest, first.call.Digest) {
				t.Errorf("request id %s, content %d, digest %x; in another trace %s, %d, %x",
					in.part.RequestID, in.part.Content, in.call.Digest, first.part.RequestID, first.part.Content, first.call.Digest)
			}
		})
	}
}
