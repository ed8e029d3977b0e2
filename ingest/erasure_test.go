package ingest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/internal/account"
	"parley/schemas"
)

// fakeEraser is a record in which each erasure finds what it is told to.
type fakeEraser struct {
	mu    sync.Mutex
	found schemas.RecordErased
	err   error
	asked []schemas.RecordErasure
}

func (f *fakeEraser) Erase(_ context.Context, q schemas.RecordErasure) (schemas.RecordErased, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, q)
	return f.found, f.err
}

func (f *fakeEraser) Remains(_ context.Context, account string) ([]schemas.Remains, error) {
	until := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	return []schemas.Remains{{Place: "the topic calls", What: "of " + account, Until: &until}, {Place: "backups", What: "of your own"}}, nil
}

// aPerson is whose data these tests erase.
const aPerson = "ann@example.com"

// erasingOwners has the owners say that they are done when they are asked for the third time, and that they have found something
// at the first command of each.
func erasingOwners(f *fakeSource) {
	asked, found := 0, make(map[int32]int64)
	f.answers.erasures = func(q schemas.ErasureQuery) (all []schemas.ErasureProgress, err error) {
		asked++
		for _, at := range q.Commands {
			e := schemas.ErasureProgress{Partition: at.Partition, Ended: asked >= 3, Sequence: 10 * int64(at.Partition)}
			if first, known := found[at.Partition]; e.Ended && (!known || first == at.Offset) {
				found[at.Partition] = at.Offset
				e.Open, e.Kept, e.Objects = 1, 2, 5
			}
			all = append(all, e)
		}
		if asked < 3 {
			all, err = all[1:], fmt.Errorf("one cannot tell: %w", schemas.ErrUnavailable)
		}
		return all, err
	}
}

func TestErasure(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.live.tell(erasingOwners)
	h.eraser.found = schemas.RecordErased{Results: 7, Calls: 3}
	r := h.do(t, http.MethodPost, erasuresPath, []byte(`{"account":"umbra","subscriberKey":"`+aPerson+`"}`), accountHeader, "ops")
	if r.status != http.StatusOK {
		t.Fatalf("status %d: %s", r.status, r.body)
	}
	var got schemas.ErasureResource
	r.decode(t, &got)
	subject := schemas.Subject("umbra", aPerson)
	want := schemas.ErasedCounts{OpenCalls: partitions, KeptCalls: 2 * partitions, Objects: 5 * partitions, Results: 7, CallRows: 3}
	if got.Account != "umbra" || uint64(got.Subject) != subject || got.DryRun || got.ErasedAt.IsZero() || got.Erased != want || len(got.Remains) != 2 || got.Remains[1].Until != nil {
		t.Errorf("answer %+v, want %+v", got, want)
	}
	seen := make(map[int32]int)
	for _, record := range h.log(t, 2*partitions) {
		seen[record.Partition]++
		e, p := schemas.DecodeErase(record.Value)
		if p != nil || e.Account != "umbra" || uint64(e.Subject) != subject || e.DryRun || !strings.Contains(headers(record), schemas.RecordErase) {
			t.Errorf("record %s: %+v, %v", record.Value, e, p)
		}
	}
	for p, n := range seen {
		if n != 2 {
			t.Errorf("partition %d has %d commands, want 2", p, n)
		}
	}
	upto := make(map[int32]int64)
	for p := range int32(partitions) {
		upto[p] = 10 * int64(p)
	}
	if asked := h.eraser.asked; len(asked) != 1 || asked[0].Account != "umbra" || asked[0].Subject != subject || !maps.Equal(asked[0].Upto, upto) {
		t.Errorf("the record was asked %+v, want up to %v", asked, upto)
	}
	h.saysNothingOfThem(t)
}

func TestErasureAtOnce(t *testing.T) {
	t.Parallel()
	h := start(t)
	if !h.server.erasures.take() {
		t.Fatal("no erasure may be under way")
	}
	r := h.do(t, http.MethodPost, erasuresPath, []byte(`{"subscriberKey":"`+aPerson+`"}`))
	if d := r.problem(t); d.Status != http.StatusServiceUnavailable || r.header.Get("Retry-After") != "5" || !strings.Contains(d.Detail, "another erasure") {
		t.Errorf("while another is under way: %+v, Retry-After %s", d, r.header.Get("Retry-After"))
	}
	h.server.erasures.leave()
	h.live.tell(erasingOwners)
	if r = h.do(t, http.MethodPost, erasuresPath, []byte(`{"subscriberKey":"`+aPerson+`"}`)); r.status != http.StatusOK {
		t.Errorf("after it: status %d: %s", r.status, r.body)
	}
}

// saysNothingOfThem looks for the person wherever the server has written something.
func (h *harness) saysNothingOfThem(t *testing.T) {
	t.Helper()
	metrics := h.get(t, "/metrics")
	for name, text := range map[string]string{"log": h.logged.String(), "metrics": string(metrics.body)} {
		if strings.Contains(text, aPerson) {
			t.Errorf("the %s says %q: %s", name, aPerson, text)
		}
	}
}

// A dry run asks once, and says that it is one.
func TestErasureDryRun(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.live.tell(erasingOwners)
	r := h.do(t, http.MethodPost, erasuresPath, []byte(`{"subscriberKey":"`+aPerson+`","dryRun":true}`), accountHeader, "ops")
	var got schemas.ErasureResource
	r.decode(t, &got)
	if r.status != http.StatusOK || got.Account != "ops" || !got.DryRun || got.Erased.Objects != 5*partitions {
		t.Errorf("status %d: %+v", r.status, got)
	}
	for _, record := range h.log(t, partitions) {
		if e, p := schemas.DecodeErase(record.Value); p != nil || !e.DryRun {
			t.Errorf("record %s: %+v, %v", record.Value, e, p)
		}
	}
	if asked := h.eraser.asked; len(asked) != 1 || !asked[0].DryRun {
		t.Errorf("the record was asked %+v", asked)
	}
}

// What was done and what was not is said when the record is away; of a dry run, that nothing was.
func TestErasureWithoutTheRecord(t *testing.T) {
	t.Parallel()
	held := fmt.Sprintf("%d objects of %d open and %d kept calls ", 5*partitions, partitions, 2*partitions)
	for name, tt := range map[string]struct {
		dryRun bool
		want   string
	}{
		"erasure": {false, held + "are erased; the record in ClickHouse is not"},
		"dry run": {true, held + "would be; the record in ClickHouse cannot tell now; nothing was erased, send this again later"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := start(t)
			h.live.tell(erasingOwners)
			h.eraser.err = fmt.Errorf("no connection: %w", schemas.ErrUnavailable)
			r := h.do(t, http.MethodPost, erasuresPath, fmt.Appendf(nil, `{"subscriberKey":%q,"dryRun":%t}`, aPerson, tt.dryRun))
			var p struct{ Code, Detail string }
			if err := json.Unmarshal(r.body, &p); err != nil || r.status != http.StatusServiceUnavailable || p.Code != string(schemas.OwnerUnavailable) {
				t.Errorf("status %d, %s, %v", r.status, r.body, err)
			}
			if !strings.Contains(p.Detail, tt.want) {
				t.Errorf("detail %q, want that it says %q", p.Detail, tt.want)
			}
			if !strings.Contains(h.logged.String(), "an erasure is not complete") {
				t.Error("operators are not told")
			}
			h.saysNothingOfThem(t)
		})
	}
}

func TestErasureRefused(t *testing.T) {
	t.Parallel()
	keys := make(fakeKeys)
	admin := keys.mint("ops", []account.Scope{account.Admin})
	tenant := keys.mint("acme", []account.Scope{account.Read, account.Submit})
	h := start(t, byKeys(keys))
	for _, c := range []struct {
		body, key string
		status    int
		code      schemas.Code
	}{
		{`{"subscriberKey":"` + aPerson + `"}`, tenant, http.StatusForbidden, schemas.Forbidden},
		{`{"subscriberKey":"` + aPerson + `"}`, "", http.StatusUnauthorized, schemas.Unauthenticated},
		{`{}`, admin, http.StatusBadRequest, schemas.InvalidParameter},
		{`{"subscriberKey":""}`, admin, http.StatusBadRequest, schemas.InvalidParameter},
		{`{"subscriberKey":"` + aPerson + `","account":"no/account"}`, admin, http.StatusBadRequest, schemas.InvalidParameter},
		{`{"subscriberKey":"` + aPerson + `","customerKey":"c"}`, admin, http.StatusBadRequest, schemas.InvalidBody},
		{`"` + aPerson + `"`, admin, http.StatusBadRequest, schemas.InvalidBody},
	} {
		var header []string
		if c.key != "" {
			header = []string{"Authorization", "Bearer " + c.key}
		}
		r := h.do(t, http.MethodPost, erasuresPath, []byte(c.body), header...)
		var p struct{ Code schemas.Code }
		if err := json.Unmarshal(r.body, &p); err != nil || r.status != c.status || p.Code != c.code {
			t.Errorf("%s: status %d, %s, %v, want %d %s", c.body, r.status, r.body, err, c.status, c.code)
		}
	}
	if n := h.logEnd(t); n != 0 {
		t.Errorf("%d records were written", n)
	}
	h.saysNothingOfThem(t)
}

// Who has erased whose data stands in the log, and who it was does not.
func TestErasureIsAudited(t *testing.T) {
	t.Parallel()
	keys := make(fakeKeys)
	admin := keys.mint("ops", []account.Scope{account.Admin})
	h := start(t, byKeys(keys))
	h.live.tell(erasingOwners)
	h.do(t, http.MethodPost, erasuresPath, []byte(`{"account":"acme","subscriberKey":"`+aPerson+`"}`), "Authorization", "Bearer "+admin)
	said := strings.Join(h.audits(), "\n")
	for _, want := range []string{"action=erase outcome=done account=ops", "of=acme", "subject=" + schemas.SubjectHash(schemas.Subject("acme", aPerson)).String(), "dry_run=false"} {
		if !strings.Contains(said, want) {
			t.Errorf("audited as %q, want %q in it", said, want)
		}
	}
	h.saysNothingOfThem(t)
}
