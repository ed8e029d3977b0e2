package schemas_test

import (
	"strings"
	"testing"
	"time"

	"parley/schemas"
)

func TestDecodeResubmission(t *testing.T) {
	t.Parallel()
	l := schemas.DefaultLimits()
	r, p := l.DecodeResubmission([]byte(`{"conversationId": "new", "includeFailed": true}`), "old")
	if p != nil || *r != (schemas.Resubmission{ConversationID: "new", IncludeFailed: true}) {
		t.Errorf("%+v, %v", r, p)
	}
	for body, want := range map[string]schemas.Problem{
		``:                          {Code: schemas.InvalidBody},
		`null`:                      {Code: schemas.InvalidBody},
		`{"conversationId": 7}`:     {Code: schemas.InvalidBody, Pointer: "/conversationId"},
		`{"as": "new"}`:             {Code: schemas.InvalidBody, Pointer: "/as"},
		`{}`:                        {Code: schemas.ConversationIDRequired, Pointer: "/conversationId"},
		`{"conversationId": "old"}`: {Code: schemas.InvalidParameter, Pointer: "/conversationId"},
		`{"conversationId": "` + strings.Repeat("x", l.ConversationIDBytesMax+1) + `"}`: {Code: schemas.InvalidParameter, Pointer: "/conversationId"},
	} {
		if _, p := l.DecodeResubmission([]byte(body), "old"); p == nil || p.Code != want.Code || p.Pointer != want.Pointer || p.Detail == "" {
			t.Errorf("%s: %v, want %s at %q", body, p, want.Code, want.Pointer)
		}
	}
}

func TestDecodeBulkResubmission(t *testing.T) {
	t.Parallel()
	from, to := time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC), time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	const period = `"from": "2026-12-01T08:00:00Z", "to": "2026-12-01T09:00:00Z"`
	for body, want := range map[string]schemas.BulkResubmission{
		`{` + period + `}`: {From: from, To: to, Limit: schemas.BulkLimitDefault},
		`{` + period + `, "route": "crm", "errorCode": "X", "includeFailed": true, "limit": 5, "dryRun": true}`: {
			Route: "crm", ErrorCode: "X", From: from, To: to, IncludeFailed: true, Limit: 5, DryRun: true,
		},
	} {
		if r, p := schemas.DecodeBulkResubmission([]byte(body)); p != nil || *r != want {
			t.Errorf("%s: %+v, %v, want %+v", body, r, p, want)
		}
	}
	for body, pointer := range map[string]string{
		`{"to": "2026-12-01T09:00:00Z"}`:                                 "/from",
		`{"from": "2026-12-01T08:00:00Z"}`:                               "/to",
		`{"from": "2026-12-01T08:00:00Z", "to": "2026-12-01T08:00:00Z"}`: "/to",
		`{"from": "yesterday", "to": "2026-12-01T08:00:00Z"}`:            "/from",
		`{` + period + `, "limit": -1}`:                                  "/limit",
		`{` + period + `, "limit": 10001}`:                               "/limit",
		`{` + period + `, "code": "X"}`:                                  "/code",
	} {
		if r, p := schemas.DecodeBulkResubmission([]byte(body)); p == nil || p.Pointer != pointer {
			t.Errorf("%s: %+v, %v, want a problem at %s", body, r, p, pointer)
		}
	}
}

func TestNextID(t *testing.T) {
	t.Parallel()
	for old, want := range map[string]string{
		"order-1": "order-1~2", "order-1~2": "order-1~3", "order-1~9": "order-1~10", "~2": "~3", "a~2~2": "a~2~3",
		"": "~2", "a~": "a~~2", "a~1": "a~1~2", "a~02": "a~02~2", "a~x": "a~x~2", "a~-2": "a~-2~2", "a~99999999": "a~99999999~2",
	} {
		if got := schemas.NextID(old); got != want {
			t.Errorf("after %q comes %q, want %q", old, got, want)
		}
	}
}

func FuzzDecodeBulkResubmission(f *testing.F) {
	f.Add([]byte(`{"from": "2026-12-01T08:00:00Z", "to": "2026-12-01T09:00:00Z", "route": "crm", "limit": 5}`))
	f.Add([]byte(`{"from": "0001-01-01T00:00:00Z", "to": "9999-12-01T09:00:00+23:59"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, p := schemas.DecodeBulkResubmission(b)
		if p == nil && (!r.From.Before(r.To) || r.Limit < 1 || r.Limit > schemas.BulkLimitMax) {
			t.Errorf("%q is read as %+v", b, r)
		}
	})
}

func FuzzNextID(f *testing.F) {
	f.Add("order-1~2")
	f.Fuzz(func(t *testing.T, old string) {
		if next := schemas.NextID(old); next == old || schemas.NextID(next) == next || schemas.NextID(next) == old {
			t.Errorf("after %q comes %q", old, next)
		}
	})
}
