package ingest

import (
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"parley/schemas"
)

func TestKnownTags(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		header []string
		want   tags
	}{
		{"none", nil, tags{}},
		{"empty", []string{""}, tags{}},
		{"one", []string{`W/"a"`}, tags{list: []string{`"a"`}}},
		{"a strong one", []string{`"a"`}, tags{list: []string{`"a"`}}},
		{"some", []string{`W/"a" , "b"`, `W/"c,d"`}, tags{list: []string{`"a"`, `"b"`, `"c,d"`}}},
		{"an empty one", []string{`""`}, tags{list: []string{`""`}}},
		{"empty members", []string{`,,"a",`}, tags{list: []string{`"a"`}}},
		{"any", []string{" * "}, tags{any: true}},
		{"not a tag", []string{"a"}, tags{}},
		{"not a tag behind one", []string{`"a", b, "c"`}, tags{list: []string{`"a"`}}},
		{"without its end", []string{`"a`}, tags{}},
		{"any among others", []string{`"a", *`}, tags{list: []string{`"a"`}}},
	}
	for _, tt := range tests {
		if got := knownTags(http.Header{"If-None-Match": tt.header}); got.any != tt.want.any || !slices.Equal(got.list, tt.want.list) {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

func FuzzKnownTags(f *testing.F) {
	f.Add(`W/"a", "b"`)
	f.Add(`*`)
	f.Fuzz(func(t *testing.T, list string) {
		for _, tag := range tagsIn(list).list {
			if len(tag) < 2 || tag[0] != '"' || tag[len(tag)-1] != '"' {
				t.Errorf("%q of %q is not a tag", tag, list)
			}
			if !tagsIn(list).has(weak + tag) {
				t.Errorf("%q is listed, and not found", tag)
			}
		}
	})
}

func TestStatusThatTheClientHas(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.live.tell(func(f *fakeSource) { f.err = nil })
	for _, path := range []string{requestsPath + someID, conversationsPath + "c"} {
		r := h.get(t, path)
		tag := r.header.Get("ETag")
		if r.status != http.StatusOK || tag == "" || r.header.Get("Cache-Control") != "private, no-cache" || r.header.Get("Vary") != "Accept" {
			t.Fatalf("GET %s: %d, %v", path, r.status, r.header)
		}
		for _, known := range []string{tag, tag[len("W/"):], `"x", ` + tag, "*"} {
			r := h.get(t, path, "If-None-Match", known)
			if r.status != http.StatusNotModified || len(r.body) > 0 || r.header.Get("ETag") != tag || r.header.Get("Retry-After") == "" || r.header.Get("Cache-Control") == "" {
				t.Errorf("GET %s with %s: %d %s, %v", path, known, r.status, r.body, r.header)
			}
		}
		if r := h.get(t, path, "If-None-Match", `W/"x"`); r.status != http.StatusOK || len(r.body) == 0 {
			t.Errorf("GET %s with another tag: %d %s", path, r.status, r.body)
		}
		if other := h.get(t, path+"?wait=1ms", "If-None-Match", tag); other.status != http.StatusNotModified {
			t.Errorf("GET %s with a wait: %d %s", path, other.status, other.body)
		}
	}
	h.live.tell(func(f *fakeSource) { f.err = schemas.ErrUnknown })
	if d := h.get(t, requestsPath+someID, "If-None-Match", "*").problem(t); d.Code != schemas.NotFound {
		t.Errorf("what there is not: %+v", d)
	}
}

// A wait with If-None-Match ends with the first status that the client does not have.
func TestWaitForAnotherStatus(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		has  func(staged, waiting string) string
		want schemas.CallStatus
	}{
		{"one", func(staged, _ string) string { return staged }, schemas.Waiting},
		{"two", func(staged, waiting string) string { return waiting + "," + staged }, schemas.Executing},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := start(t)
			to := func(status schemas.CallStatus) string {
				h.live.tell(func(f *fakeSource) { f.err, f.call.Status = nil, status })
				return h.get(t, requestsPath+someID).header.Get("ETag")
			}
			waiting, staged := to(schemas.Waiting), to(schemas.Staged)
			answered := make(chan reply, 1)
			go func() {
				answered <- h.get(t, requestsPath+someID+"?wait=60s", "If-None-Match", tt.has(staged, waiting))
			}()
			for _, next := range []schemas.CallStatus{schemas.Waiting, schemas.Executing} {
				eventually(t, "it waits", func() bool {
					asked, _ := h.live.asked()
					last := asked[len(asked)-1]
					return last.Wait > 0 && last.Seen == tagNow(t, h)
				})
				if h.live.tell(func(f *fakeSource) { f.call.Status = next }); next == tt.want {
					break
				}
			}
			r := <-answered
			var status schemas.CallResource
			if r.decode(t, &status); r.status != http.StatusOK || status.Status != tt.want || r.took > patience {
				t.Errorf("after %s: %d %s, want %s", r.took, r.status, r.body, tt.want)
			}
		})
	}
}

// tagNow is the tag of the status as it is.
func tagNow(t *testing.T, h *harness) string {
	t.Helper()
	h.live.mu.Lock()
	defer h.live.mu.Unlock()
	return h.live.call.ETag()
}

func TestAskAgainAfter(t *testing.T) {
	t.Parallel()
	estimated := func(seconds float64) schemas.CallResource {
		position := int64(7)
		return schemas.CallResource{Status: schemas.Waiting, Position: &position, EstimatedSeconds: &seconds}
	}
	ended, later := schemas.CallResource{Status: schemas.OK}, schemas.CallResource{Status: schemas.Waiting}
	tests := []struct {
		status schemas.Resource
		want   time.Duration
	}{
		{ended, 0},
		{schemas.CallResource{Status: schemas.Queued}, time.Second},
		{schemas.CallResource{Status: schemas.Executing}, time.Second},
		{schemas.CallResource{Status: schemas.Deferred}, 5 * time.Second},
		{later, 5 * time.Second},
		{estimated(0.4), time.Second},
		{estimated(3), 3 * time.Second},
		{estimated(3600), 30 * time.Second},
		{schemas.ConversationResource{Status: schemas.ConversationComplete}, 0},
		{schemas.ConversationResource{Status: schemas.ConversationStaging}, 5 * time.Second},
		{schemas.ConversationResource{Status: schemas.ConversationProcessing, Calls: []schemas.CallResource{ended, estimated(7), later}}, 7 * time.Second},
	}
	for _, tt := range tests {
		if got := askAgainAfter(tt.status); got != tt.want {
			t.Errorf("%+v: %s, want %s", tt.status, got, tt.want)
		}
	}
	h := start(t)
	h.live.tell(func(f *fakeSource) { f.err, f.call.EstimatedSeconds = nil, new(float64(2.5)) })
	if got := h.get(t, requestsPath+someID).header.Get("Retry-After"); got != strconv.Itoa(3) {
		t.Errorf("Retry-After %q, want the estimate rounded up", got)
	}
	h.live.tell(func(f *fakeSource) { f.call.Status = schemas.OK })
	if got := h.get(t, requestsPath+someID).header.Get("Retry-After"); got != "" {
		t.Errorf("Retry-After %q of a final status", got)
	}
}
