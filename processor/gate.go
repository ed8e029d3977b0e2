package processor

import (
	"cmp"
	"math"
	"time"

	"golang.org/x/time/rate"

	"parley/schemas"
)

const (
	// circuitFailures is after how many transient failures in a row a route's circuit opens.
	circuitFailures = 10
	// circuitOpenMin is for how long it opens first; each time that the probe fails, it opens for twice as long, up to
	// circuitOpenMax.
	circuitOpenMin = 500 * time.Millisecond
	circuitOpenMax = 10 * time.Second
)

// circuit says how many attempts a route may have under way, from what came of the last ones. It opens after transient
// failures in a row, and lets nothing begin for a while; then it lets one attempt through as a probe. When that has an
// answer, the route comes back on a ramp: one more place for each success, which doubles them with each round, and half
// of them after a failure. The zero value is closed. (A library's breaker has neither the ramp nor growing pauses; both
// hang on the same outcomes.)
type circuit struct {
	state    schemas.Circuit // empty: closed
	failures int
	// until is when the circuit that is open lets a probe through, pause for how long it was opened.
	until time.Time
	pause time.Duration
	// ramp is how many places there are on the ramp; zero: all.
	ramp int
	// epoch counts the openings: what comes of an attempt that began before the last one says nothing new.
	epoch int
}

// places is how many attempts may be under way now.
func (c *circuit) places(concurrency int, now time.Time) int {
	if c.state == schemas.CircuitOpen {
		if now.Before(c.until) {
			return 0
		}
		c.state, c.ramp = schemas.CircuitHalfOpen, 1
	}
	if c.ramp > 0 {
		return min(c.ramp, concurrency)
	}
	return concurrency
}

// shown is the state by its name.
func (c *circuit) shown() schemas.Circuit { return cmp.Or(c.state, schemas.CircuitClosed) }

// easeIn begins a ramp.
func (c *circuit) easeIn() { c.ramp = 1 }

func (c *circuit) succeeded(epoch, concurrency int) {
	if epoch != c.epoch {
		return
	}
	c.state, c.failures = "", 0
	if c.ramp == 0 {
		return
	}
	if c.ramp++; c.ramp >= concurrency {
		c.ramp, c.pause = 0, 0
	}
}

// failed takes note of a transient failure. after is how long the backend asks to be left alone.
func (c *circuit) failed(epoch int, after time.Duration, now time.Time) {
	if epoch != c.epoch {
		return
	}
	if c.failures++; c.state != schemas.CircuitHalfOpen && c.failures < circuitFailures {
		c.ramp = (c.ramp + 1) / 2
		return
	}
	c.pause = min(max(circuitOpenMin, 2*c.pause, after), circuitOpenMax)
	c.state, c.until = schemas.CircuitOpen, now.Add(c.pause)
	c.epoch++
}

const (
	// rateWindow is for how long tokens that are not used are kept.
	rateWindow = 50 * time.Millisecond
	// rateNap is the least time between two looks for a token: shorter, and a fast route would do little but look.
	rateNap = 5 * time.Millisecond
)

// pace bounds how many attempts begin in a second. The zero value bounds none.
type pace struct {
	perSecond float64
	limiter   *rate.Limiter
}

// set takes the limit that is in force; zero: none.
func (p *pace) set(perSecond float64) {
	if perSecond == p.perSecond {
		return
	}
	p.perSecond, p.limiter = perSecond, nil
	if perSecond > 0 {
		burst := math.Ceil(min(perSecond*rateWindow.Seconds(), 1<<20))
		p.limiter = rate.NewLimiter(rate.Limit(perSecond), int(burst))
	}
}

// take takes a token for one attempt. More than zero: there is none, look again after that time.
func (p *pace) take(now time.Time) time.Duration {
	if p.limiter == nil || p.limiter.AllowN(now, 1) {
		return 0
	}
	r := p.limiter.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	r.CancelAt(now)
	return max(wait, rateNap)
}
