package ingest

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/internal/account"
	"parley/schemas"
)

// clock is a clock that stands until it is told to go on.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// limited has a server take the calls of acme within limits.
func limited(c *clock, l account.Limits) func(*Config) {
	return func(cfg *Config) {
		cfg.Now = c.now
		cfg.AccountLimits = func(of string) account.Limits {
			if of != "acme" {
				return account.Limits{}
			}
			return l
		}
	}
}

// bodyOf is NDJSON of so many calls.
func bodyOf(calls int) []byte { return bytes.Repeat([]byte(simpleCall+"\n"), calls) }

func (h *harness) lines(t *testing.T, of string, body []byte) (r reply, refused []document) {
	t.Helper()
	r = h.do(t, http.MethodPost, callsPath, body, "Content-Type", mimeNDJSON, accountHeader, of)
	for line := range bytes.Lines(r.body) {
		var d document
		if bytes.Contains(line, []byte(`"code"`)) {
			reply{body: line}.decode(t, &d)
			refused = append(refused, d)
		}
	}
	return r, refused
}

func TestRateOfAnAccount(t *testing.T) {
	t.Parallel()
	c := newClock()
	h := start(t, limited(c, account.Limits{Rate: 2, Burst: 3}))
	for range 3 {
		h.post(t, simpleCall, accountHeader, "acme").accepted(t)
	}
	r := h.post(t, simpleCall, accountHeader, "acme")
	if p := r.problem(t); r.status != http.StatusTooManyRequests || p.Code != schemas.RateLimited || r.header.Get("Retry-After") != "1" ||
		!strings.Contains(p.Detail, "the account acme may send 2 calls a second, and 3 at once") {
		t.Errorf("status %d, Retry-After %q: %s", r.status, r.header.Get("Retry-After"), r.body)
	}
	h.post(t, simpleCall, accountHeader, "globex").accepted(t) // has a bucket of its own
	c.add(500 * time.Millisecond)
	h.post(t, simpleCall, accountHeader, "acme").accepted(t)
	if r := h.post(t, simpleCall, accountHeader, "acme"); r.status != http.StatusTooManyRequests {
		t.Errorf("status %d", r.status)
	}
	h.log(t, 5)
}

func TestRateOfManyCalls(t *testing.T) {
	t.Parallel()
	c := newClock()
	h := start(t, limited(c, account.Limits{Rate: 2, Burst: 4}))
	r, refused := h.lines(t, "acme", append([]byte("null\n"), bodyOf(10)...))
	if r.status != http.StatusAccepted || len(refused) != 7 || refused[0].Code != schemas.InvalidBody || r.header.Get("Retry-After") != "2" {
		t.Fatalf("status %d, Retry-After %q, %d refused: %s", r.status, r.header.Get("Retry-After"), len(refused), r.body)
	}
	for _, d := range refused[1:] {
		if d.Code != schemas.RateLimited || d.Status != http.StatusTooManyRequests {
			t.Errorf("refused with %+v", d)
		}
	}
	r, refused = h.lines(t, "acme", bodyOf(2))
	if r.status != http.StatusTooManyRequests || len(refused) != 2 || r.header.Get("Retry-After") != "1" {
		t.Errorf("status %d, Retry-After %q: %s", r.status, r.header.Get("Retry-After"), r.body)
	}
	array := h.post(t, "["+simpleCall+","+simpleCall+"]", accountHeader, "acme")
	var all acknowledgmentCounts
	array.decode(t, &all)
	if array.status != http.StatusTooManyRequests || all.Accepted != 0 || all.Rejected != 2 {
		t.Errorf("status %d: %s", array.status, array.body)
	}
	c.add(2 * time.Second) // as was said
	if r, refused := h.lines(t, "acme", bodyOf(6)); r.status != http.StatusAccepted || len(refused) != 2 {
		t.Errorf("status %d, %d refused", r.status, len(refused))
	}
	h.log(t, 8)
	metrics := h.get(t, "/metrics")
	if !bytes.Contains(metrics.body, []byte(`parley_ingest_limited_total{limit="rate"} 12`)) {
		t.Errorf("metrics do not count 12 calls that were kept out")
	}
}

// acknowledgmentCounts are the counts in the answer to an array.
type acknowledgmentCounts struct {
	Accepted int `json:"accepted"`
	Rejected int `json:"rejected"`
}

// Limits that change are in force at the next call.
func TestLimitsChange(t *testing.T) {
	t.Parallel()
	c := newClock()
	var mu sync.Mutex
	limits := account.Limits{Rate: 1}
	h := start(t, func(cfg *Config) {
		cfg.Now = c.now
		cfg.AccountLimits = func(string) account.Limits {
			mu.Lock()
			defer mu.Unlock()
			return limits
		}
	})
	set := func(l account.Limits) {
		mu.Lock()
		defer mu.Unlock()
		limits = l
	}
	h.post(t, simpleCall).accepted(t)
	if r := h.post(t, simpleCall); r.status != http.StatusTooManyRequests {
		t.Fatalf("status %d", r.status)
	}
	set(account.Limits{Rate: 10, Burst: 10})
	if r := h.post(t, simpleCall); r.status != http.StatusTooManyRequests {
		t.Fatalf("status %d: there is no more in the bucket than before", r.status)
	}
	c.add(100 * time.Millisecond)
	h.post(t, simpleCall).accepted(t)
	set(account.Limits{})
	for range 20 {
		h.post(t, simpleCall).accepted(t)
	}
}

// The limits hold from the first call on, before which nobody has been asked what is held.
func TestQuotaOfAnAccount(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		limits account.Limits
		held   schemas.AccountUsage
		fits   int
		detail string
	}{
		{"open calls", account.Limits{OpenCalls: 10}, schemas.AccountUsage{OpenCalls: 7}, 3, "has 10 calls that have not ended, of 10 that it may have"},
		{"no open call fits", account.Limits{OpenCalls: 10}, schemas.AccountUsage{OpenCalls: 11}, 0, "has 11 calls"},
		{"staged bytes", account.Limits{StagedBytes: 1 << 20}, schemas.AccountUsage{StagedBytes: 1<<20 - 1}, 0, "has 1048575 bytes of calls that have not ended, of 1048576"},
		{"both", account.Limits{OpenCalls: 10, StagedBytes: 1 << 20}, schemas.AccountUsage{OpenCalls: 9, StagedBytes: 17}, 1, "has 10 calls"},
		{"what is kept of calls that failed does not count", account.Limits{StagedBytes: 1 << 20}, schemas.AccountUsage{KeptBytes: 1 << 30}, 5, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newClock()
			h := start(t, limited(c, tt.limits), func(cfg *Config) { cfg.AccountLimits = always(tt.limits) })
			h.live.tell(func(f *fakeSource) {
				f.answers.usage = func([]string) (map[string]schemas.AccountUsage, error) {
					return map[string]schemas.AccountUsage{defaultAccount: tt.held}, nil
				}
			})
			r, refused := h.lines(t, defaultAccount, bodyOf(5))
			if got := 5 - len(refused); got != tt.fits {
				t.Fatalf("%d calls are taken, want %d: %s", got, tt.fits, r.body)
			}
			for _, d := range refused {
				if d.Code != schemas.RateLimited || !strings.Contains(d.Detail, tt.detail) {
					t.Errorf("refused with %+v, want %q", d, tt.detail)
				}
			}
			if tt.fits == 0 && r.status != http.StatusTooManyRequests {
				t.Errorf("status %d", r.status)
			}
		})
	}
}

func always(l account.Limits) func(string) account.Limits {
	return func(string) account.Limits { return l }
}

// knows reports whether the owners have told what is held of an account.
func (a *admission) knows(of string) bool {
	a.mu.Lock()
	s, ok := a.tenants.Peek(of)
	a.mu.Unlock()
	if !ok {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.asked.IsZero()
}

// While nobody can tell what is held of an account, its calls are taken; when it is told again, what was taken meanwhile
// counts.
func TestQuotaThatNobodyKnows(t *testing.T) {
	t.Parallel()
	h := start(t, func(cfg *Config) { cfg.AccountLimits = always(account.Limits{OpenCalls: 1}) })
	asked := make(chan struct{}, 1)
	h.live.tell(func(f *fakeSource) {
		f.answers.usage = func([]string) (map[string]schemas.AccountUsage, error) {
			select {
			case asked <- struct{}{}:
			default:
			}
			return nil, schemas.ErrUnavailable
		}
	})
	for range 5 {
		h.post(t, simpleCall).accepted(t)
	}
	<-asked
	h.post(t, simpleCall).accepted(t)
	if h.server.admission.knows(defaultAccount) {
		t.Error("somebody has told")
	}
}

// An account whose owners do not answer is taken for one that nobody tells about, after a short time.
func TestQuotaOfSilentOwners(t *testing.T) {
	t.Parallel()
	h := start(t, func(cfg *Config) { cfg.AccountLimits = always(account.Limits{StagedBytes: 1}) })
	release := make(chan struct{})
	h.live.tell(func(f *fakeSource) {
		f.answers.usage = func([]string) (map[string]schemas.AccountUsage, error) {
			<-release
			return nil, schemas.ErrUnavailable
		}
	})
	h.post(t, simpleCall).accepted(t)
	close(release)
}

// What the owners are not yet asked about counts beside what they told; what they were asked about twice is not counted
// twice.
func TestUsageAddsUp(t *testing.T) {
	t.Parallel()
	limits, c := account.Limits{OpenCalls: 100}, newClock()
	told := schemas.AccountUsage{}
	err := error(nil)
	live := unknowing()
	live.answers.usage = func([]string) (map[string]schemas.AccountUsage, error) {
		return map[string]schemas.AccountUsage{"acme": told}, err
	}
	a := newTestAdmission(t, live, c, limits)
	take := func(n int) {
		t.Helper()
		v := a.visit("acme")
		for i := range n {
			if p := v.admit(1, n-i); p != nil {
				t.Fatal(p)
			}
		}
	}
	held := func() int64 {
		s := a.visit("acme").tenant
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.told.OpenCalls + s.asking.calls + s.since.calls
	}
	want := func(n int64) {
		t.Helper()
		if got := held(); got != n {
			t.Errorf("%d calls are held, want %d", got, n)
		}
	}
	take(3)
	told.OpenCalls = 3
	a.askUsage(t.Context())
	want(3)
	take(4)
	want(7)
	err = schemas.ErrUnavailable
	a.askUsage(t.Context())
	take(5)
	a.askUsage(t.Context())
	want(12)
	err, told.OpenCalls = nil, 10
	a.askUsage(t.Context())
	want(10)

	told.OpenCalls = 100
	a.askUsage(t.Context())
	if p := a.visit("acme").admit(1, 1); p == nil {
		t.Error("a call is taken beyond the limit")
	}
	c.add(usageAge - 1)
	if p := a.visit("acme").admit(1, 1); p == nil {
		t.Error("what was told is forgotten too early")
	}
	c.add(1)
	take(1) // nobody has told for too long
	c.add(quietAfter)
	if about := a.sending(); len(about) != 0 {
		t.Errorf("%d accounts are asked about that do not send", len(about))
	}
}

func newTestAdmission(t testing.TB, live Live, c *clock, l account.Limits) *admission {
	t.Helper()
	h := start(t, func(cfg *Config) { cfg.Live, cfg.Now, cfg.AccountLimits = live, c.now, always(l) })
	if err := h.stop(); err != nil { // so that nobody asks but the test
		t.Fatal(err)
	}
	return h.server.admission
}

// Accounts come and go: what is known of them is bounded.
func TestTenantsAreBounded(t *testing.T) {
	t.Parallel()
	a := newTestAdmission(t, unknowing(), newClock(), account.Limits{Rate: 1})
	for i := range tenantsMax + 10 {
		if p := a.visit(fmt.Sprint("a", i)).admit(1, 1); p != nil {
			t.Fatal(p)
		}
	}
	if n := a.tenants.Len(); n != tenantsMax {
		t.Errorf("%d are known, want %d", n, tenantsMax)
	}
	if p := a.visit(fmt.Sprint("a", tenantsMax)).admit(1, 1); p == nil {
		t.Error("the latest have been forgotten")
	}
}

func BenchmarkAdmission(b *testing.B) {
	for name, l := range map[string]account.Limits{
		"none":  {},
		"rate":  {Rate: 1e9, Burst: account.BurstMax},
		"quota": {OpenCalls: 1 << 50, StagedBytes: 1 << 50},
		"all":   {Rate: 1e9, Burst: account.BurstMax, OpenCalls: 1 << 50, StagedBytes: 1 << 50},
	} {
		b.Run(name, func(b *testing.B) {
			h := start(b, func(cfg *Config) { cfg.AccountLimits = always(l) })
			b.ReportAllocs()
			for b.Loop() {
				v := h.server.admission.visit("acme")
				if p := v.refusal(); p != nil {
					b.Fatal(p)
				}
				if p := v.admit(500, 1); p != nil {
					b.Fatal(p)
				}
			}
		})
	}
}
