package processor

import (
	"testing"
	"time"

	"parley/schemas"
)

// at is a time so many milliseconds after the epoch of a test.
func at(ms int) time.Time { return time.Unix(1_000, 0).Add(time.Duration(ms) * time.Millisecond) }

func TestCircuitOpensProbesAndComesBackOnARamp(t *testing.T) {
	t.Parallel()
	var c circuit
	fail := func(n, ms int) {
		for range n {
			c.failed(c.epoch, 0, at(ms))
		}
	}
	steps := []struct {
		what   string
		do     func()
		ms     int
		places int
		state  schemas.Circuit
	}{
		{"at first", func() {}, 0, 8, schemas.CircuitClosed},
		{"failures, and an answer", func() { fail(circuitFailures-1, 0); c.succeeded(c.epoch, 8); fail(circuitFailures-1, 0) }, 0, 8, schemas.CircuitClosed},
		{"failures in a row", func() { fail(1, 0) }, 499, 0, schemas.CircuitOpen},
		{"what began before fails", func() { c.failed(c.epoch-1, 0, at(499)) }, 499, 0, schemas.CircuitOpen},
		{"what began before is answered", func() { c.succeeded(c.epoch-1, 8) }, 499, 0, schemas.CircuitOpen},
		{"after the pause", func() {}, 500, 1, schemas.CircuitHalfOpen},
		{"the probe fails", func() { fail(1, 500) }, 1_499, 0, schemas.CircuitOpen},
		{"after twice the pause", func() {}, 1_500, 1, schemas.CircuitHalfOpen},
		{"the probe is answered", func() { c.succeeded(c.epoch, 8) }, 1_500, 2, schemas.CircuitClosed},
		{"two more are", func() { c.succeeded(c.epoch, 8); c.succeeded(c.epoch, 8) }, 1_500, 4, schemas.CircuitClosed},
		{"one fails on the ramp", func() { fail(1, 1_500) }, 1_500, 2, schemas.CircuitClosed},
		{"many are answered", func() {
			for range 6 {
				c.succeeded(c.epoch, 8)
			}
		}, 1_500, 8, schemas.CircuitClosed},
		{"a long time later, failures in a row", func() { fail(circuitFailures, 9_000) }, 9_499, 0, schemas.CircuitOpen},
		{"after the first pause", func() {}, 9_500, 1, schemas.CircuitHalfOpen},
		{"the probe is put off", func() { c.failed(c.epoch, 3*time.Second, at(9_500)) }, 12_499, 0, schemas.CircuitOpen},
		{"the probes fail for long", func() {
			for range 10 {
				c.places(8, c.until)
				c.failed(c.epoch, time.Hour, c.until)
			}
		}, 0, 0, schemas.CircuitOpen},
	}
	for _, s := range steps {
		s.do()
		if got := c.places(8, at(s.ms)); got != s.places || c.shown() != s.state {
			t.Errorf("%s: %d places, %s, want %d, %s", s.what, got, c.shown(), s.places, s.state)
		}
	}
	if c.pause != circuitOpenMax {
		t.Errorf("at last it is open for %s, want %s", c.pause, circuitOpenMax)
	}
}

func TestPace(t *testing.T) {
	t.Parallel()
	for _, perSecond := range []float64{0.5, 10, 1_000, 100_000} {
		var p pace
		p.set(perSecond)
		began := 0
		const seconds = 4
		for now := at(0); now.Before(at(seconds * 1_000)); {
			if wait := p.take(now); wait > 0 {
				now = now.Add(wait)
				continue
			}
			began++
		}
		want := perSecond * seconds
		if most := want + perSecond*rateWindow.Seconds() + 1; float64(began) < want*0.95-1 || float64(began) > most {
			t.Errorf("at %g per second %d began in %d s, want about %g and at most %g", perSecond, began, seconds, want, most)
		}
	}
	var p pace
	p.set(1)
	p.take(at(0))
	p.set(0)
	if wait := p.take(at(0)); wait > 0 {
		t.Errorf("without a limit the wait is %s", wait)
	}
}
