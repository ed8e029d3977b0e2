package inbox

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"parley/internal/relay"
	"parley/internal/route"
	"parley/internal/token"
	"parley/internal/topics"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

const partitions = 4

var now = time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC)

// given is a request id that a tenant chose.
var given = uuid.MustParse("018f4c1e-7c1a-7b5e-9d55-0242ac120002")

func config(t testing.TB) Config {
	t.Helper()
	table, err := route.Parse([]byte(`routes: [{name: rows, match: {objectType: Row}, executor: {type: http, url: "http://127.0.0.1:1"}}]`))
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := token.NewSigner([]byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	return Config{
		Topics:     schemas.TopicsOf("parley"),
		Partitions: partitions,
		Limits:     schemas.DefaultLimits(),
		Routes:     route.NewCurrent(table),
		Tokens:     tokens,
		Now:        func() time.Time { return now },
	}
}

// record is one of parley.in.acme, with headers given as name, value, name, value.
func record(value string, headers ...string) relay.Record {
	r := &kgo.Record{Topic: "parley.in.acme", Partition: 2, Offset: 77, Value: []byte(value)}
	for i := 0; i < len(headers); i += 2 {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: headers[i], Value: []byte(headers[i+1])})
	}
	return relay.Record{Record: r, TopicID: [16]byte{1}}
}

const (
	plain = `{"method":"Create","objects":[{"type":"Row"}]}`
	inC   = `{"method":"Create","objects":[{"type":"Row"}],"options":{"conversationId":"c","sequenceCode":2,"callsInConversation":3}}`
)

// with puts members before those of a JSON object.
func with(members, value string) string { return strings.Replace(value, "{", "{"+members+",", 1) }

func codeOf(p *schemas.Problem) schemas.Code {
	if p == nil {
		return ""
	}
	return p.Code
}

func TestWhatARecordBecomes(t *testing.T) {
	t.Parallel()
	protobuf := marshal(t, &parleyv1.Call{Method: "Create", Objects: []*parleyv1.Object{{Type: "Row"}}})
	c := config(t)
	good := c.Tokens.Sign(token.Token{Partition: 3, RequestID: given, Expires: now.Add(time.Hour)})
	old := c.Tokens.Sign(token.Token{Partition: 3, RequestID: given, Expires: now.Add(-time.Hour)})
	tests := []struct {
		name     string
		record   relay.Record
		rejected schemas.Code
		dead     schemas.Code
	}{
		{name: "JSON", record: record(plain)},
		{name: "JSON that says so", record: record(plain, "content-type", "application/json", "type", "call")},
		{name: "protobuf", record: record(protobuf, "content-type", "application/x-protobuf")},
		{name: "its own account", record: record(with(`"account":"acme"`, plain))},
		{name: "its own request id", record: record(with(`"requestId":"018f4c1e-7c1a-7b5e-9d55-0242ac120002"`, plain))},
		{name: "part", record: record(inC)},
		{name: "answer", record: record(`{"token":"`+good+`"}`, "type", "answer")},
		{name: "cancel", record: record(`{"conversationId":"c"}`, "type", "cancel")},
		{name: "cancel with its own account", record: record(`{"account":"acme","requestId":"`+given.String()+`"}`, "type", "cancel")},

		{name: "another account", record: record(with(`"account":"other"`, plain)), rejected: schemas.InvalidParameter},
		{name: "an account that can be none", record: record(with(`"account":"a/b"`, plain)), rejected: schemas.InvalidParameter},
		{name: "a request id for a part", record: record(with(`"requestId":"018f4c1e-7c1a-7b5e-9d55-0242ac120002"`, inC)), rejected: schemas.InvalidParameter},
		{name: "synchronous", record: record(with(`"options":{"requestType":"Synchronous"}`, plain)), rejected: schemas.InvalidParameter},
		{name: "unknown method", record: record(strings.Replace(plain, "Create", "Make", 1)), rejected: schemas.UnknownMethod},
		{name: "no objects", record: record(`{"method":"Create"}`), rejected: schemas.NoObjects},
		{name: "no route", record: record(strings.Replace(plain, "Row", "Other", 1)), rejected: schemas.RouteNotFound},
		{name: "sequenceCode 0", record: record(strings.Replace(inC, ":2", ":0", 1)), rejected: schemas.SequenceCodeOutOfRange},
		{name: "as long as can be", record: record(padded(schemas.DefaultLimits().CallBytesMax))},
		{name: "longer", record: record(padded(schemas.DefaultLimits().CallBytesMax + 1)), rejected: schemas.TooLarge},
		{name: "as long as can be refused", record: record(padded(4*schemas.DefaultLimits().CallBytesMax - 1000)), rejected: schemas.TooLarge},

		{name: "far longer", record: record(padded(4*schemas.DefaultLimits().CallBytesMax + 1)), dead: schemas.TooLarge},
		{name: "too long to be refused", record: record(padded(4 * schemas.DefaultLimits().CallBytesMax)), dead: schemas.TooLarge},
		{name: "no JSON", record: record("{"), dead: schemas.InvalidBody},
		{name: "nothing", record: record(""), dead: schemas.InvalidBody},
		{name: "JSON said to be protobuf", record: record(plain, "content-type", "application/x-protobuf"), dead: schemas.InvalidBody},
		{name: "another content type", record: record(plain, "content-type", "text/xml"), dead: schemas.InvalidBody},
		{name: "a request id that is none", record: record(with(`"requestId":"7"`, plain)), dead: schemas.InvalidParameter},
		{name: "a conversation id that is too long", record: record(strings.Replace(inC, `"c"`, `"`+strings.Repeat("c", 201)+`"`, 1)), dead: schemas.InvalidParameter},
		{name: "far too many objects", record: record(`{"method":"Create","objects":[` + strings.Repeat("{},", 4000) + `{}]}`), dead: schemas.TooManyObjects},
		{name: "tick", record: record("", "type", "tick"), dead: schemas.InvalidBody},
		{name: "resubmit", record: record(`{"conversationId":"c","as":"d"}`, "type", "resubmit"), dead: schemas.InvalidBody},
		{name: "cancel for another", record: record(`{"account":"other","conversationId":"c"}`, "type", "cancel"), dead: schemas.InvalidParameter},
		{name: "cancel of nothing", record: record(`{}`, "type", "cancel"), dead: schemas.ConversationIDRequired},
		{name: "forged token", record: record(`{"token":"x"}`, "type", "answer"), dead: schemas.Forbidden},
		{name: "no token", record: record(`{}`, "type", "answer"), dead: schemas.Forbidden},
		{name: "expired token", record: record(`{"token":"`+old+`"}`, "type", "answer"), dead: schemas.CodeExpired},
		{name: "no answer", record: record(`{"token":"`+good+`","status":"OK"}`, "type", "answer"), dead: schemas.InvalidBody},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			made := c.forward(tt.record)
			if codeOf(made.Dead) != tt.dead {
				t.Fatalf("dead is %v, want %q", made.Dead, tt.dead)
			}
			if tt.dead != "" {
				return
			}
			became := becameForwarded
			if tt.rejected != "" {
				became = becameRejected
			}
			if got := header(made.Record, schemas.HeaderRefusedCode); got != string(tt.rejected) || made.Became != became {
				t.Errorf("%s, refused with %q, %q; want %s, %q", made.Became, got, header(made.Record, schemas.HeaderRefusedDetail), became, tt.rejected)
			}
			if !strings.HasPrefix(string(made.Record.Key), "acme/") || made.Record.Topic != "parley.calls" {
				t.Errorf("it goes to %s with the key %s", made.Record.Topic, made.Record.Key)
			}
		})
	}
}

// padded is a call of so many bytes.
func padded(n int) string {
	const frame = `{"method":"Create","objects":[{"type":"Row","properties":{"a":""}}]}`
	return strings.Replace(frame, `""`, `"`+strings.Repeat("x", n-len(frame))+`"`, 1)
}

func marshal(t testing.TB, call *parleyv1.Call) string {
	t.Helper()
	value, err := proto.Marshal(call)
	if err != nil {
		t.Fatal(err)
	}
	return string(value)
}

func TestIdentityOfACall(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256([]byte(inC))
	elsewhere := record(plain)
	elsewhere.Topic = "parley.in.other"
	anew := record(plain)
	anew.TopicID = [16]byte{2}
	own := with(`"requestId":"018F4C1E-7C1A-7B5E-9D55-0242AC120002"`, plain)
	tests := []struct {
		name   string
		record relay.Record
		key    string
		want   schemas.RequestID
	}{
		{"by its place", record(plain), "", schemas.InboxRequestID("acme", [16]byte{1}, 2, 77)},
		{"by its place in another topic", elsewhere, "", schemas.InboxRequestID("other", [16]byte{1}, 2, 77)},
		{"by its place in a topic that was made anew", anew, "", schemas.InboxRequestID("acme", [16]byte{2}, 2, 77)},
		{"by what the tenant calls it", record(own), "", schemas.KeyedRequestID("acme", given.String(), 0)},
		{"part: by what was received", record(inC), "acme/c", schemas.PartRequestID("acme", "c", 2, sum[:], topics.Partition("acme/c", partitions))},
	}
	seen := make(map[schemas.RequestID]string)
	c := config(t)
	for _, tt := range tests {
		made := c.forward(tt.record)
		if made.Dead != nil {
			t.Fatalf("%s: %v", tt.name, made.Dead)
		}
		call := called(t, made.Record)
		received := sha256.Sum256(tt.record.Value)
		if call.RequestId != tt.want.String() || string(call.Digest) != string(received[:]) {
			t.Errorf("%s: id %s, digest %x; want %s, %x", tt.name, call.RequestId, call.Digest, tt.want, received)
		}
		key := tt.key
		if key == "" {
			key = call.Account + "/" + call.RequestId
		}
		if string(made.Record.Key) != key || made.Record.Partition != topics.Partition(key, partitions) {
			t.Errorf("%s: key %s on partition %d, want %s on %d", tt.name, made.Record.Key, made.Record.Partition, key, topics.Partition(key, partitions))
		}
		if other, twice := seen[tt.want]; twice {
			t.Errorf("%s has the id of %s", tt.name, other)
		}
		seen[tt.want] = tt.name
	}
}

func called(t testing.TB, r *kgo.Record) *parleyv1.Call {
	t.Helper()
	call := new(parleyv1.Call)
	if err := proto.Unmarshal(r.Value, call); err != nil {
		t.Fatal(err)
	}
	return call
}

// What a tenant writes into headers means nothing behind its topic, but for the trace.
func TestHeadersOfTenantsStayBehind(t *testing.T) {
	t.Parallel()
	c := config(t)
	made := c.forward(record(plain, "continues", "c", "first-appended-ms", "1", "forwarded-from", "1", "refused-code", "X", "account", "other", "traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate", "s=1", "mine", "m"))
	if made.Dead != nil {
		t.Fatal(made.Dead)
	}
	var got []string
	for _, h := range made.Record.Headers {
		got = append(got, fmt.Sprintf("%s=%s", h.Key, h.Value))
	}
	if want := "content-type=application/x-protobuf traceparent=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 tracestate=s=1"; strings.Join(got, " ") != want {
		t.Errorf("headers %v, want %s", got, want)
	}
}

func TestCommands(t *testing.T) {
	t.Parallel()
	c := config(t)
	good := c.Tokens.Sign(token.Token{Partition: 3, RequestID: given, Expires: now.Add(time.Hour)})
	at := topics.Partition("acme/c", partitions)
	tests := []struct {
		record relay.Record
		want   string
	}{
		{
			record(`{"token":"`+good+`","processed":1}`, "type", "answer"),
			fmt.Sprintf(`3 acme/%s type=answer content-type=application/json account=acme {"token":"%s","processed":1}`, given, good),
		},
		{
			record(`{ "conversationId" : "c" }`, "type", "cancel"),
			fmt.Sprintf(`%d acme/c type=cancel content-type=application/json {"account":"acme","conversationId":"c"}`, at),
		},
	}
	for _, tt := range tests {
		made := c.forward(tt.record)
		if made.Dead != nil {
			t.Fatal(made.Dead)
		}
		var b strings.Builder
		fmt.Fprintf(&b, "%d %s ", made.Record.Partition, made.Record.Key)
		for _, h := range made.Record.Headers {
			fmt.Fprintf(&b, "%s=%s ", h.Key, h.Value)
		}
		b.Write(made.Record.Value)
		if b.String() != tt.want {
			t.Errorf("got  %s\nwant %s", b.String(), tt.want)
		}
	}
}

// FuzzForward holds of any record: it becomes one thing, and never a call of another account.
func FuzzForward(f *testing.F) {
	f.Add([]byte(plain), "", "")
	f.Add([]byte(with(`"account":"other"`, inC)), "application/json", "call")
	f.Add([]byte("\x0a\x05other\x1a\x06Create\x2a\x05\x0a\x03Row"), "application/x-protobuf", "")
	f.Add([]byte(`{"account":"acme","conversationId":"c"}`), "", "cancel")
	f.Add([]byte(`{"token":"x"}`), "", "answer")
	c := config(f)
	f.Fuzz(func(t *testing.T, value []byte, contentType, kind string) {
		made := c.forward(record(string(value), "content-type", contentType, "type", kind))
		if (made.Record == nil) == (made.Dead == nil) {
			t.Fatalf("it becomes %+v", made)
		}
		if made.Record == nil {
			return
		}
		if made.Record.Partition < 0 || made.Record.Partition >= partitions || !strings.HasPrefix(string(made.Record.Key), "acme/") {
			t.Errorf("it goes to partition %d with the key %q", made.Record.Partition, made.Record.Key)
		}
		if header(made.Record, schemas.HeaderType) == "" && called(t, made.Record).Account != "acme" {
			t.Errorf("it is a call of another account: %+v", made.Record)
		}
	})
}

// BenchmarkForward makes the record of a part of about 500 bytes.
func BenchmarkForward(b *testing.B) {
	c := config(b)
	r := record(strings.Replace(inC, `"type"`, `"properties":{"a":"`+strings.Repeat("x", 360)+`"},"type"`, 1))
	b.SetBytes(int64(len(r.Value)))
	b.ReportAllocs()
	for b.Loop() {
		if made := c.forward(r); made.Dead != nil {
			b.Fatal(made.Dead)
		}
	}
}
