package ingest

import (
	"encoding/json"
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

// listed is a conversation that was accepted so many milliseconds after the epoch of the tests.
func listed(ms int64, id string, status schemas.ConversationStatus) schemas.ConversationResource {
	at := time.UnixMilli(1_790_000_000_000 + ms).UTC()
	return schemas.ConversationResource{ConversationID: id, Account: defaultAccount, Status: status, AcceptedAt: &at, Missing: []int32{}, Calls: []schemas.CallResource{}}
}

// lister answers as a source that has these conversations.
func lister(have *[]schemas.ConversationResource) func(schemas.ConversationsQuery) ([]schemas.ConversationResource, error) {
	return func(q schemas.ConversationsQuery) ([]schemas.ConversationResource, error) {
		its := slices.DeleteFunc(slices.Clone(*have), func(r schemas.ConversationResource) bool { return !q.Wants(r.Status) || !q.Has(r.Place()) })
		slices.SortFunc(its, func(a, b schemas.ConversationResource) int { return a.Place().Compare(b.Place()) })
		return its[:min(len(its), q.Limit)], nil
	}
}

// list asks for a page.
func (h *harness) list(t *testing.T, query string) (ids []string, page ConversationList) {
	t.Helper()
	r := h.get(t, conversationListPath+"?"+query)
	if r.status != http.StatusOK {
		t.Fatalf("status %d: %s", r.status, r.body)
	}
	r.decode(t, &page)
	for _, c := range page.Conversations {
		ids = append(ids, c.ConversationID)
	}
	return ids, page
}

func TestListIsOfBothSources(t *testing.T) {
	t.Parallel()
	h := start(t)
	next := "next"
	ended, continued := listed(3, "failed", schemas.ConversationError), listed(3, "failed", schemas.ConversationError)
	continued.ContinuedBy = &next
	kept := listed(4, "kept", schemas.ConversationError)
	kept.Kept = &schemas.KeptResource{From: 1, Until: time.UnixMilli(1_790_000_000_000).UTC()}
	single := listed(1, someID, schemas.ConversationComplete)
	single.RequestID = someID
	live := []schemas.ConversationResource{listed(2, "moves", schemas.ConversationProcessing), ended, kept, listed(5, "staging", schemas.ConversationStaging)}
	record := []schemas.ConversationResource{
		listed(1, "old", schemas.ConversationComplete), single, listed(2, "moves", schemas.ConversationComplete), continued, listed(4, "kept", schemas.ConversationError),
		listed(6, "expired", schemas.ConversationExpired),
	}
	h.live.tell(func(f *fakeSource) { f.answers.list = lister(&live) })
	h.record.tell(func(f *fakeSource) { f.answers.list = lister(&record) })
	at := func(ms int64) string {
		return url.QueryEscape(time.UnixMilli(1_790_000_000_000 + ms).UTC().Format(time.RFC3339Nano))
	}
	for query, want := range map[string]string{
		"":                                  "old " + someID + " moves failed kept staging expired",
		"status=Complete":                   "old " + someID + " moves",
		"status=Staging,Scheduled,Expired":  "staging expired",
		"status=Processing":                 "moves",
		"from=" + at(2):                     "moves failed kept staging expired",
		"from=" + at(2) + "&to=" + at(4):    "moves failed",
		"to=" + at(2):                       "old " + someID,
		"to=0001-01-01T00:00:00Z":           "",
		"status=Cancelled":                  "",
		"from=2026-12-01T08:00:00%2B02:00":  "",
		"limit=1000&status=Error,Complete":  "old " + someID + " moves failed kept",
		"status=Error,Error&from=" + at(-1): "failed kept",
	} {
		if ids, page := h.list(t, query); strings.Join(ids, " ") != want || page.Next != "" {
			t.Errorf("%q lists %q, next %q, want %q", query, ids, page.Next, want)
		}
	}
	for limit := 1; limit <= 7; limit++ {
		var all []string
		after := ""
		for range 10 {
			ids, page := h.list(t, fmt.Sprintf("limit=%d&after=%s", limit, after))
			if all = append(all, ids...); page.Next == "" {
				break
			}
			after = page.Next
		}
		if want := "old " + someID + " moves failed kept staging expired"; strings.Join(all, " ") != want {
			t.Errorf("pages of %d list %q, want %q", limit, all, want)
		}
	}
	_, page := h.list(t, "")
	if got := page.Conversations; got[2].Status != schemas.ConversationComplete || got[3].ContinuedBy == nil || got[4].Kept == nil || got[1].RequestID != someID || got[0].RequestID != "" {
		t.Errorf("not the latest is told: %+v", page)
	}
	var raw struct {
		Conversations []map[string]any `json:"conversations"`
	}
	if err := json.Unmarshal(h.get(t, conversationListPath).body, &raw); err != nil {
		t.Fatal(err)
	}
	if _, has := raw.Conversations[0]["calls"]; has || raw.Conversations[0]["acceptedAt"] == nil {
		t.Errorf("listed is %v", raw.Conversations[0])
	}
}

// The conversations that are open can be listed without the record, and none without their owners.
func TestListWithoutASource(t *testing.T) {
	t.Parallel()
	h := start(t)
	fails := func(schemas.ConversationsQuery) ([]schemas.ConversationResource, error) {
		return nil, fmt.Errorf("away: %w", schemas.ErrUnavailable)
	}
	live := []schemas.ConversationResource{listed(1, "open", schemas.ConversationStaging)}
	h.live.tell(func(f *fakeSource) { f.answers.list = lister(&live) })
	h.record.tell(func(f *fakeSource) { f.answers.list = fails })
	if ids, _ := h.list(t, "status=Staging,Processing"); len(ids) != 1 {
		t.Errorf("open conversations are %v", ids)
	}
	for _, query := range []string{"", "?status=Complete", "?status=Staging,Error"} {
		r := h.get(t, conversationListPath+query)
		if p := r.problem(t); p.Code != schemas.OwnerUnavailable || !strings.Contains(p.Detail, "record") || r.header.Get("Retry-After") == "" {
			t.Errorf("%q: %s", query, r.body)
		}
	}
	h.record.tell(func(f *fakeSource) { f.answers.list = nil })
	for _, err := range []error{schemas.ErrUnavailable, errors.New("a defect")} {
		h.live.tell(func(f *fakeSource) {
			f.answers.list = func(schemas.ConversationsQuery) ([]schemas.ConversationResource, error) { return nil, err }
		})
		for _, query := range []string{"", "?status=Staging", "?status=Complete"} {
			r := h.get(t, conversationListPath+query)
			if p := r.problem(t); p.Code != schemas.OwnerUnavailable || !strings.Contains(p.Detail, "nodes") {
				t.Errorf("%q: %s", query, r.body)
			}
		}
	}
}

func TestListRefuses(t *testing.T) {
	t.Parallel()
	h := start(t)
	cursor := listed(1, "a", schemas.ConversationComplete).Place().String()
	for query, says := range map[string]string{
		"status=complete":                "Staging",
		"status=Complete,":               "Staging",
		"status=Complete%20,Error":       "Staging",
		"from=yesterday":                 "from is a time",
		"to=2026-12-01":                  "to is a time",
		"from=2026-12-01T08:00:00+02:00": "%2B",
		"from=2026-12-01T08:00:00Z&to=2026-12-01T08:00:00Z": "before",
		"from=2026-12-02T08:00:00Z&to=2026-12-01T08:00:00Z": "before",
		"after=1":               "next",
		"after=" + cursor + "x": "next",
		"after=" + cursor[1:]:   "next",
		"limit=0":               "1000",
		"limit=1001":            "1000",
		"limit=ten":             "1000",
		"state=Complete":        "status",
		"after=" + schemas.ConversationPlace{ID: ""}.String():                "next",
		"after=" + schemas.ConversationPlace{Single: true, ID: "x"}.String(): "next",
	} {
		if p := h.get(t, conversationListPath+"?"+query).problem(t); p.Status != http.StatusBadRequest || p.Code != schemas.InvalidParameter || !strings.Contains(p.Detail, says) {
			t.Errorf("%q: %+v, want words of %q", query, p, says)
		}
	}
	for _, query := range []string{"limit=1", "limit=1000", "after=" + cursor, "status=", "from=2026-12-01T08:00:00.000Z&to=2026-12-01T08:00:00.001Z"} {
		h.list(t, query)
	}
}
