package schemas_test

import (
	"reflect"
	"strings"
	"testing"

	"parley/schemas"
)

func decodeAnswer(t *testing.T, text string) *schemas.Answer {
	t.Helper()
	a, p := schemas.DecodeAnswer([]byte(text))
	if p != nil {
		t.Fatalf("%s: %v", text, p)
	}
	return a
}

func TestDecodeAnswerReadsEveryForm(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		body string
		want schemas.Answer
	}{
		"nothing to say":  {`{}`, schemas.Answer{}},
		"empty list":      {`{"token": "t", "results": []}`, schemas.Answer{Token: "t"}},
		"null is absent":  {`{"results": null, "status": null, "processed": null}`, schemas.Answer{}},
		"progress":        {`{"processed": 7}`, schemas.Answer{Processed: new(int32(7))}},
		"no progress yet": {`{"processed": 0, "results": []}`, schemas.Answer{Processed: new(int32(0))}},
		"failed":          {`{"status": "Error", "errorCode": "E", "message": "no"}`, schemas.Answer{Failed: true, Code: "E", Message: "no"}},
		"failed somehow":  {`{"status": "Error"}`, schemas.Answer{Failed: true, Code: schemas.CallFailed}},
		"results": {
			`{"results": [{"ordinal": 1, "correlationId": "b", "status": "Error", "errorCode": "E", "message": "é", "object": {"id": [9]}}, {"status": "OK"}]}`,
			schemas.Answer{Results: []schemas.AnswerResult{
				{Ordinal: new(int32(1)), CorrelationID: "b", Status: schemas.Error, ErrorCode: "E", Message: "é"},
				{Status: schemas.OK},
			}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := decodeAnswer(t, tt.body); !reflect.DeepEqual(*got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", *got, tt.want)
			}
		})
	}
}

func TestDecodeAnswerRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, body    string
		code          schemas.Code // empty: InvalidBody
		pointer, says string
	}{
		{name: "nothing", body: ``, says: "unexpected EOF"},
		{name: "null", body: `null`, says: "an answer is an object, not null"},
		{name: "list", body: `[]`, says: "wants an object, not an array"},
		{name: "text", body: `OK`, says: "at byte 0"},
		{name: "trailing garbage", body: `{} {}`, says: "at byte 3"},
		{name: "unknown member", body: `{"result": []}`, pointer: "/result", says: "there is no such member"},
		{name: "other case", body: `{"Results": []}`, pointer: "/Results", says: "case sensitive"},
		{name: "unknown member of a result", body: `{"results": [{"status": "OK", "code": 1}]}`, pointer: "/results/0/code", says: "there is no such member"},
		{name: "repeated member", body: `{"status": "Error", "status": "Error"}`, pointer: "/status", says: "duplicate"},
		{name: "results as object", body: `{"results": {}}`, pointer: "/results", says: "wants an array"},
		{name: "invalid UTF-8", body: "{\"status\": \"Error\", \"message\": \"\xff\"}", pointer: "/message", says: "invalid UTF-8"},
		{name: "status OK", body: `{"status": "OK"}`, pointer: "/status", says: "absent when the call did not fail"},
		{name: "code without status", body: `{"errorCode": "E"}`, pointer: "/errorCode", says: `"status": "Error"`},
		{name: "message without status", body: `{"message": "m"}`, pointer: "/message", says: `"status": "Error"`},
		{name: "failure with results", body: `{"status": "Error", "results": [{"status": "OK"}]}`, pointer: "/results", says: "has no results"},
		{name: "progress with results", body: `{"processed": 1, "results": [{"status": "OK"}]}`, pointer: "/processed", says: "goes with nothing else"},
		{name: "progress with failure", body: `{"processed": 1, "status": "Error"}`, pointer: "/processed", says: "goes with nothing else"},
		{name: "negative progress", body: `{"processed": -1}`, pointer: "/processed", says: "not -1"},
		{name: "huge progress", body: `{"processed": 3000000000}`, pointer: "/processed", says: "a whole number below 2147483648"},
		{name: "result without status", body: `{"results": [{"status": "OK"}, {}]}`, pointer: "/results/1/status", says: "OK or Error"},
		{name: "result of another status", body: `{"results": [{"status": "NotProcessed"}]}`, pointer: "/results/0/status", says: `"NotProcessed"`},
		{name: "negative ordinal", body: `{"results": [{"ordinal": -1, "status": "OK"}]}`, pointer: "/results/0/ordinal", says: "from 0"},
		{name: "too long", body: strings.Repeat(" ", schemas.AnswerBytesMax) + `{}`, code: schemas.TooLarge, says: "at most 8388608 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a, p := schemas.DecodeAnswer([]byte(tt.body))
			if p == nil {
				t.Fatalf("accepted as %+v", a)
			}
			if tt.code == "" {
				tt.code = schemas.InvalidBody
			}
			if p.Code != tt.code || p.Pointer != tt.pointer || !strings.Contains(p.Detail, tt.says) {
				t.Errorf("%v at %q, want %s at %q, saying %q", p, p.Pointer, tt.code, tt.pointer, tt.says)
			}
		})
	}
}

// Two answers that mean the same are one; two that do not are two.
func TestAnswerDigest(t *testing.T) {
	t.Parallel()
	classes := [][]string{
		{`{}`, `{"results":[]}`, ` { "results" : null, "token":"t" }`},
		{`{"results":[{"status":"OK"},{"status":"Error","errorCode":"E"}]}`,
			`{"results":[{"status":"Error","errorCode":"\u0045","ordinal":1},{"ordinal":0,"status":"OK","errorCode":"none"}]}`,
			`{"results":[{"status":"OK","object":{"a":1}},{"message":"","status":"Error","errorCode":"E"}]}`},
		{`{"results":[{"correlationId":"a","status":"OK"},{"correlationId":"b","status":"Error"}]}`,
			`{"results":[{"correlationId":"b","status":"Error"},{"correlationId":"a","status":"OK"}]}`},
		{`{"results":[{"correlationId":"a","status":"Error"},{"correlationId":"b","status":"OK"}]}`},
		{`{"results":[{"status":"OK"}]}`},
		{`{"results":[{"status":"OK","message":"m"}]}`},
		{`{"results":[{"status":"Error"}]}`},
		{`{"results":[{"status":"Error","errorCode":"E"}]}`},
		{`{"results":[{"status":"Error","message":"E"}]}`},
		{`{"results":[{"status":"Error","errorCode":"E","ordinal":1}]}`},
		{`{"status":"Error"}`, `{"status":"Error","errorCode":"CallFailed"}`, `{"status":"Error","results":[]}`},
		{`{"status":"Error","errorCode":"E","message":"m"}`},
		{`{"status":"Error","errorCode":"Em"}`},
		{`{"processed":0}`},
		{`{"processed":1}`},
	}
	seen := make(map[uint64]string)
	for _, class := range classes {
		want := schemas.AnswerDigest(decodeAnswer(t, class[0]))
		if other, ok := seen[want]; ok || want == 0 {
			t.Errorf("%s has the digest %x, as %s", class[0], want, other)
		}
		seen[want] = class[0]
		for _, text := range class[1:] {
			if got := schemas.AnswerDigest(decodeAnswer(t, text)); got != want {
				t.Errorf("%s has the digest %x, want that of %s, %x", text, got, class[0], want)
			}
		}
	}
}

// The digest is kept in the state: one made by an earlier version must not change.
func TestAnswerDigestIsStable(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]uint64{
		`{}`: 0x6e340b9cffb37a98,
		`{"results":[{"correlationId":"b","status":"Error","errorCode":"E","message":"m"},{"ordinal":0,"status":"OK"}]}`: 0xf25eed3cb54cac56,
		`{"status":"Error","errorCode":"E","message":"m"}`:                                                               0x53ce64acb14f3a91,
	} {
		if got := schemas.AnswerDigest(decodeAnswer(t, text)); got != want {
			t.Errorf("%s: %#x, want %#x", text, got, want)
		}
	}
}

// What decodes encodes back, to an answer of the same meaning.
func FuzzDecodeAnswer(f *testing.F) {
	f.Add([]byte(`{"token":"t","results":[{"ordinal":1,"correlationId":"b","status":"Error","errorCode":"E","message":"m","object":{"a":[1]}},{"status":"OK"}]}`))
	f.Add([]byte(`{"status":"Error","errorCode":"\u0000\\é","message":"<&>"}`))
	f.Add([]byte(`{"processed":2147483647}`))
	f.Add([]byte(`{"results":[{"correlationId":"z","status":"OK"},{"correlationId":"a","status":"OK"}]}`))
	f.Add([]byte(`{"results":[null]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		a, p := schemas.DecodeAnswer(body)
		if p != nil {
			if a != nil || p.Code == "" || p.Detail == "" {
				t.Fatalf("an answer %+v beside the problem %v", a, p)
			}
			return
		}
		encoded, err := schemas.EncodeAnswer(a)
		if err != nil {
			t.Fatalf("cannot be encoded: %v", err)
		}
		again, p := schemas.DecodeAnswer(encoded)
		if p != nil || !reflect.DeepEqual(again, a) {
			t.Fatalf("encoded as %s, decoded as %+v, %v, want %+v", encoded, again, p, a)
		}
		if schemas.AnswerDigest(again) != schemas.AnswerDigest(a) {
			t.Fatalf("%s has two digests", encoded)
		}
	})
}
