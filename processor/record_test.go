package processor

import (
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"parley/internal/route"
	"parley/internal/topics"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

func recordConfig() *Config {
	return &Config{Partitions: 8, Limits: schemas.DefaultLimits(), Routes: route.NewCurrent(route.Default("http://127.0.0.1:1/"))}
}

// record is one of partition 5, offset 77, with headers given as name, value, name, value.
func record(value string, headers ...string) *kgo.Record {
	r := &kgo.Record{Topic: "parley.calls", Partition: 5, Offset: 77, Timestamp: time.UnixMilli(1_800_000_000_000).UTC(), Value: []byte(value)}
	for i := 0; i < len(headers); i += 2 {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: headers[i], Value: []byte(headers[i+1])})
	}
	return r
}

const (
	plain = `{"account":"acme","method":"Create","objects":[{"type":"Row"}]}`
	inC   = `{"account":"acme","method":"Create","objects":[{"type":"Row"}],"options":{"conversationId":"c","sequenceCode":2,"callsInConversation":3}}`
)

func TestWhatARecordMeans(t *testing.T) {
	t.Parallel()
	protobuf, err := proto.Marshal(&parleyv1.Call{Account: "acme", Method: "Create", Objects: []*parleyv1.Object{{Type: "Row"}}})
	if err != nil {
		t.Fatal(err)
	}
	tick := &kgo.Record{Headers: []kgo.RecordHeader{{Key: "type", Value: []byte("tick")}}}
	tests := []struct {
		name    string
		record  *kgo.Record
		tick    bool
		dead    schemas.Code // the record goes to parley.dead
		problem schemas.Code // the call is Rejected
	}{
		{name: "JSON by default", record: record(plain)},
		{name: "JSON", record: record(plain, "content-type", "application/json", "type", "call")},
		{name: "protobuf", record: record(string(protobuf), "content-type", "application/x-protobuf")},
		{name: "headers that it does not know", record: record(plain, "traceparent", "00-1-2-01")},
		{name: "tick", record: tick, tick: true},
		{name: "tick with a value", record: record("x", "type", "tick"), tick: true},

		{name: "another content type", record: record(plain, "content-type", "text/xml"), dead: schemas.InvalidBody},
		{name: "another type", record: record(plain, "type", "cancel"), dead: schemas.InvalidBody},
		{name: "JSON said to be protobuf", record: record(plain, "content-type", "application/x-protobuf"), dead: schemas.InvalidBody},
		{name: "protobuf said to be JSON", record: record(string(protobuf)), dead: schemas.InvalidBody},
		{name: "protobuf with a text that is none", record: record("\x0a\x01\xff", "content-type", "application/x-protobuf"), dead: schemas.InvalidBody},
		{name: "no value", record: record(""), dead: schemas.InvalidBody},
		{name: "null", record: record("null"), dead: schemas.InvalidBody},
		{name: "an array", record: record("[" + plain + "]"), dead: schemas.InvalidBody},
		{name: "a member that is unknown", record: record(strings.Replace(plain, "method", "Method", 1)), dead: schemas.InvalidBody},
		{name: "no account", record: record(strings.Replace(plain, `"account":"acme",`, "", 1)), dead: schemas.InvalidParameter},
		{name: "an account that can be none", record: record(strings.Replace(plain, "acme", "a/b", 1)), dead: schemas.InvalidParameter},
		{name: "a request id that is none", record: record(strings.Replace(plain, `{`, `{"requestId":"7",`, 1)), dead: schemas.InvalidParameter},

		{name: "unknown method", record: record(strings.Replace(plain, "Create", "Make", 1)), problem: schemas.UnknownMethod},
		{name: "no objects", record: record(strings.Replace(plain, `{"type":"Row"}`, "", 1)), problem: schemas.NoObjects},
		{name: "sequenceCode 0", record: record(strings.Replace(inC, ":2", ":0", 1)), problem: schemas.SequenceCodeOutOfRange},
		{name: "no sequenceCode", record: record(strings.Replace(inC, `"sequenceCode":2,`, "", 1)), problem: schemas.SequenceCodeRequired},
		{name: "an empty conversationId", record: record(strings.Replace(inC, `"c"`, `""`, 1)), problem: schemas.ConversationIDRequired},
		{name: "to be told by email", record: record(strings.Replace(inC, `"options":{`, `"options":{"sendResponseTo":[{"responseType":"email","responseAddress":"user@example.com"}],`, 1)), problem: schemas.InvalidParameter},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := recordConfig().decode(tt.record)
			if in.tick != tt.tick || codeOf(in.dead) != tt.dead || codeOf(in.problem) != tt.problem {
				t.Errorf("tick %t, dead %v, problem %v, want %t, %q, %q", in.tick, in.dead, in.problem, tt.tick, tt.dead, tt.problem)
			}
			if good := !tt.tick && tt.dead == "" && tt.problem == ""; good != (in.part.Content != 0 && in.part.Message != nil) {
				t.Errorf("content %d and the call %v are kept", in.part.Content, in.part.Message)
			}
		})
	}
}

func codeOf(p *schemas.Problem) schemas.Code {
	if p == nil {
		return ""
	}
	return p.Code
}

// TestMarkerOfATransactionIsATick gives a control record as the client does: its bytes are none of ours.
func TestMarkerOfATransactionIsATick(t *testing.T) {
	t.Parallel()
	r := record("\x00\x00\x00\x00\x00\x01", "type", "call")
	r.Attrs = kgo.NewRecordAttrs(kgo.RecordAttrsOpts{Transactional: true, Control: true})
	if in := recordConfig().decode(r); !in.tick || in.dead != nil || in.call != nil {
		t.Errorf("a marker means %+v, want a tick", in)
	}
}

func TestIdentityOfACall(t *testing.T) {
	t.Parallel()
	const partitions = 8
	sum := sha256.Sum256([]byte(inC))
	homeOfC := topics.Partition("acme/c", partitions)
	random := uuid.MustParse("018f4c1e-7c1a-7b5e-9d55-0242ac120002")
	named := schemas.LogRequestID("acme", 3, 1)
	beyond := schemas.LogRequestID("acme", partitions+1, 1)
	with := func(id string, call string) *kgo.Record {
		return record(strings.Replace(call, "{", `{"requestId":"`+id+`",`, 1))
	}
	tests := []struct {
		name   string
		record *kgo.Record
		id     schemas.RequestID
		home   int32
		key    schemas.ConversationKey
	}{
		{
			"neither id nor conversation: its place in the log", record(plain),
			schemas.LogRequestID("acme", 5, 77), 5, schemas.NewConversationKey("acme", "", schemas.LogRequestID("acme", 5, 77)),
		},
		{"an id of its own: by the key", with(random.String(), plain), random, topics.Partition("acme/"+random.String(), partitions), schemas.NewConversationKey("acme", "", random)},
		{"in upper case: the same id", with(strings.ToUpper(random.String()), plain), random, topics.Partition("acme/"+random.String(), partitions), schemas.NewConversationKey("acme", "", random)},
		{"an id that names its partition", with(named.String(), plain), named, 3, schemas.NewConversationKey("acme", "", named)},
		{"one that is not there: by the key", with(beyond.String(), plain), beyond, topics.Partition("acme/"+beyond.String(), partitions), schemas.NewConversationKey("acme", "", beyond)},
		{"part: of what was received", record(inC), schemas.PartRequestID("acme", "c", 2, sum[:], homeOfC), homeOfC, schemas.NewConversationKey("acme", "c", random)},
		{"part with an id: where its conversation is", with(named.String(), inC), named, homeOfC, schemas.NewConversationKey("acme", "c", named)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := recordConfig().decode(tt.record)
			if in.dead != nil || in.problem != nil {
				t.Fatalf("dead %v, problem %v", in.dead, in.problem)
			}
			if in.part.RequestID != tt.id || in.home != tt.home || in.conversation != tt.key || in.call.RequestId != tt.id.String() {
				t.Errorf("got %s (%s) on %d, %q\nwant %s on %d, %q", in.part.RequestID, in.call.RequestId, in.home, in.conversation, tt.id, tt.home, tt.key)
			}
			if !proto.Equal(in.part.Message, in.call) {
				t.Errorf("what is kept differs from the call: %v", in.part.Message)
			}
		})
	}
}

func TestDigestOfACall(t *testing.T) {
	t.Parallel()
	given := sha256.Sum256([]byte("what the client sent"))
	for name, digest := range map[string][]byte{"given": given[:], "missing": nil, "not a SHA-256": []byte("short")} {
		call := &parleyv1.Call{Account: "acme", Method: "Create", Objects: []*parleyv1.Object{{Type: "Row"}}, Digest: digest}
		value, err := proto.Marshal(call)
		if err != nil {
			t.Fatal(err)
		}
		want := given
		if name != "given" {
			want = sha256.Sum256(value)
		}
		if in := recordConfig().decode(record(string(value), "content-type", "application/x-protobuf")); string(in.call.GetDigest()) != string(want[:]) {
			t.Errorf("%s: digest %x, want %x", name, in.call.GetDigest(), want)
		}
	}
}

func TestResendHasTheContentOfTheFirst(t *testing.T) {
	t.Parallel()
	c := recordConfig()
	first := c.decode(record(inC))
	again := c.decode(record(strings.ReplaceAll(inC, `:`, ` : `)))
	other := c.decode(record(strings.Replace(inC, "Row", "Rows", 1)))
	if first.part.Content != again.part.Content || first.part.RequestID == again.part.RequestID || first.part.Content == other.part.Content {
		t.Errorf("contents %x, spelt otherwise %x, another %x; ids %s, %s", first.part.Content, again.part.Content, other.part.Content, first.part.RequestID, again.part.RequestID)
	}
}

func TestForwardedRecordIsAsOldAsItWas(t *testing.T) {
	t.Parallel()
	c := recordConfig()
	in := c.decode(record(inC, "traceparent", "t"))
	f := forwarded(in)
	if f.Partition != in.home || string(f.Key) != "acme/c" || string(f.Value) != inC || header(f, "traceparent") != "t" || header(f, schemas.HeaderForwardedFrom) != "5" {
		t.Errorf("forwarded is %+v, want the same value and headers on partition %d, from 5", f, in.home)
	}
	f.Timestamp, f.Offset = in.at.Add(time.Hour), 99
	if again := c.decode(f); !again.at.Equal(in.at) || again.part.RequestID != in.part.RequestID || again.home != f.Partition {
		t.Errorf("read again: at %s, %s, home %d; want %s, %s, %d", again.at, again.part.RequestID, again.home, in.at, in.part.RequestID, f.Partition)
	}
}

func TestDeadRecordTellsWhyAndWhence(t *testing.T) {
	t.Parallel()
	r := record("x", "content-type", "text/xml")
	r.Key = []byte("k")
	d := topics.Buried("parley.dead", r, recordConfig().decode(r).dead)
	for name, want := range map[string]string{
		"content-type": "text/xml", "error-code": "InvalidBody", "source-topic": "parley.calls", "source-partition": "5", "source-offset": "77",
	} {
		if got := header(d, name); got != want {
			t.Errorf("header %s is %q, want %q", name, got, want)
		}
	}
	if d.Topic != "parley.dead" || string(d.Key) != "k" || string(d.Value) != "x" || header(d, "error-detail") == "" {
		t.Errorf("dead record is %+v", d)
	}
	if len(r.Headers) != 1 {
		t.Errorf("the record itself has got the headers %v", r.Headers)
	}
}

// FuzzDecode holds of any record: it is read without a panic, and means one thing.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(plain), "", "")
	f.Add([]byte(inC), "application/json", "call")
	f.Add([]byte("\x0a\x04acme\x1a\x06Create\x2a\x05\x0a\x03Row"), "application/x-protobuf", "")
	f.Add([]byte("\x0a\x04acme\x2a\x00\x32\x02\x18\x00"), "application/x-protobuf", "")
	c := recordConfig()
	f.Fuzz(func(t *testing.T, value []byte, contentType, recordType string) {
		in := c.decode(record(string(value), "content-type", contentType, "type", recordType))
		if in.tick || in.dead != nil || in.answer != nil || in.cancel != nil || in.resubmit != nil {
			return
		}
		if in.call == nil || in.home < 0 || in.home >= c.Partitions || in.part.RequestID == (schemas.RequestID{}) && in.call.RequestId == "" {
			t.Errorf("decoded to %+v", in)
		}
		if p := in.input(); in.problem == nil && (p.SequenceCode < 1 || p.SequenceCode > p.Calls) {
			t.Errorf("part %d of %d has no problem", p.SequenceCode, p.Calls)
		}
	})
}

// Records are held to the limits that ingest has: exactly as much passes, one more is Rejected, and what is far over it,
// whose result might not fit into a record, goes to parley.dead.
func TestRecordsAtTheEdgeOfTheLimits(t *testing.T) {
	t.Parallel()
	c := recordConfig()
	c.Limits.CallBytesMax, c.Limits.ObjectsMax, c.Limits.PartsMax = 8192, 2, 3
	padded := func(n int) string { return plain + strings.Repeat(" ", n-len(plain)) }
	of := func(objects int) string {
		return strings.Replace(plain, `{"type":"Row"}`, `{"type":"Row"}`+strings.Repeat(`,{"type":"Row"}`, objects-1), 1)
	}
	tests := []struct {
		name          string
		value         string
		dead, problem schemas.Code
	}{
		{name: "longest", value: padded(8192 + callOverhead)},
		{name: "too long", value: padded(8192 + callOverhead + 1), problem: schemas.TooLarge},
		{name: "longest that is Rejected", value: padded(4 * 8192), problem: schemas.TooLarge},
		{name: "far too long", value: padded(4*8192 + 1), dead: schemas.TooLarge},
		{name: "most objects", value: of(2)},
		{name: "too many objects", value: of(3), problem: schemas.TooManyObjects},
		{name: "most objects that are Rejected", value: of(8), problem: schemas.TooManyObjects},
		{name: "far too many objects", value: of(9), dead: schemas.TooManyObjects},
		{name: "most parts", value: inC},
		{name: "too many parts", value: strings.Replace(inC, ":3", ":4", 1), problem: schemas.CallsInConversationOutOfRange},
	}
	for _, tt := range tests {
		in := c.decode(record(tt.value))
		if code(in.dead) != tt.dead || code(in.problem) != tt.problem {
			t.Errorf("%s: dead %v, problem %v; want %q, %q", tt.name, in.dead, in.problem, tt.dead, tt.problem)
		}
	}
}

func code(p *schemas.Problem) schemas.Code {
	if p == nil {
		return ""
	}
	return p.Code
}
