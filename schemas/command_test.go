package schemas_test

import (
	"strings"
	"testing"

	"parley/schemas"
)

const someID = "018f4c1e-7c1a-7b5e-9d55-0242ac120002"

func TestDecodeCommands(t *testing.T) {
	t.Parallel()
	limits := schemas.DefaultLimits()
	cancel, p := limits.DecodeCancel("", []byte(`{"account": "acme", "conversationId": "order/é"}`))
	if want := (schemas.Cancel{Account: "acme", ConversationID: "order/é"}); p != nil || *cancel != want {
		t.Errorf("cancel %+v, %v, want %+v", cancel, p, want)
	}
	cancel, p = limits.DecodeCancel("", []byte(`{"account": "acme", "requestId": "`+someID+`"}`))
	if want := (schemas.Cancel{Account: "acme", RequestID: someID}); p != nil || *cancel != want {
		t.Errorf("cancel %+v, %v, want %+v", cancel, p, want)
	}
	erase, p := schemas.DecodeErase([]byte(`{"account": "acme", "subject": "9f86d081884c7d65", "dryRun": true}`))
	if want := (schemas.Erase{Account: "acme", Subject: 0x9f86d081884c7d65, DryRun: true}); p != nil || *erase != want {
		t.Errorf("erase %+v, %v, want %+v", erase, p, want)
	}
	erasure, p := schemas.DecodeErasure([]byte(`{"subscriberKey": "a@example.com"}`))
	if want := (schemas.Erasure{SubscriberKey: "a@example.com"}); p != nil || *erasure != want {
		t.Errorf("erasure %+v, %v, want %+v", erasure, p, want)
	}
	resubmit, p := limits.DecodeResubmit([]byte(`{"account": "acme", "conversationId": "a", "as": "b", "includeFailed": true}`))
	if want := (schemas.Resubmit{Account: "acme", ConversationID: "a", As: "b", IncludeFailed: true}); p != nil || *resubmit != want {
		t.Errorf("resubmit %+v, %v, want %+v", resubmit, p, want)
	}
}

func TestDecodeCommandsRefuse(t *testing.T) {
	t.Parallel()
	limits := schemas.DefaultLimits()
	cancel := func(b []byte) *schemas.Problem { _, p := limits.DecodeCancel("", b); return p }
	resubmit := func(b []byte) *schemas.Problem { _, p := limits.DecodeResubmit(b); return p }
	both := []func([]byte) *schemas.Problem{cancel, resubmit}
	erase := []func([]byte) *schemas.Problem{func(b []byte) *schemas.Problem { _, p := schemas.DecodeErase(b); return p }}
	erasure := []func([]byte) *schemas.Problem{func(b []byte) *schemas.Problem { _, p := schemas.DecodeErasure(b); return p }}
	long := strings.Repeat("x", 201)
	tests := []struct {
		name, body    string
		by            []func([]byte) *schemas.Problem
		code          schemas.Code
		pointer, says string
	}{
		{"nothing", ``, both, schemas.InvalidBody, "", "unexpected EOF"},
		{"null", `null`, both, schemas.InvalidBody, "", "not null"},
		{"unknown member", `{"account": "a", "conversationID": "c"}`, both, schemas.InvalidBody, "/conversationID", "there is no such member"},
		{"no account", `{"conversationId": "c"}`, both, schemas.InvalidParameter, "/account", "an account is"},
		{"bad account", `{"account": "a/b", "conversationId": "c"}`, both, schemas.InvalidParameter, "/account", "an account is"},
		{"no name", `{"account": "a", "as": "b"}`, both[1:], schemas.ConversationIDRequired, "/conversationId", "name the conversation"},
		{"no name", `{"account": "a"}`, both[:1], schemas.ConversationIDRequired, "/conversationId", "name the conversation"},
		{"two names", `{"account": "a", "conversationId": "c", "requestId": "` + someID + `"}`, both, schemas.InvalidParameter, "/requestId", "not both"},
		{"long name", `{"account": "a", "conversationId": "` + long + `"}`, both, schemas.InvalidParameter, "/conversationId", "at most 200 bytes, this has 201"},
		{"bad request id", `{"account": "a", "requestId": "7"}`, both, schemas.InvalidParameter, "/requestId", "a UUID in lower case"},
		{"upper case request id", `{"account": "a", "requestId": "` + strings.ToUpper(someID) + `"}`, both, schemas.InvalidParameter, "/requestId", "a UUID in lower case"},
		{"new id of a cancel", `{"account": "a", "conversationId": "c", "as": "d"}`, both[:1], schemas.InvalidBody, "/as", "there is no such member"},
		{"no new id", `{"account": "a", "conversationId": "c"}`, both[1:], schemas.ConversationIDRequired, "/as", "an id of its own"},
		{"long new id", `{"account": "a", "conversationId": "c", "as": "` + long + `"}`, both[1:], schemas.InvalidParameter, "/as", "at most 200 bytes, this has 201"},
		{"the old id", `{"account": "a", "conversationId": "c", "as": "c"}`, both[1:], schemas.InvalidParameter, "/as", "has been used"},
		{"nobody's account", `{"subject": "9f86d081884c7d65"}`, erase, schemas.InvalidParameter, "/account", "an account is"},
		{"no subject", `{"account": "a"}`, erase, schemas.InvalidParameter, "/subject", "not all zero"},
		{"short subject", `{"account": "a", "subject": "9f86"}`, erase, schemas.InvalidBody, "/subject", ""},
		{"upper case subject", `{"account": "a", "subject": "9F86D081884C7D65"}`, erase, schemas.InvalidBody, "/subject", ""},
		{"no subscriberKey", `{"account": "a"}`, erasure, schemas.InvalidParameter, "/subscriberKey", "whose data"},
		{"empty subscriberKey", `{"subscriberKey": ""}`, erasure, schemas.InvalidParameter, "/subscriberKey", "whose data"},
		{"bad account of an erasure", `{"account": "a/b", "subscriberKey": "k"}`, erasure, schemas.InvalidParameter, "/account", "an account is"},
		{"an erasure with more", `{"subscriberKey": "k", "customerKey": "c"}`, erasure, schemas.InvalidBody, "/customerKey", "there is no such member"},
		{"too long", strings.Repeat(" ", 64<<10) + `{}`, both, schemas.TooLarge, "", "at most 65536 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, decode := range tt.by {
				p := decode([]byte(tt.body))
				if p == nil || p.Code != tt.code || p.Pointer != tt.pointer || !strings.Contains(p.Detail, tt.says) {
					t.Errorf("%v, want %s at %q, saying %q", p, tt.code, tt.pointer, tt.says)
				}
			}
		})
	}
}

func FuzzDecodeCancel(f *testing.F) {
	f.Add([]byte(`{"account":"acme","conversationId":"a\u0000/é"}`))
	f.Add([]byte(`{"account":"acme","requestId":"` + someID + `"}`))
	limits := schemas.DefaultLimits()
	f.Fuzz(func(t *testing.T, body []byte) {
		c, p := limits.DecodeCancel("", body)
		if p != nil {
			return
		}
		encoded, err := schemas.EncodeCancel(c)
		if err != nil {
			t.Fatalf("cannot be encoded: %v", err)
		}
		if again, p := limits.DecodeCancel("", encoded); p != nil || *again != *c {
			t.Fatalf("encoded as %s, decoded as %+v, %v", encoded, again, p)
		}
	})
}

func FuzzDecodeResubmit(f *testing.F) {
	f.Add([]byte(`{"account":"acme","conversationId":"a","as":"b","includeFailed":true}`))
	f.Add([]byte(`{"account":"acme","requestId":"` + someID + `","as":"<&>"}`))
	limits := schemas.DefaultLimits()
	f.Fuzz(func(t *testing.T, body []byte) {
		r, p := limits.DecodeResubmit(body)
		if p != nil {
			return
		}
		encoded, err := schemas.EncodeResubmit(r)
		if err != nil {
			t.Fatalf("cannot be encoded: %v", err)
		}
		if again, p := limits.DecodeResubmit(encoded); p != nil || *again != *r {
			t.Fatalf("encoded as %s, decoded as %+v, %v", encoded, again, p)
		}
	})
}

func FuzzDecodeErase(f *testing.F) {
	f.Add([]byte(`{"account":"acme","subject":"9f86d081884c7d65","dryRun":true}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		e, p := schemas.DecodeErase(body)
		if p != nil {
			return
		}
		encoded, err := schemas.EncodeErase(e)
		if err != nil {
			t.Fatalf("cannot be encoded: %v", err)
		}
		if again, p := schemas.DecodeErase(encoded); p != nil || *again != *e {
			t.Fatalf("encoded as %s, decoded as %+v, %v", encoded, again, p)
		}
	})
}
