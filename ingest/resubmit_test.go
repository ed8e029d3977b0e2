package ingest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/internal/topics"
	"parley/schemas"
)

// failed is a conversation whose second of three calls failed, and whose calls are kept.
func failed(id string) schemas.ConversationResource {
	r := standing(id, schemas.ConversationError)
	r.Kept = &schemas.KeptResource{From: 3, Failed: 2, Until: time.Date(2026, 12, 8, 8, 0, 0, 0, time.UTC)}
	return r
}

// continued has the owner continue a conversation as another when the command about it is applied.
func continued(as string) func(*owner, string) {
	return func(o *owner, id string) {
		old := o.conversations[id]
		old.ContinuedBy, old.Kept = &as, nil
		o.conversations[id] = old
		next := standing(as, schemas.ConversationStaging)
		next.Continues = &id
		o.conversations[as] = next
	}
}

func unchanged(*owner, string) {}

func (h *harness) resubmit(t testing.TB, id, body string) reply {
	t.Helper()
	return h.do(t, http.MethodPost, conversationsPath+url.PathEscape(id)+resubmitSuffix, []byte(body), "Parley-Account", "acme")
}

func TestResubmit(t *testing.T) {
	t.Parallel()
	h := start(t)
	o := held(failed("order/1"), continued("order/1 again"))
	h.owns(o)
	for range 2 { // repeated, it is answered the same
		r := h.resubmit(t, "order/1", `{"conversationId": "order/1 again", "includeFailed": true}`)
		if r.status != http.StatusCreated || r.header.Get("Location") != "/v1/conversations/order%2F1%20again" || !strings.Contains(string(r.body), `"continues":"order/1"`) {
			t.Fatalf("%d %v %s", r.status, r.header, r.body)
		}
	}
	record := h.log(t, 1)[0]
	const want = `{"account":"acme","conversationId":"order/1","as":"order/1 again","includeFailed":true}`
	if partition := topics.Partition("acme/order/1", partitions); string(record.Key) != "acme/order/1" || record.Partition != partition || string(record.Value) != want {
		t.Errorf("record %s on partition %d: %s, want it on %d: %s", record.Key, record.Partition, record.Value, partition, want)
	}
	if got := headers(record); got != "type=resubmit content-type=application/json" {
		t.Errorf("headers %s", got)
	}
	if d := h.resubmit(t, "order/1", `{"conversationId": "another"}`).problem(t); d.Code != schemas.AlreadyStarted || !strings.Contains(d.Detail, "order/1 again") {
		t.Errorf("under another id: %+v", d)
	}
}

func TestResubmitCallWithoutConversation(t *testing.T) {
	t.Parallel()
	h := start(t)
	single := failed(someID)
	single.Calls = alone(someID, "").Calls
	h.owns(held(single, continued("again")))
	if r := h.resubmit(t, someID, `{"conversationId": "again"}`); r.status != http.StatusCreated {
		t.Fatalf("%d %s", r.status, r.body)
	}
	const want = `{"account":"acme","requestId":"` + someID + `","as":"again"}`
	if got := string(h.log(t, 1)[0].Value); got != want {
		t.Errorf("record %s, want %s", got, want)
	}
}

func TestResubmitRefused(t *testing.T) {
	t.Parallel()
	unavailable := fmt.Errorf("no owner: %w", schemas.ErrUnavailable)
	onlyFailed := failed("c")
	onlyFailed.Kept.From = 4
	notKept := failed("c")
	notKept.Kept = nil
	also := func(o *owner, r schemas.ConversationResource) *owner {
		o.conversations[r.ConversationID] = r
		return o
	}
	errs := func(o *owner, id string, err error) *owner {
		o.err = map[string]error{id: err}
		return o
	}
	tests := []struct {
		name    string
		owner   *owner
		body    string
		record  schemas.ConversationStatus // of the record; empty: it knows nothing
		code    schemas.Code
		pointer string
		written int64
	}{
		{name: "it is open", owner: held(standing("c", schemas.ConversationProcessing), nil), code: schemas.AlreadyStarted},
		{name: "it did not fail", owner: held(standing("c", schemas.ConversationComplete), nil), code: schemas.AlreadyStarted},
		{name: "it was cancelled", owner: held(standing("c", schemas.ConversationCancelled), nil), code: schemas.AlreadyStarted},
		{name: "nothing is kept", owner: held(notKept, nil), code: schemas.PayloadGone},
		{name: "nothing was kept when it came to that", owner: held(failed("c"), func(o *owner, _ string) { o.conversations["c"] = notKept }), code: schemas.PayloadGone, written: 1},
		{name: "nothing is left of it", owner: &owner{err: map[string]error{"c": &schemas.RecordedError{}}}, record: schemas.ConversationError, code: schemas.PayloadGone},
		{name: "nothing is left of it, it did not fail", owner: &owner{err: map[string]error{"c": &schemas.RecordedError{}}}, record: schemas.ConversationComplete, code: schemas.AlreadyStarted},
		{name: "only the call that failed is left", owner: held(onlyFailed, nil), code: schemas.InvalidParameter, pointer: "/includeFailed"},
		{name: "another was faster", owner: held(failed("c"), continued("other")), code: schemas.AlreadyStarted, pointer: "/conversationId", written: 1},
		{name: "the new id is used", owner: also(held(failed("c"), nil), standing("new", schemas.ConversationStaging)), code: schemas.ConversationIDUsed, pointer: "/conversationId"},
		{name: "the new id was used long ago", owner: errs(held(failed("c"), nil), "new", &schemas.RecordedError{}), code: schemas.ConversationIDUsed, pointer: "/conversationId"},
		{name: "nobody knows of the new id", owner: errs(held(failed("c"), nil), "new", unavailable), code: schemas.OwnerUnavailable},
		{name: "it is unknown", owner: &owner{}, code: schemas.NotFound},
		{name: "nobody owns it", owner: errs(&owner{}, "c", unavailable), record: schemas.ConversationError, code: schemas.OwnerUnavailable},
		{name: "the owner has gone", owner: &owner{conversations: held(failed("c"), nil).conversations, silent: unavailable}, code: schemas.OwnerUnavailable, written: 1},
		{name: "no new id", owner: held(failed("c"), nil), body: `{}`, code: schemas.ConversationIDRequired, pointer: "/conversationId"},
		{name: "the old id", owner: held(failed("c"), nil), body: `{"conversationId": "c"}`, code: schemas.InvalidParameter, pointer: "/conversationId"},
		{name: "no JSON", owner: held(failed("c"), nil), body: `new`, code: schemas.InvalidBody},
		{name: "a long body", owner: held(failed("c"), nil), body: strings.Repeat(" ", commandBytesMax+1), code: schemas.TooLarge},
		{name: "a command without effect", owner: held(failed("c"), unchanged), code: schemas.Internal, written: 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := start(t)
			h.owns(tt.owner)
			if tt.record != "" {
				h.record.tell(func(f *fakeSource) { f.err, f.conversation = nil, standing("c", tt.record) })
			}
			if tt.body == "" {
				tt.body = `{"conversationId": "new"}`
			}
			if d := h.resubmit(t, "c", tt.body).problem(t); d.Code != tt.code || d.Pointer != tt.pointer {
				t.Errorf("%s at %q, want %s at %q: %s", d.Code, d.Pointer, tt.code, tt.pointer, d.Detail)
			}
			if got := h.logEnd(t); got != tt.written {
				t.Errorf("%d records were written, want %d", got, tt.written)
			}
		})
	}
}

// The calls of the new conversation are in the log before the old one is continued: it is never unknown.
func TestResubmittedIsNotUnknown(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.owns(held(failed("c"), func(o *owner, id string) {
		continued("new")(o, id)
		delete(o.conversations, "new")
	}))
	if d := h.resubmit(t, "c", `{"conversationId": "new"}`).problem(t); d.Code != schemas.OwnerUnavailable {
		t.Errorf("%+v", d)
	}
}

const period = `"from": "2026-12-01T08:00:00Z", "to": "2026-12-01T09:00:00Z"`

func (h *harness) resubmitMany(t testing.TB, body string) reply {
	t.Helper()
	return h.do(t, http.MethodPost, resubmitPath, []byte(body), "Parley-Account", "acme")
}

// bulk reads the lines of an answer, in short.
func bulk(t testing.TB, r reply) []string {
	t.Helper()
	if r.status != http.StatusOK || r.header.Get("Content-Type") != mimeNDJSON {
		t.Fatalf("%d %v %s", r.status, r.header, r.body)
	}
	var short []string
	for line := range strings.Lines(string(r.body)) {
		var l bulkLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		s := l.ConversationID + " as " + l.As + ": " + string(l.Status)
		if l.Problem != nil {
			s += string(l.Problem.Code)
		}
		short = append(short, s)
	}
	return short
}

func TestResubmitMany(t *testing.T) {
	t.Parallel()
	const many = 3*resubmissionsAtOnce + 1
	h := start(t)
	o := &owner{conversations: map[string]schemas.ConversationResource{}, apply: func(o *owner, id string) { continued(schemas.NextID(id))(o, id) }}
	var found []schemas.ConversationResource
	var want, wantDry []string
	for i := range many {
		id := fmt.Sprintf("order-%d", i)
		o.conversations[id] = failed(id)
		if i == 7 {
			o.conversations[id] = standing(id, schemas.ConversationComplete) // the record was behind
		}
		end := failed(id)
		end.ErrorCode, end.Message = schemas.CallFailed, "part 2 ended Error"
		found = append(found, end)
		wantDry = append(wantDry, id+" as "+id+"~2: ")
		want = append(want, id+" as "+id+"~2: Staging")
	}
	want[7] = "order-7 as order-7~2: AlreadyStarted"
	h.owns(o)
	var asked schemas.FailedQuery
	h.record.tell(func(f *fakeSource) {
		f.answers.failed = func(q schemas.FailedQuery) ([]schemas.ConversationResource, error) {
			asked = q
			return found, nil
		}
	})
	if got := bulk(t, h.resubmitMany(t, `{`+period+`, "route": "crm", "errorCode": "X", "limit": 49, "dryRun": true}`)); !slices.Equal(got, wantDry) {
		t.Errorf("dry run:\n%q\nwant\n%q", got, wantDry)
	}
	wantAsked := schemas.FailedQuery{
		Account: "acme", Route: "crm", Code: "X", From: time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC), To: time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC), Limit: 49,
	}
	if asked != wantAsked {
		t.Errorf("the record was asked %+v, want %+v", asked, wantAsked)
	}
	if n := h.logEnd(t); n != 0 {
		t.Fatalf("a dry run has written %d records", n)
	}
	for range 2 { // the record may be behind: what has been resubmitted stays so
		if got := bulk(t, h.resubmitMany(t, `{`+period+`}`)); !slices.Equal(got, want) {
			t.Errorf("got\n%q\nwant\n%q", got, want)
		}
		h.log(t, many-1)
	}
}

// A server that stops has a line for all that it has found: an answer that is cut short would look whole.
func TestResubmitManyAtTheEnd(t *testing.T) {
	t.Parallel()
	const many = 2 * resubmissionsAtOnce
	h := start(t)
	h.record.tell(func(f *fakeSource) {
		f.answers.failed = func(schemas.FailedQuery) ([]schemas.ConversationResource, error) {
			return slices.Repeat([]schemas.ConversationResource{failed("c")}, many), nil
		}
	})
	ctx, cancel := contextDone()
	defer cancel()
	w := httptest.NewRecorder()
	h.server.Handler().ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodPost, resubmitPath, strings.NewReader(`{`+period+`}`)))
	want := slices.Repeat([]string{"c as c~2: OwnerUnavailable"}, many)
	if got := bulk(t, reply{status: w.Code, header: w.Header(), body: w.Body.Bytes()}); !slices.Equal(got, want) {
		t.Errorf("got %q, want %d lines as %q", got, many, want[0])
	}
}

func TestResubmitManyRefused(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.record.tell(func(f *fakeSource) { f.err = schemas.ErrUnavailable })
	for body, code := range map[string]schemas.Code{
		`{` + period + `}`:                 schemas.OwnerUnavailable,
		`{}`:                               schemas.InvalidParameter,
		``:                                 schemas.InvalidBody,
		`{` + period + `, "limit": 10001}`: schemas.InvalidParameter,
	} {
		if d := h.resubmitMany(t, body).problem(t); d.Code != code {
			t.Errorf("%s: %+v, want %s", body, d, code)
		}
	}
	h.record.tell(func(f *fakeSource) {
		f.answers.failed = func(schemas.FailedQuery) ([]schemas.ConversationResource, error) {
			return []schemas.ConversationResource{failed(strings.Repeat("x", 199))}, nil
		}
	})
	if got := bulk(t, h.resubmitMany(t, `{`+period+`}`)); len(got) != 1 || !strings.HasSuffix(got[0], string(schemas.InvalidParameter)) {
		t.Errorf("an id that would be too long: %q", got)
	}
}
