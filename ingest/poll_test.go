package ingest

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/schemas"
)

const someID = "018f4c1e-7c1a-7b5e-9d55-0242ac120002"

// receiptFor is a valid receipt of someID.
func receiptFor(t testing.TB, account string) string {
	t.Helper()
	return newReceipts(testSecret).write(account, mustParse(t, someID), receipt{Position: schemas.Position{Partition: 3, Offset: 41}, acceptedAt: time.UnixMilli(1)})
}

func TestPollAsksLiveThenRecord(t *testing.T) {
	t.Parallel()
	unavailable := fmt.Errorf("no owner: %w", schemas.ErrUnavailable)
	unknown := fmt.Errorf("look up: %w", schemas.ErrUnknown)
	broken := errors.New("secret of the house")
	const fromLive, fromRecord = "live", "record"
	tests := []struct {
		name         string
		live, record error
		status       schemas.CallStatus // of the record, if it has one
		receipt      bool
		want         string // who answered, or a code
	}{
		{"live knows", nil, unknown, schemas.Queued, false, fromLive},
		{"only the record knows", unknown, nil, schemas.OK, false, fromRecord},
		{"nobody knows", unknown, unknown, schemas.Queued, false, "NotFound"},
		{"nobody knows what was accepted", unknown, unknown, schemas.Queued, true, "OwnerUnavailable"},
		{"live is away, the record has the end", unavailable, nil, schemas.Error, false, fromRecord},
		{"live is away, the record is not final", unavailable, nil, schemas.Executing, false, "OwnerUnavailable"},
		{"live is away, the record knows nothing", unavailable, unknown, schemas.Queued, false, "OwnerUnavailable"},
		{"the record is away", unknown, unavailable, schemas.Queued, false, "OwnerUnavailable"},
		{"the record is away, live knows", nil, unavailable, schemas.Queued, true, fromLive},
		{"both are away", unavailable, unavailable, schemas.Queued, false, "OwnerUnavailable"},
		{"both are broken", broken, broken, schemas.Queued, false, "OwnerUnavailable"},
		{"live is broken, the record has the end", broken, nil, schemas.OK, true, fromRecord},
	}
	h := start(t)
	for _, tt := range tests { // one after the other: they share the sources
		h.live.tell(func(f *fakeSource) {
			f.err, f.call.Message, f.conversation.Message = tt.live, fromLive, fromLive
		})
		h.record.tell(func(f *fakeSource) {
			f.err, f.call.Message, f.conversation.Message = tt.record, fromRecord, fromRecord
			f.call.Status, f.conversation.Status = tt.status, conversationStatus(tt.status)
		})
		path := requestsPath + someID
		if tt.receipt {
			path += "?receipt=" + receiptFor(t, "default")
		}
		paths := []string{path}
		if !tt.receipt {
			paths = append(paths, conversationsPath+"order-1234")
		}
		for _, path := range paths {
			r := h.get(t, path)
			if got := whoAnswered(t, r); got != tt.want {
				t.Errorf("%s: GET %s: %s, want %s: %s", tt.name, path, got, tt.want, r.body)
			}
			if tt.want == "OwnerUnavailable" && r.header.Get("Retry-After") == "" {
				t.Errorf("%s: no Retry-After", tt.name)
			}
			if strings.Contains(string(r.body), broken.Error()) {
				t.Errorf("%s: the answer shows what only the log may: %s", tt.name, r.body)
			}
		}
	}
	if !strings.Contains(h.logged.String(), broken.Error()) {
		t.Error("the failure of a source is not logged")
	}
}

// What the live state says that the record alone has is asked for under the name that it is recorded under.
func TestPollAsksTheRecordAsLiveSays(t *testing.T) {
	t.Parallel()
	h := start(t)
	first := mustParse(t, "018f4c1e-7c1a-7b5e-9d55-0242ac120099")
	place := schemas.Part{ConversationID: "c", SequenceCode: 2}
	h.record.tell(func(f *fakeSource) { f.err, f.call.Status = nil, schemas.OK })
	asked := []schemas.RequestQuery{}
	for _, gone := range []*schemas.RecordedError{{As: first, Part: place}, {Part: place}} {
		h.live.tell(func(f *fakeSource) { f.err = fmt.Errorf("look up: %w", gone) })
		if r := h.get(t, requestsPath+someID); r.status != http.StatusOK {
			t.Errorf("%+v: %d %s", gone, r.status, r.body)
		}
		recorded, _ := h.record.asked()
		asked = append(asked, recorded[len(recorded)-1])
	}
	if asked[0].ID != first || asked[0].Part != nil {
		t.Errorf("asked %+v, want it under %s", asked[0], first)
	}
	if asked[1].Part == nil || *asked[1].Part != place {
		t.Errorf("asked %+v, want it by %+v", asked[1], place)
	}
}

// Of an end that only the record knows, the owner still knows who has not been told yet; when it cannot tell, the others are shown.
func TestPollShowsDeliveriesThatHaveNotEnded(t *testing.T) {
	t.Parallel()
	h := start(t)
	at := time.UnixMilli(3).UTC()
	delivered := schemas.DeliveryResource{ResponseType: "HTTPPost", ResponseAddress: "https://one", Status: schemas.Delivered, Attempts: 1, CompletedAt: &at}
	since := schemas.DeliveryResource{ResponseType: "HTTPPost", ResponseAddress: "https://two", Status: schemas.Undelivered, Attempts: 9, CompletedAt: &at}
	pending := schemas.DeliveryResource{ResponseType: "HTTPPost", ResponseAddress: "https://three", Status: schemas.DeliveryPending, NextAttemptAt: &at}
	h.live.tell(func(f *fakeSource) { f.err = fmt.Errorf("look up: %w", &schemas.RecordedError{}) })
	recorded := func(receivers int) {
		h.record.tell(func(f *fakeSource) {
			told := schemas.Told{Partition: 2, Sequence: 7, Receivers: receivers}
			f.err, f.call.Status, f.conversation.Status = nil, schemas.OK, schemas.ConversationComplete
			f.call.Deliveries, f.call.Told = []schemas.DeliveryResource{delivered}, told
			f.conversation.Deliveries, f.conversation.Told = []schemas.DeliveryResource{delivered}, told
		})
	}
	asked := 0
	owner := func(q schemas.DeliveriesQuery) ([]schemas.EndDeliveries, error) {
		if asked++; q.Partition != 2 || !slices.Equal(q.Sequences, []int64{7}) {
			t.Errorf("asked %+v", q)
		}
		same := delivered
		return []schemas.EndDeliveries{{Sequence: 7, Deliveries: []schemas.DeliveryResource{pending, same, since}}}, nil
	}
	for _, tt := range []struct {
		name      string
		receivers int
		owner     func(schemas.DeliveriesQuery) ([]schemas.EndDeliveries, error)
		want      []string
	}{
		{"the owner tells", 3, owner, []string{"https://three", "https://one", "https://two"}},
		{"the owner is away", 3, nil, []string{"https://one"}},
		{"all have ended", 1, owner, []string{"https://one"}},
	} {
		recorded(tt.receivers)
		h.live.tell(func(f *fakeSource) { f.answers.deliveries = tt.owner })
		for _, path := range []string{requestsPath + someID, conversationsPath + "c"} {
			var got struct {
				Deliveries []schemas.DeliveryResource `json:"deliveries"`
			}
			h.get(t, path).decode(t, &got)
			var addresses []string
			for _, d := range got.Deliveries {
				addresses = append(addresses, d.ResponseAddress)
			}
			if !slices.Equal(addresses, tt.want) {
				t.Errorf("%s: GET %s shows %q, want %q", tt.name, path, addresses, tt.want)
			}
		}
	}
	if asked != 2 {
		t.Errorf("the owner was asked %d times, want 2", asked)
	}
}

// A page of a conversation whose first calls only the record has is put together.
func TestPollPutsAPageTogether(t *testing.T) {
	t.Parallel()
	h := start(t)
	call := func(k int32, status schemas.CallStatus) schemas.CallResource {
		return schemas.CallResource{RequestID: someID, Account: "default", ConversationID: "c", SequenceCode: k, CallsInConversation: 4, Status: status}
	}
	h.live.tell(func(f *fakeSource) {
		f.err = nil
		f.conversation.Calls, f.conversation.InRecord = []schemas.CallResource{call(2, schemas.OK), call(4, schemas.Waiting)}, []int32{1, 3}
	})
	recorded := []schemas.CallResource{call(1, schemas.OK), call(2, schemas.OK), call(3, schemas.HasErrors)}
	h.record.tell(func(f *fakeSource) {
		f.answers.calls = func(q schemas.ConversationQuery) ([]schemas.CallResource, error) {
			if q.ID != "c" || q.After != 0 {
				t.Errorf("the record was asked %+v", q)
			}
			return recorded, nil
		}
	})
	var got schemas.ConversationResource
	h.get(t, conversationsPath+"c").decode(t, &got)
	var codes []string
	for _, c := range got.Calls {
		codes = append(codes, fmt.Sprintf("%d %s", c.SequenceCode, c.Status))
	}
	if want := []string{"1 OK", "2 OK", "3 HasErrors", "4 Waiting"}; !slices.Equal(codes, want) || got.InRecord != nil {
		t.Errorf("calls %q, want %q", codes, want)
	}
	recorded = recorded[:2]
	if d := h.get(t, conversationsPath+"c").problem(t); d.Code != schemas.OwnerUnavailable {
		t.Errorf("the record is behind: %+v", d)
	}
	h.record.tell(func(f *fakeSource) { f.answers.calls, f.err = nil, schemas.ErrUnavailable })
	if d := h.get(t, conversationsPath+"c").problem(t); d.Code != schemas.OwnerUnavailable {
		t.Errorf("the record is away: %+v", d)
	}
}

func conversationStatus(s schemas.CallStatus) schemas.ConversationStatus {
	if s.Final() {
		return schemas.ConversationComplete
	}
	return schemas.ConversationProcessing
}

func whoAnswered(t testing.TB, r reply) string {
	t.Helper()
	if r.status != http.StatusOK {
		return string(r.problem(t).Code)
	}
	var resource struct {
		Message string `json:"message"`
	}
	r.decode(t, &resource)
	return resource.Message
}

func TestRequestQuery(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.live.tell(func(f *fakeSource) { f.err = nil })
	paths := []string{
		requestsPath + someID,
		requestsPath + strings.ToUpper(someID) + "?wait=2s",
		requestsPath + someID + "?wait=1m30s",
		requestsPath + someID + "?wait=7",
		requestsPath + someID + "?wait=0&receipt=" + receiptFor(t, "acme"),
	}
	for _, path := range paths {
		if r := h.get(t, path, "Parley-Account", "acme"); r.status != http.StatusOK {
			t.Fatalf("GET %s: %d %s", path, r.status, r.body)
		}
	}
	id := mustParse(t, someID)
	want := []schemas.RequestQuery{
		{Account: "acme", ID: id},
		{Account: "acme", ID: id, Wait: 2 * time.Second},
		{Account: "acme", ID: id, Wait: 60 * time.Second}, // the longest there is
		{Account: "acme", ID: id, Wait: 7 * time.Second},
		{Account: "acme", ID: id, Accepted: &schemas.Position{Partition: 3, Offset: 41}},
	}
	got, _ := h.live.asked()
	for i := range want {
		g, w := got[i], want[i]
		if (g.Accepted == nil) != (w.Accepted == nil) || g.Accepted != nil && *g.Accepted != *w.Accepted {
			t.Errorf("%s asked %+v, want %+v", paths[i], g.Accepted, w.Accepted)
		}
		g.Accepted, w.Accepted = nil, nil
		if g != w {
			t.Errorf("%s asked %+v, want %+v", paths[i], g, w)
		}
	}
}

func TestBadRequestQuery(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.live.tell(func(f *fakeSource) { f.err = nil })
	good := receiptFor(t, "default")
	b, err := base64.RawURLEncoding.DecodeString(good)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-1] ^= 1
	forged := base64.RawURLEncoding.EncodeToString(b)
	tests := []struct {
		path string
		code schemas.Code
	}{
		{requestsPath + "7", schemas.NotFound},
		{requestsPath + "%00", schemas.NotFound},
		{requestsPath + "{" + someID + "}", schemas.NotFound},
		{requestsPath + "urn:uuid:" + someID, schemas.NotFound},
		{requestsPath, schemas.NotFound},
		{requestsPath + someID + "?wait=soon", schemas.InvalidParameter},
		{requestsPath + someID + "?wait=-1s", schemas.InvalidParameter},
		{requestsPath + someID + "?wait=-1", schemas.InvalidParameter},
		{requestsPath + someID + "?wait=1e9", schemas.InvalidParameter},
		{requestsPath + someID + "?wait=99999999999999999999", schemas.InvalidParameter},
		{requestsPath + someID + "?receipt=x", schemas.InvalidParameter},
		{requestsPath + someID + "?receipt=" + good + "A", schemas.InvalidParameter},
		{requestsPath + someID + "?receipt=" + forged, schemas.InvalidParameter},
		{requestsPath + someID + "?receipt=" + receiptFor(t, "acme"), schemas.InvalidParameter},
		{requestsPath + "118f4c1e-7c1a-7b5e-9d55-0242ac120002?receipt=" + good, schemas.InvalidParameter},
		{conversationsPath, schemas.NotFound},
		{conversationsPath + "%ff", schemas.NotFound},
		{conversationsPath + strings.Repeat("c", 201), schemas.NotFound},
		{conversationsPath + "c?wait=x", schemas.InvalidParameter},
		{conversationsPath + "c?after=x", schemas.InvalidParameter},
		{conversationsPath + "c?after=-1", schemas.InvalidParameter},
		{conversationsPath + "c?after=2147483648", schemas.InvalidParameter},
	}
	for _, tt := range tests {
		if d := h.get(t, tt.path).problem(t); d.Code != tt.code || d.Status != tt.code.HTTPStatus() {
			t.Errorf("GET %s: %+v, want %s", tt.path, d, tt.code)
		}
	}
	if r, c := h.live.asked(); len(r)+len(c) > 0 {
		t.Errorf("the live state was asked %v, %v", r, c)
	}
}

func TestConversationIDsHoldAnyCharacter(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.live.tell(func(f *fakeSource) { f.err = nil })
	ids := []string{"order-1234", "a/b", "/", "a b", "100%", "%2F", "a%20b", "..", ".", "a?b#c", "é/ü", "a+b", ";", "\x00", someID, "a/resubmit", strings.Repeat("€", 66)}
	for _, id := range ids {
		if r := h.get(t, conversationsPath+url.PathEscape(id)+"?after=100"); r.status != http.StatusOK {
			t.Errorf("%q: %d %s", id, r.status, r.body)
		}
	}
	_, got := h.live.asked()
	if len(got) != len(ids) {
		t.Fatalf("asked %d times, want %d", len(got), len(ids))
	}
	for i, id := range ids {
		if want := (schemas.ConversationQuery{Account: "default", ID: id, After: 100}); got[i] != want {
			t.Errorf("asked %+v, want %+v", got[i], want)
		}
	}
}

func TestStatusAsJSON(t *testing.T) {
	t.Parallel()
	h := start(t)
	at := time.Date(2026, 12, 1, 8, 0, 0, 500e6, time.UTC)
	h.live.tell(func(f *fakeSource) {
		f.err = nil
		f.call = schemas.CallResource{RequestID: someID, Account: "default", SequenceCode: 1, CallsInConversation: 1, Status: schemas.Queued, AcceptedAt: &at}
		f.conversation = schemas.ConversationResource{ConversationID: "<c>", Account: "default", Status: schemas.ConversationStaging, CallsInConversation: 3}
	})
	want := map[string]string{
		requestsPath + someID:         `{"requestId":"018f4c1e-7c1a-7b5e-9d55-0242ac120002","account":"default","conversationId":"","sequenceCode":1,"callsInConversation":1,"status":"Queued","errorCode":"","message":"","total":0,"processed":0,"errors":0,"results":[],"attempts":0,"acceptedAt":"2026-12-01T08:00:00.5Z"}`,
		conversationsPath + "%3Cc%3E": `{"conversationId":"<c>","account":"default","status":"Staging","errorCode":"","message":"","callsInConversation":3,"received":0,"missing":[],"partsExpireAt":null,"total":0,"processed":0,"errors":0,"continues":null,"continuedBy":null,"calls":[]}`,
	}
	for path, want := range want {
		r := h.get(t, path)
		if string(r.body) != want || r.header.Get("Content-Type") != mimeJSON {
			t.Errorf("GET %s, %s:\ngot  %s\nwant %s", path, r.header.Get("Content-Type"), r.body, want)
		}
	}
}

// A wait that the end of the server cuts short is answered with the status as it is.
func TestShutdownEndsWaits(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.live.tell(func(f *fakeSource) {
		f.err, f.blocks, f.call = nil, true, schemas.CallResource{RequestID: someID, Account: "default", SequenceCode: 1, CallsInConversation: 2, Status: schemas.Staged}
	})
	answered := make(chan reply, 1)
	go func() { answered <- h.get(t, requestsPath+someID+"?wait=60s") }()
	eventually(t, "the poll waits", func() bool { r, _ := h.live.asked(); return len(r) == 1 })
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	r := <-answered
	if r.status != http.StatusOK || !strings.Contains(string(r.body), `"Staged"`) || r.took > patience {
		t.Errorf("after %s: %d %s", r.took, r.status, r.body)
	}
}
