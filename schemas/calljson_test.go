package schemas_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

const everyMember = `{
  "account": "acme", "requestId": "018f4c1e-7c1a-7b5e-9d55-0242ac120002",
  "method": "Perform", "action": "start",
  "objects": [
    {"type": "Import", "customerKey": "row-1", "subscriberKey": "s", "partnerKey": "p", "id": "7", "objectId": "o", "correlationId": "a", "properties": {"b": [1, 2.50], "a": null}},
    {"type": "Import", "properties": null}
  ],
  "options": {
    "requestType": "Asynchronous",
    "conversationId": "order-1234", "sequenceCode": 1, "callsInConversation": 3,
    "scheduledTime": "2026-12-01T08:00:00Z", "startBy": "2026-12-01T10:00:00.5+01:00", "priority": "High", "failOn": "Never",
    "sendResponseTo": [{"responseType": "HTTPPost", "responseAddress": "https://example.com/hook",
      "respondWhen": "OnConversationComplete", "includeResults": true, "includeObjects": true, "onlyIncludeBase": true}],
    "properties": {"Client": {"ID": 7}}
  }
}`

func TestDecodeCallReadsEveryMember(t *testing.T) {
	t.Parallel()
	want := &parleyv1.Call{
		Account: "acme", RequestId: "018f4c1e-7c1a-7b5e-9d55-0242ac120002",
		Method: "Perform", Action: "start",
		Objects: []*parleyv1.Object{
			{Type: "Import", CustomerKey: "row-1", SubscriberKey: "s", PartnerKey: "p", Id: "7", ObjectId: "o", CorrelationId: "a", Properties: []byte(`{"b": [1, 2.50], "a": null}`)},
			{Type: "Import"},
		},
		Options: &parleyv1.Options{
			RequestType:    "Asynchronous",
			ConversationId: new("order-1234"), SequenceCode: new(int32(1)), CallsInConversation: new(int32(3)),
			ScheduledTimeMs: new(time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC).UnixMilli()),
			StartByMs:       new(time.Date(2026, 12, 1, 9, 0, 0, 500e6, time.UTC).UnixMilli()),
			Priority:        "High", FailOn: "Never",
			SendResponseTo: []*parleyv1.ResponseTarget{{
				ResponseType: "HTTPPost", ResponseAddress: "https://example.com/hook",
				RespondWhen: "OnConversationComplete", IncludeResults: true, IncludeObjects: true, OnlyIncludeBase: true,
			}},
			Properties: []byte(`{"Client": {"ID": 7}}`),
		},
	}
	if got := decode(t, everyMember); !proto.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// Absent is not zero, and null is absent.
func TestDecodeCallTellsAbsentFromZero(t *testing.T) {
	t.Parallel()
	absent := decode(t, `{"options": {"conversationId": null, "sequenceCode": null}}`).Options
	if absent.ConversationId != nil || absent.SequenceCode != nil || absent.CallsInConversation != nil || absent.ScheduledTimeMs != nil {
		t.Errorf("absent: %v", absent)
	}
	zero := decode(t, `{"options": {"conversationId": "", "sequenceCode": 0}}`).Options
	if zero.ConversationId == nil || zero.SequenceCode == nil {
		t.Errorf("zero: %v", zero)
	}
}

func TestDecodeCallKeepsNothingOfItsInput(t *testing.T) {
	t.Parallel()
	b := []byte(everyMember)
	call, p := schemas.DecodeCall(b)
	if p != nil {
		t.Fatal(p)
	}
	want := proto.CloneOf(call)
	clear(b)
	if !proto.Equal(call, want) {
		t.Errorf("changed with its input:\ngot  %v\nwant %v", call, want)
	}
}

func decode(t *testing.T, text string) *parleyv1.Call {
	t.Helper()
	call, p := schemas.DecodeCall([]byte(text))
	if p != nil {
		t.Fatal(p)
	}
	return call
}

// A client is told which member is wrong, and what would be right.
func TestDecodeCallRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, body    string
		code          schemas.Code // empty: InvalidBody
		pointer, says string
	}{
		{name: "nothing", body: ``, says: "unexpected EOF"},
		{name: "null", body: ` null`, says: "a call is an object, not null"},
		{name: "array", body: `[]`, says: "wants an object, not an array"},
		{name: "number", body: `5`, says: "wants an object, not a number"},
		{name: "text", body: `method=Create`, says: "at byte 0: invalid character 'm'"},
		{name: "byte order mark", body: "\ufeff{}", says: "at byte 0"},
		{name: "single quotes", body: `{'method': 1}`, says: "at byte 1"},
		{name: "trailing comma", body: `{"method": "Create",}`, says: "at byte 19"},
		{name: "trailing garbage", body: `{"method": "Create"} x`, says: "at byte 21: invalid character 'x' after top-level value"},
		{name: "two calls", body: `{"method": "Create"}{}`, says: "at byte 20"},
		{name: "cut", body: `{"method": "Cre`, pointer: "/method", says: "unexpected EOF"},
		{name: "duplicate member", body: `{"method": "a", "method": "b"}`, pointer: "/method", says: "duplicate object member name"},
		{name: "duplicate property", body: `{"objects": [{"properties": {"a": 1, "a": 2}}]}`, pointer: "/objects/0/properties/a", says: "duplicate object member name"},
		{name: "invalid UTF-8", body: "{\"method\": \"\xff\"}", pointer: "/method", says: "invalid UTF-8"},
		{name: "half a surrogate", body: `{"objects": [{"type": "\ud800"}]}`, pointer: "/objects/0/type", says: "surrogate"},
		{name: "number as method", body: `{"method": 5}`, pointer: "/method", says: "wants a string, not a number"},
		{name: "misspelt member", body: `{"options": {"conversationID": "a"}}`, pointer: "/options/conversationID", says: "names are case sensitive"},
		{name: "unknown member", body: `{"objects": [{"type": "a", "key": "b"}]}`, pointer: "/objects/0/key", says: "there is no such member"},
		{name: "escaped pointer", body: `{"a/b~c": 1}`, pointer: "/a~1b~0c", says: "there is no such member"},
		{name: "objects as object", body: `{"objects": {}}`, pointer: "/objects", says: "wants an array, not an object"},
		{name: "options as array", body: `{"options": []}`, pointer: "/options", says: "wants an object, not an array"},
		{name: "word as boolean", body: `{"options": {"sendResponseTo": [{"includeResults": "yes"}]}}`, pointer: "/options/sendResponseTo/0/includeResults", says: "wants true or false, not a string"},
		{name: "word as number", body: `{"options": {"sequenceCode": "1"}}`, pointer: "/options/sequenceCode", says: "wants a whole number below 2147483648, not a string"},
		{name: "fraction", body: `{"options": {"sequenceCode": 1.5}}`, pointer: "/options/sequenceCode", says: "not 1.5"},
		{name: "huge sequenceCode", body: `{"options": {"sequenceCode": 2147483648}}`, code: schemas.SequenceCodeOutOfRange, pointer: "/options/sequenceCode", says: "not 2147483648"},
		{name: "huge callsInConversation", body: `{"options": {"callsInConversation": -99999999999}}`, code: schemas.CallsInConversationOutOfRange, pointer: "/options/callsInConversation", says: "not -99999999999"},
		{name: "bad time", body: `{"options": {"scheduledTime": "tomorrow"}}`, pointer: "/options/scheduledTime", says: "wants a time, as 2026-12-01T08:00:00Z"},
		{name: "number as time", body: `{"options": {"startBy": 5}}`, pointer: "/options/startBy", says: "wants a time, as 2026-12-01T08:00:00Z, not a number"},
		{name: "deep nesting", body: nested(20_000), pointer: "/objects/0/properties" + strings.Repeat("/0", 239), says: "exceeded max depth"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			call, p := schemas.DecodeCall([]byte(tt.body))
			if p == nil {
				t.Fatalf("accepted as %v", call)
			}
			if tt.code == "" {
				tt.code = schemas.InvalidBody
			}
			if p.Code != tt.code || p.Pointer != tt.pointer || !strings.Contains(p.Detail, tt.says) {
				t.Errorf("%s\nwant %s at %q, saying %q", p, tt.code, tt.pointer, tt.says)
			}
		})
	}
}

func nested(depth int) string {
	return `{"objects": [{"properties": ` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + `}]}`
}

// The answer to a hostile body is not as big as the body.
func TestProblemsAreSmall(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 100_000)
	bodies := map[string]string{
		"deep nesting":      nested(20_000),
		"long member":       `{"` + long + `": 1}`,
		"long member deep":  `{"objects": [{"` + long + `": 1}]}`,
		"long bad string":   `{"method": "\ud800` + long + `"}`,
		"long number":       `{"options": {"sequenceCode": ` + strings.Repeat("9", 100_000) + `}}`,
		"long method":       `{"method": "` + long + `"}`,
		"long request type": `{"method": "Create", "objects": [{"type": "a"}], "options": {"requestType": "` + long + `"}}`,
	}
	for name, body := range bodies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			call, p := schemas.DecodeCall([]byte(body))
			if p == nil {
				call.Account = "default"
				p = schemas.DefaultLimits().Validate(call, time.Time{})
			}
			if p == nil {
				t.Fatal("accepted")
			}
			if len(p.Pointer) > 500 || len(p.Detail) > 500 {
				t.Errorf("a pointer of %d bytes, a detail of %d bytes", len(p.Pointer), len(p.Detail))
			}
			if strings.ToValidUTF8(p.Detail, "") != p.Detail {
				t.Errorf("the detail is not valid UTF-8: %q", p.Detail)
			}
		})
	}
}

func TestAppendObjects(t *testing.T) {
	t.Parallel()
	got, err := schemas.AppendObjects([]byte("objects: "), decode(t, everyMember).Objects)
	if err != nil {
		t.Fatal(err)
	}
	want := `objects: [{"type":"Import","customerKey":"row-1","subscriberKey":"s","partnerKey":"p","id":"7","objectId":"o","correlationId":"a","properties":{"b": [1, 2.50], "a": null}},{"type":"Import"}]`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, err := schemas.AppendObjects(nil, nil); err != nil || string(got) != "[]" {
		t.Errorf("no objects: %s, %v", got, err)
	}
	if _, err := schemas.AppendObjects(nil, []*parleyv1.Object{{Type: "\xff"}}); err == nil {
		t.Error("a type that is not UTF-8 was written")
	}
}

// Nothing panics, and the objects of a valid call are given to a backend as they were received.
func FuzzDecodeCall(f *testing.F) {
	f.Add([]byte(everyMember))
	f.Add([]byte(`{"method":"Create","objects":[{"type":"\u0000\"\\é","properties":{"a":1e400}}]}`))
	f.Add([]byte(`{"method":"Delete","objects":[{"type":"a","properties": {} }],"options":{"conversationId":"a/b"}}`))
	f.Add([]byte(`{"objects":[null],"options":null}`))
	f.Add([]byte(`{"objects":[{"type":"a","properties":5}]}`))
	f.Add([]byte("[\xff]"))
	limits, now := schemas.DefaultLimits(), time.UnixMilli(1_790_000_000_000)
	f.Fuzz(func(t *testing.T, body []byte) {
		call, p := schemas.DecodeCall(body)
		if p != nil {
			if call != nil || p.Detail == "" || p.Code == "" {
				t.Fatalf("a call %v beside the problem %q", call, p)
			}
			return
		}
		call.Account = "default"
		if limits.Validate(call, now) != nil {
			return
		}
		value, err := proto.Marshal(call)
		if err != nil {
			t.Fatalf("a valid call cannot be queued: %v", err)
		}
		if _, err := schemas.Content(call); err != nil {
			t.Fatalf("a valid call has no content: %v", err)
		}
		queued := new(parleyv1.Call)
		if err := proto.Unmarshal(value, queued); err != nil || !proto.Equal(queued, call) {
			t.Fatalf("queued as %v, %v\nwant %v", queued, err, call)
		}
		given := decode(t, `{"objects":`+objects(t, call)+`}`)
		if !proto.Equal(&parleyv1.Call{Objects: given.Objects}, &parleyv1.Call{Objects: call.Objects}) {
			t.Fatalf("given to the backend %v\nwant %v", given.Objects, call.Objects)
		}
	})
}

func objects(t *testing.T, call *parleyv1.Call) string {
	t.Helper()
	b, err := schemas.AppendObjects(nil, call.Objects)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
