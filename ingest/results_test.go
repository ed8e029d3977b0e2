package ingest

import (
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"parley/schemas"
)

// aCursor is a position in the log of the harness.
func aCursor() schemas.Cursor {
	return schemas.Cursor{Sequences: []int64{3, 0, 1041}, Part: &schemas.CursorPart{Partition: 2, Sequence: 1042, Ordinal: 7}}
}

// What is asked for reaches the record, and nothing else does.
func TestResultsAsks(t *testing.T) {
	t.Parallel()
	h := start(t)
	var asked schemas.ResultsQuery
	h.record.tell(func(f *fakeSource) {
		f.answers.results = func(q schemas.ResultsQuery) (schemas.ResultsPage, error) {
			asked = q
			return schemas.ResultsPage{}, nil
		}
	})
	from, to := time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC), time.Date(2026, 12, 1, 9, 0, 0, 1_000_000, time.UTC)
	for query, want := range map[string]schemas.ResultsQuery{
		"": {Limit: 100},
		"conversationId=&requestId=&correlationId=&status=&errorCode=&objectType=&customerKey=&from=&to=&after=&limit=": {Limit: 100},
		"conversationId=o%2F1%20%26&limit=1":    {ResultsFilter: schemas.ResultsFilter{ConversationID: "o/1 &"}, Limit: 1},
		"requestId=" + someID + "&limit=1000":   {ResultsFilter: schemas.ResultsFilter{RequestID: uuid.MustParse(someID)}, Limit: 1000},
		"correlationId=a,b&customerKey=k%C3%A4": {ResultsFilter: schemas.ResultsFilter{CorrelationID: "a,b", CustomerKey: "kä"}, Limit: 100},
		"status=Error,NotProcessed,Rejected,Cancelled,Expired,OK": {ResultsFilter: schemas.ResultsFilter{Statuses: []schemas.ResultStatus{
			schemas.Error, schemas.NotProcessed, schemas.Rejected, schemas.Cancelled, schemas.Expired, schemas.OK,
		}}, Limit: 100},
		"errorCode=X-17&objectType=Row":                                {ResultsFilter: schemas.ResultsFilter{ErrorCode: "X-17", ObjectType: "Row"}, Limit: 100},
		"from=2026-12-01T08:00:00Z&to=2026-12-01T10:00:00.001%2B01:00": {ResultsFilter: schemas.ResultsFilter{From: from, To: to}, Limit: 100},
		"after=" + aCursor().String():                                  {After: aCursor(), Limit: 100},
	} {
		want.Account = defaultAccount
		if r := h.get(t, resultsPath+"?"+query); r.status != http.StatusOK || !reflect.DeepEqual(asked, want) {
			t.Errorf("%q: status %d, asked for %+v, want %+v", query, r.status, asked, want)
		}
	}
}

// A page says what the record says, where the next one begins, and where those begin that come later.
func TestResultsAnswer(t *testing.T) {
	t.Parallel()
	h := start(t)
	at := time.UnixMilli(1_790_000_000_123).UTC()
	page := schemas.ResultsPage{
		Results: []schemas.RecordedResult{
			{
				Account: defaultAccount, ConversationID: "order-1", RequestID: uuid.MustParse(someID), SequenceCode: 2, Ordinal: 1, CorrelationID: "a", Method: "Create",
				ObjectType: "Row", CustomerKey: "k", Status: schemas.Error, ErrorCode: "X-17", Message: "no", AcceptedAt: &at, StartedAt: &at, CompletedAt: &at, Sequence: "3-1041",
			},
			{Account: defaultAccount, RequestID: uuid.MustParse(someID), Status: schemas.Rejected, Sequence: "3-1042"},
		},
		Cursor: aCursor(),
		More:   true,
	}
	h.record.tell(func(f *fakeSource) {
		f.answers.results = func(schemas.ResultsQuery) (schemas.ResultsPage, error) { return page, nil }
	})
	cursor := aCursor().String()
	first := fmt.Sprintf(`{"results":[{"account":"default","conversationId":"order-1","requestId":%q,"sequenceCode":2,"ordinal":1,"correlationId":"a",`+
		`"method":"Create","objectType":"Row","customerKey":"k","status":"Error","errorCode":"X-17","message":"no","acceptedAt":"2026-09-21T14:13:20.123Z",`+
		`"startedAt":"2026-09-21T14:13:20.123Z","completedAt":"2026-09-21T14:13:20.123Z","sequence":"3-1041"},`+
		`{"account":"default","conversationId":"","requestId":%q,"sequenceCode":0,"ordinal":0,"correlationId":"","method":"","objectType":"","customerKey":"",`+
		`"status":"Rejected","errorCode":"","message":"","sequence":"3-1042"}],"next":%q,"cursor":%q}`, someID, someID, cursor, cursor)
	if r := h.get(t, resultsPath); string(r.body) != first {
		t.Errorf("answered\n%s, want\n%s", r.body, first)
	}
	page = schemas.ResultsPage{Cursor: aCursor()}
	if r := h.get(t, resultsPath); string(r.body) != fmt.Sprintf(`{"results":[],"cursor":%q}`, cursor) {
		t.Errorf("answered %s", r.body)
	}
}

func TestResultsRefuses(t *testing.T) {
	t.Parallel()
	h := start(t)
	beyond := schemas.Cursor{Sequences: []int64{partitions: 1}}
	inBeyond := schemas.Cursor{Part: &schemas.CursorPart{Partition: partitions, Sequence: 1}}
	for query, says := range map[string]string{
		"status=HasErrors":             "ask for Error",
		"status=error":                 "NotProcessed",
		"status=Error,":                "NotProcessed",
		"status=Queued":                "NotProcessed",
		"requestId=17":                 "requestId is a UUID",
		"requestId=urn:uuid:" + someID: "requestId is a UUID",
		"conversationId=%FF":           "conversationId is not UTF-8",
		"customerKey=%FF":              "customerKey is not UTF-8",
		"from=yesterday":               "from is a time",
		"to=2026-12-01":                "to is a time",
		"from=2026-12-01T08:00:00Z&to=2026-12-01T08:00:00Z": "from is before to",
		"after=1":                         "after is a position",
		"after=" + aCursor().String()[1:]: "after is a position",
		"after=" + beyond.String():        "has 8",
		"after=" + inBeyond.String():      "has 8",
		"after=" + url.QueryEscape(listed(1, "a", schemas.ConversationComplete).Place().String()): "after is a position",
		"limit=0":         "1000",
		"limit=1001":      "1000",
		"limit=ten":       "1000",
		"limit=1&limit=1": "limit",
		"method=Create":   "conversationId",
		"wait=1":          "customerKey",
	} {
		if p := h.get(t, resultsPath+"?"+query).problem(t); p.Status != http.StatusBadRequest || p.Code != schemas.InvalidParameter || !strings.Contains(p.Detail, says) {
			t.Errorf("%q: %+v, want words of %q", query, p, says)
		}
	}
}

// A record that cannot tell, and one that would take too long, are told apart; neither is the searcher's fault.
func TestResultsUnavailable(t *testing.T) {
	t.Parallel()
	h := start(t)
	for says, err := range map[string]error{
		"shorter period":  fmt.Errorf("search: %w", schemas.ErrTooMuch),
		"ask again later": fmt.Errorf("search: %w", schemas.ErrUnavailable),
	} {
		h.record.tell(func(f *fakeSource) {
			f.answers.results = func(schemas.ResultsQuery) (schemas.ResultsPage, error) { return schemas.ResultsPage{}, err }
		})
		r := h.get(t, resultsPath)
		if p := r.problem(t); p.Status != http.StatusServiceUnavailable || p.Code != schemas.OwnerUnavailable || !strings.Contains(p.Detail, says) || r.header.Get("Retry-After") == "" {
			t.Errorf("%v: %s", err, r.body)
		}
	}
}
