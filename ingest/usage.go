package ingest

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"parley/internal/account"
	"parley/schemas"
)

const (
	// usageInterval is how often it is asked how much is held of the accounts that send.
	usageInterval = time.Second
	// usageAge is for how long what was told is believed while nobody tells: then everything is taken. Acceptance does
	// not depend on those who carry calls out.
	usageAge = 10 * time.Second
	// usageTimeout bounds one question.
	usageTimeout = 3 * time.Second
	// usagePatience is for how long the first calls of an account that has not sent for a while wait until it is told.
	usagePatience = 500 * time.Millisecond
	// quietAfter is after how long an account that does not send is not asked about.
	quietAfter = 5 * time.Second
)

// tally are calls, and their bytes.
type tally struct {
	calls, bytes int64
}

func (t tally) plus(u tally) tally { return tally{calls: t.calls + u.calls, bytes: t.bytes + u.bytes} }

// usage is what is held of an account, as far as it is known here: what the owners told, and what this process has taken
// since they were asked.
type usage struct {
	told schemas.AccountUsage
	// asked is when the owners were asked for what was told; zero: they have never told.
	asked time.Time
	// asking is what was taken before the question that is under way, and since what was after it, or after the last.
	asking, since tally
	// visited is when the account sent last.
	visited time.Time
	// followed: it is asked about.
	followed bool
	// first is closed when the owners have been asked once since it is followed; nil: they have.
	first chan struct{}
}

// noticed notes that an account with a quota sends.
func (u *usage) noticed(a *admission, now time.Time) {
	u.visited = now
	if u.followed {
		return
	}
	u.followed, u.first = true, make(chan struct{})
	select {
	case a.fresh <- struct{}{}:
	default: // follow has been told, and has not looked
	}
}

// known reports whether what was told can be believed.
func (u *usage) known(now time.Time) bool { return !u.asked.IsZero() && now.Sub(u.asked) < usageAge }

// inform waits until it is known how much is held of the account, if it has a quota and somebody tells soon: whoever sends
// many calls at once, and seldom, would else pass every quota.
func (v *visit) inform(ctx context.Context) {
	if v == nil || v.limits.OpenCalls == 0 && v.limits.StagedBytes == 0 {
		return
	}
	now := v.admission.now()
	v.tenant.mu.Lock()
	v.tenant.noticed(v.admission, now)
	known, first := v.tenant.known(now), v.tenant.first
	v.tenant.mu.Unlock()
	if known || first == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, usagePatience)
	defer cancel()
	select {
	case <-first:
	case <-ctx.Done():
	}
}

// full says which limit would be passed with more, and what the sender is told; no problem: none is.
func (u *usage) full(limits account.Limits, now time.Time, more tally) (limit string, why *schemas.Problem) {
	if !u.known(now) {
		return "", nil
	}
	held := tally{calls: u.told.OpenCalls, bytes: u.told.StagedBytes}.plus(u.asking).plus(u.since)
	switch {
	case limits.OpenCalls > 0 && held.calls+more.calls > limits.OpenCalls:
		return "open_calls", tooMuch("the account has %d calls that have not ended, of %d that it may have", held.calls, limits.OpenCalls)
	case limits.StagedBytes > 0 && held.bytes+more.bytes > limits.StagedBytes:
		return "staged_bytes", tooMuch("the account has %d bytes of calls that have not ended, of %d that it may have, and this call has %d", held.bytes, limits.StagedBytes, more.bytes)
	}
	return "", nil
}

func tooMuch(format string, args ...any) *schemas.Problem {
	return &schemas.Problem{Code: schemas.RateLimited, Detail: fmt.Sprintf(format, args...) + "; send what was refused again when some have ended"}
}

// follow asks how much is held of the accounts that have quotas and send, until ctx ends.
func (a *admission) follow(ctx context.Context) {
	tick := time.NewTicker(usageInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.fresh:
		case <-tick.C:
		}
		a.askUsage(ctx)
	}
}

// askUsage asks once.
func (a *admission) askUsage(ctx context.Context) {
	about := a.sending()
	if len(about) == 0 {
		return
	}
	names := make([]string, 0, len(about))
	asked := a.now()
	for name, s := range about {
		names = append(names, name)
		s.mu.Lock()
		s.asking, s.since = s.asking.plus(s.since), tally{}
		s.mu.Unlock()
	}
	ctx, cancel := context.WithTimeout(ctx, usageTimeout)
	defer cancel()
	told, err := a.live.Usage(ctx, names)
	if err != nil {
		a.log.Debug("nobody tells what is held of accounts", slog.Any("error", err))
	}
	for name, s := range about {
		s.mu.Lock()
		if err == nil {
			s.told, s.asked, s.asking = told[name], asked, tally{}
		}
		if s.first != nil {
			close(s.first)
			s.first = nil
		}
		s.mu.Unlock()
	}
}

// sending are the tenants of the accounts that have quotas and send.
func (a *admission) sending() map[string]*tenant {
	a.mu.Lock()
	defer a.mu.Unlock()
	about := make(map[string]*tenant)
	now := a.now()
	for _, name := range a.tenants.Keys() {
		s, _ := a.tenants.Peek(name)
		s.mu.Lock()
		if s.followed = s.followed && now.Sub(s.visited) < quietAfter; s.followed {
			about[name] = s
		}
		s.mu.Unlock()
	}
	return about
}
