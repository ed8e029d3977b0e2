package ingest

import (
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"parley/internal/account"
	"parley/schemas"
)

// tenantsMax bounds the accounts of which it is known how they stand. One that is forgotten, the longest unused, has its
// full burst when it comes again.
const tenantsMax = 10_000

// admission keeps the calls that are taken by HTTP within the limits of their accounts.
type admission struct {
	limits  func(string) account.Limits
	live    Live
	limited *prometheus.CounterVec
	now     func() time.Time
	log     *slog.Logger
	// fresh tells follow that there is an account whose usage nobody has asked for.
	fresh chan struct{}

	mu      sync.Mutex
	tenants *simplelru.LRU[string, *tenant]
}

func newAdmission(cfg Config, m *metrics) *admission {
	tenants, err := simplelru.NewLRU[string, *tenant](tenantsMax, nil)
	if err != nil {
		panic(fmt.Sprintf("ingest: tenants: %v", err)) // our own size
	}
	return &admission{
		limits:  cfg.AccountLimits,
		live:    cfg.Live,
		limited: m.limited,
		now:     cfg.Now,
		log:     cfg.Log,
		fresh:   make(chan struct{}, 1),
		tenants: tenants,
	}
}

// tenant is how an account stands to its limits, in this process.
type tenant struct {
	mu sync.Mutex
	// bucket holds the calls that may come now; nil: the account has had no rate.
	bucket *rate.Limiter
	usage
}

// visit is a request with calls of an account that has limits.
type visit struct {
	admission *admission
	account   string
	limits    account.Limits
	tenant    *tenant
	// why says why no more calls are taken; nil: they are.
	why *schemas.Problem
	// limit is the one that was reached, as metrics call it.
	limit string
}

// visit begins to count the calls of a request; nil: the account has no limits.
func (a *admission) visit(of string) *visit {
	limits := a.limits(of)
	if limits == (account.Limits{}) {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	s, ok := a.tenants.Get(of)
	if !ok {
		s = new(tenant)
		a.tenants.Add(of, s)
	}
	return &visit{admission: a, account: of, limits: limits, tenant: s}
}

// refusal is why no more calls of the request are taken; nil: they may be.
func (v *visit) refusal() *schemas.Problem {
	if v == nil || v.why == nil {
		return nil
	}
	v.admission.limited.WithLabelValues(v.limit).Inc()
	return v.why
}

// admit counts a call that is right and has so many bytes; with rest, so many calls of the request have not been counted.
// A problem says that it is not taken, nor any behind it.
func (v *visit) admit(bytes, rest int) *schemas.Problem {
	if v == nil {
		return nil
	}
	now := v.admission.now()
	v.tenant.mu.Lock()
	defer v.tenant.mu.Unlock()
	more := tally{calls: 1, bytes: int64(bytes)}
	if v.limits.OpenCalls > 0 || v.limits.StagedBytes > 0 {
		v.tenant.noticed(v.admission, now)
		if v.limit, v.why = v.tenant.full(v.limits, now, more); v.why != nil {
			return v.refusal()
		}
	}
	if v.limits.Rate > 0 && !v.tenant.take(v.limits, now) {
		v.limit, v.why = "rate", v.tooFast(now, rest)
		return v.refusal()
	}
	v.tenant.since = v.tenant.since.plus(more)
	return nil
}

// take takes a call from the bucket.
func (s *tenant) take(limits account.Limits, now time.Time) bool {
	limit, burst := rate.Limit(limits.Rate), limits.BurstCalls()
	switch {
	case s.bucket == nil:
		s.bucket = rate.NewLimiter(limit, burst)
	case s.bucket.Limit() != limit || s.bucket.Burst() != burst:
		s.bucket.SetLimitAt(now, limit)
		s.bucket.SetBurstAt(now, burst)
	}
	return s.bucket.AllowN(now, 1)
}

// tooFast says when there will be room for the rest of the calls, or for as many as may come at once.
func (v *visit) tooFast(now time.Time, rest int) *schemas.Problem {
	burst := v.limits.BurstCalls()
	missing := float64(min(rest, burst)) - v.tenant.bucket.TokensAt(now)
	return &schemas.Problem{
		Code:       schemas.RateLimited,
		Detail:     fmt.Sprintf("the account %s may send %g calls a second, and %d at once; send what was refused again later", v.account, v.limits.Rate, burst),
		RetryAfter: time.Duration(math.Ceil(missing / v.limits.Rate * float64(time.Second))),
	}
}
