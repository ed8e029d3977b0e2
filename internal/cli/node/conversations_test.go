package node

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"parley/results/recordtest"
	"parley/schemas"
)

// page asks for a page of conversations, and says where the next begins.
func (n *running) page(query url.Values) (page []schemas.ConversationResource, next string) {
	n.t.Helper()
	a := n.get("/v1/conversations?" + query.Encode())
	if a.code != http.StatusOK {
		n.t.Fatalf("list: %d %s", a.code, a.body)
	}
	var list struct {
		Conversations []schemas.ConversationResource
		Next          string
	}
	if err := json.Unmarshal([]byte(a.body), &list); err != nil {
		n.t.Fatal(err)
	}
	return list.Conversations, list.Next
}

// seen counts the conversations on all pages of a list.
func (n *running) seen(query url.Values) map[string]int {
	n.t.Helper()
	seen := make(map[string]int)
	var last schemas.ConversationPlace
	for {
		page, next := n.page(query)
		for _, r := range page {
			seen[r.ConversationID]++
			if r.Place().Compare(last) <= 0 {
				n.t.Errorf("%s is not behind %+v", r.ConversationID, last)
			}
			last = r.Place()
		}
		if next == "" {
			return seen
		}
		query.Set("after", next)
	}
}

// Whoever goes through the pages of a list meets each conversation once, while all of them go on, from the state of two
// owners into the record, and others come.
func TestListUnderProgress(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	dsn := recordtest.DSN(t)
	withRecord := func(c *Config) { c.ClickHouseDSN = dsn }
	a := s.start("a", Roles{Ingest: true, Processor: true, Results: true}, withRecord)
	b := s.start("b", Roles{Processor: true}, withRecord)
	a.owns(4)
	b.owns(4)

	const each = 100
	var calls []string
	call := func(objectType, id string, part, of int) {
		calls = append(calls, fmt.Sprintf(
			`{"method":"Create","objects":[{"type":%q}],"options":{"conversationId":%q,"sequenceCode":%d,"callsInConversation":%d}}`, objectType, id, part, of))
	}
	post := func() {
		if got := a.once(http.MethodPost, "/v1/calls", "["+strings.Join(calls, ",")+"]"); got.code != http.StatusAccepted {
			t.Errorf("calls: %d %s", got.code, got.body)
		}
		calls = nil
	}
	for i := range each {
		call("Row", fmt.Sprint("complete-", i), 1, 1)
		call("Row", fmt.Sprint("staging-", i), 1, 2)
		call("Bad", fmt.Sprint("failed-", i), 1, 1)
		calls = append(calls, `{"method":"Create","objects":[{"type":"Row"}]}`)
	}
	post()
	var progress sync.WaitGroup
	progress.Go(func() {
		for i := range each {
			call("Row", fmt.Sprint("staging-", i), 2, 2)
			call("Row", fmt.Sprint("late-", i), 1, 1)
			if i%10 == 9 {
				post()
			}
		}
	})
	for range 5 {
		seen := a.seen(url.Values{"limit": {"17"}})
		singles := 0
		for id, n := range seen {
			if n != 1 {
				t.Errorf("%s was seen %d times", id, n)
			}
			if len(id) == 36 {
				singles++
			}
		}
		for i := range each {
			for _, kind := range []string{"complete", "staging", "failed"} {
				if id := fmt.Sprint(kind, "-", i); seen[id] == 0 {
					t.Errorf("%s was not seen", id)
				}
			}
		}
		if singles != each {
			t.Errorf("%d calls without a conversationId were seen, want %d", singles, each)
		}
	}
	progress.Wait()
	s.eventually("all have ended", func() bool { return len(a.seen(url.Values{"status": {"Complete,Error"}, "limit": {"1000"}})) == 5*each })
	if open, _ := a.page(url.Values{"status": {"Staging,Scheduled,Processing"}}); len(open) > 0 {
		t.Errorf("%d are open", len(open))
	}
}
