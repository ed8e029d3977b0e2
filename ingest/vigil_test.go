package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/internal/control"
	"parley/schemas"
)

const synchronousCall = `{"method": "Create", "objects": [{"type": "Row"}], "options": {"requestType": "Synchronous"}}`

// ends has the live state say that every call has ended.
func (h *harness) ends(status schemas.CallStatus) {
	h.live.tell(func(f *fakeSource) {
		f.answers.request = func(q schemas.RequestQuery) (schemas.CallResource, error) {
			return schemas.CallResource{RequestID: q.ID.String(), Account: q.Account, SequenceCode: 1, CallsInConversation: 1, Status: status}, nil
		}
	})
}

// stays has it say that no call has.
func (h *harness) stays() { h.ends(schemas.Executing) }

func TestSynchronousCallIsAnsweredWithItsStatus(t *testing.T) {
	t.Parallel()
	h := start(t)
	var outages []schemas.RouteQuery
	h.live.tell(func(f *fakeSource) {
		f.answers.outage = func(q schemas.RouteQuery) (schemas.RouteOutage, error) {
			outages = append(outages, q)
			return schemas.RouteOutage{}, nil
		}
	})
	statuses := []schemas.CallStatus{schemas.OK, schemas.HasErrors, schemas.Error}
	for _, status := range statuses {
		h.ends(status)
		r := h.post(t, synchronousCall, "Parley-Account", "acme")
		if r.status != http.StatusOK {
			t.Fatalf("status %d, want 200: %s", r.status, r.body)
		}
		var got schemas.CallResource
		r.decode(t, &got)
		if got.Status != status || got.Account != "acme" || !strings.HasPrefix(r.header.Get("Location"), "/v1/requests/"+got.RequestID+"?receipt=") {
			t.Errorf("answer %s at %q, want %s", r.body, r.header.Get("Location"), status)
		}
	}
	asked, _ := h.live.asked()
	if len(asked) != len(statuses) || len(outages) != len(statuses) {
		t.Fatalf("asked %+v, and after %+v, want once of each", asked, outages)
	}
	for i, q := range asked {
		if q.Wait > time.Minute || q.Wait < 50*time.Second {
			t.Errorf("waited for %s, want a minute", q.Wait)
		}
		if want := (schemas.RouteQuery{Partition: q.Accepted.Partition, Route: "default"}); outages[i] != want {
			t.Errorf("asked after %+v, want %+v", outages[i], want)
		}
	}
	for _, r := range h.log(t, len(statuses)) {
		call, at := callOf(t, r), schemas.Position{Partition: r.Partition, Offset: r.Offset}
		if p := schemas.PriorityOf(call); p != schemas.Foremost {
			t.Errorf("queued with priority %d", p)
		}
		if !slices.ContainsFunc(asked, func(q schemas.RequestQuery) bool { return q.ID.String() == call.RequestId && *q.Accepted == at }) {
			t.Errorf("nobody was asked for %s at %+v", call.RequestId, at)
		}
	}
}

// However the question for the end fares, the call is in the log, and the client is told so.
func TestSynchronousCallThatGoesOn(t *testing.T) {
	t.Parallel()
	h := start(t, func(c *Config) { c.SynchronousWait = 50 * time.Millisecond })
	for _, err := range []error{nil, schemas.ErrUnavailable, errors.New("disk on fire")} {
		h.live.tell(func(f *fakeSource) { f.answers.request, f.err = nil, err })
		r := h.post(t, synchronousCall)
		d := r.problem(t)
		var got overdue
		r.decode(t, &got)
		if r.status != http.StatusGatewayTimeout || d.Code != schemas.SynchronousTimeout || !strings.Contains(d.Detail, "50ms") {
			t.Fatalf("when the live state says %v: %d %s", err, r.status, r.body)
		}
		if got.Location != r.header.Get("Location") || got.Location != "/v1/requests/"+got.RequestID+"?receipt="+got.Receipt {
			t.Errorf("location %q, header %q: %s", got.Location, r.header.Get("Location"), r.body)
		}
		h.ends(schemas.OK)
		if r := h.get(t, got.Location); r.status != http.StatusOK {
			t.Errorf("at the location: %d %s", r.status, r.body)
		}
	}
	h.log(t, 3)
}

func TestSynchronousCallIsRefusedWhileItsRouteIsDown(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC)
	h := start(t, func(c *Config) { c.Now = func() time.Time { return now } })
	begin := func(m control.Maintenance) func() {
		return func() {
			if err := h.control.put(m); err != nil {
				t.Error(err)
			}
		}
	}
	outage := func(o schemas.RouteOutage, err error) func() {
		return func() {
			h.live.tell(func(f *fakeSource) {
				f.answers.outage = func(schemas.RouteQuery) (schemas.RouteOutage, error) { return o, err }
			})
		}
	}
	for name, tt := range map[string]struct {
		is   func()
		code schemas.Code
		wait string
	}{
		"circuit":           {outage(schemas.RouteOutage{Cause: schemas.OutageCircuit, For: 1500 * time.Millisecond}, nil), schemas.RouteUnavailable, "2"},
		"being tried":       {outage(schemas.RouteOutage{Cause: schemas.OutageCircuit}, nil), schemas.RouteUnavailable, "1"},
		"owner's":           {outage(schemas.RouteOutage{Cause: schemas.OutageMaintenance}, nil), schemas.RouteUnavailable, "30"},
		"nobody carries on": {outage(schemas.RouteOutage{}, schemas.ErrUnavailable), schemas.OwnerUnavailable, "1"},
		"maintenance":       {begin(control.Maintenance{Route: "default", Reason: "r"}), schemas.RouteUnavailable, "30"},
		"maintenance until": {begin(control.Maintenance{Route: "default", Reason: "r", Until: now.Add(90 * time.Second)}), schemas.RouteUnavailable, "90"},
	} {
		tt.is()
		before := h.logEnd(t)
		r := h.post(t, synchronousCall)
		if d := r.problem(t); d.Code != tt.code || d.Status != http.StatusServiceUnavailable || r.header.Get("Retry-After") != tt.wait {
			t.Errorf("%s: %s after %q, want %s after %s", name, r.body, r.header.Get("Retry-After"), tt.code, tt.wait)
		}
		if n := h.logEnd(t) - before; n != 0 {
			t.Errorf("%s: %d records were queued", name, n)
		}
		// What nobody waits for is queued all the same.
		h.post(t, simpleCall).accepted(t)
		r = h.post(t, synchronousCall, "Prefer", "respond-async")
		if r.accepted(t); r.header.Get("Preference-Applied") != "respond-async" {
			t.Errorf("%s: applied %q", name, r.header.Get("Preference-Applied"))
		}
		h.live.tell(func(f *fakeSource) { f.answers.outage = nil })
		if err := h.control.End(t.Context(), "default"); err != nil {
			t.Error(err)
		}
	}
	if held := h.server.seats.taken.Load(); held != 0 {
		t.Errorf("%d seats are taken", held)
	}
}

func TestSynchronousCallIsARequestOfItsOwn(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.ends(schemas.OK)
	for media, body := range map[string]string{
		mimeJSON:   "[" + synchronousCall + "," + simpleCall + "]",
		mimeNDJSON: synchronousCall + "\n" + simpleCall,
	} {
		r := h.post(t, body, "Content-Type", media, "Prefer", "wait=5, respond-async")
		if r.status != http.StatusAccepted || !bytes.Contains(r.body, []byte(`"pointer":"/options/requestType"`)) || !bytes.Contains(r.body, []byte("InvalidParameter")) {
			t.Errorf("%s: %d %s", media, r.status, r.body)
		}
		if applied := r.header.Get("Preference-Applied"); applied != "" {
			t.Errorf("%s: applied %q to several calls", media, applied)
		}
	}
	if r := h.post(t, "["+synchronousCall+"]"); r.status != http.StatusBadRequest {
		t.Errorf("a list of one: %d %s", r.status, r.body)
	}
	if asked, _ := h.live.asked(); len(asked) > 0 {
		t.Errorf("asked %+v", asked)
	}
	h.log(t, 2)
}

func TestPreferWait(t *testing.T) {
	t.Parallel()
	ended, open := start(t), start(t)
	ended.ends(schemas.OK)
	open.stays()
	for _, tt := range []struct {
		call, prefer string
		ends         bool
		status       int
		applied      string
	}{
		{simpleCall, "wait=10", true, 200, "wait=10"},
		{simpleCall, "respond-async, wait=10", true, 200, "wait=10"},
		{simpleCall, "wait=700", true, 200, "wait=60"},
		{simpleCall, "wait=1", false, 202, "wait=1"},
		{simpleCall, "respond-async, wait=1", false, 202, "respond-async, wait=1"},
		{simpleCall, "respond-async", true, 202, "respond-async"},
		{simpleCall, "wait=0", true, 202, ""},
		{simpleCall, "handling=strict", true, 202, ""},
		{part("c", 1, 1), "wait=10", true, 200, "wait=10"},
		{synchronousCall, "wait=10", true, 200, "wait=10"},
		{synchronousCall, "wait=1", false, 504, "wait=1"},
		{synchronousCall, "wait=1, respond-async", false, 202, "respond-async, wait=1"},
		{synchronousCall, "wait=10, respond-async", true, 200, "wait=10"},
		{synchronousCall, "respond-async", true, 202, "respond-async"},
		{synchronousCall, "wait=0", true, 200, ""},
	} {
		t.Run(fmt.Sprintf("%s %t", tt.prefer, tt.ends), func(t *testing.T) {
			t.Parallel()
			h := open
			if tt.ends {
				h = ended
			}
			r := h.post(t, tt.call, "Prefer", tt.prefer)
			if r.status != tt.status || r.header.Get("Preference-Applied") != tt.applied || !strings.HasPrefix(r.header.Get("Location"), "/v1/requests/") {
				t.Errorf("%d, applied %q, at %q, want %d, %q: %s", r.status, r.header.Get("Preference-Applied"), r.header.Get("Location"), tt.status, tt.applied, r.body)
			}
		})
	}
}

// waits sends a call and returns where its answer comes, once its end is waited for; status 0: there is none.
func (h *harness) waits(ctx context.Context, t *testing.T, call string) <-chan reply {
	t.Helper()
	h.live.tell(func(f *fakeSource) { f.blocks, f.err = true, nil })
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url+callsPath, strings.NewReader(call))
	if err != nil {
		t.Fatal(err)
	}
	answered := make(chan reply, 1)
	go func() {
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			answered <- reply{}
			return
		}
		defer resp.Body.Close()
		answered <- reply{status: resp.StatusCode, header: resp.Header}
	}()
	eventually(t, "it is waited for", func() bool { asked, _ := h.live.asked(); return len(asked) > 0 })
	return answered
}

func TestWaitingIsBounded(t *testing.T) {
	t.Parallel()
	h := start(t, func(c *Config) { c.WaitingMax = 1 })
	answered := h.waits(t.Context(), t, synchronousCall)
	if metrics := h.get(t, "/metrics"); !bytes.Contains(metrics.body, []byte("\nparley_ingest_waiting 1\n")) {
		t.Error("the wait is not among the metrics")
	}
	if d := h.post(t, synchronousCall).problem(t); d.Code != schemas.QueueUnavailable || d.Status != http.StatusServiceUnavailable {
		t.Errorf("one more: %+v", d)
	}
	r := h.post(t, simpleCall, "Prefer", "wait=10")
	if r.accepted(t); r.header.Get("Preference-Applied") != "" {
		t.Errorf("applied %q", r.header.Get("Preference-Applied"))
	}
	h.log(t, 2)
	if err := h.stop(); err != nil {
		t.Error(err)
	}
	// The server stops, and the client hears the truth: the call is in the log.
	if r := <-answered; r.status != http.StatusAccepted || r.header.Get("Location") == "" {
		t.Errorf("at the end of the server: %+v", r)
	}
}

func TestClientThatLeavesIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	h := start(t)
	ctx, leave := context.WithCancel(t.Context())
	answered := h.waits(ctx, t, synchronousCall)
	leave()
	if r := <-answered; r.status != 0 {
		t.Errorf("answered %d", r.status)
	}
	eventually(t, "the seat is free", func() bool { return h.server.seats.taken.Load() == 0 })
	h.log(t, 1)
}
