package processor

import (
	"math"
	"time"
)

// throughput measures how many attempts a route carries out in a second while others wait for it, over about the last
// half minute of such time: both count and time fade with a half-life. What a route does when nobody waits tells how much
// it is asked to do, not how much it can. The zero value has measured nothing.
type throughput struct {
	// count and span are the faded sums of attempts and of seconds, as of at.
	count, span float64
	at          time.Time
}

// throughputWindow is how much time of the past counts.
const throughputWindow = 30 * time.Second

// begin says that from now on others wait.
func (t *throughput) begin(now time.Time) { t.at = now }

// add counts attempts that ended while others waited.
func (t *throughput) add(n int, now time.Time) {
	t.count, t.span = t.faded(now)
	t.count += float64(n)
	t.at = now
}

// faded are the sums as of now, with the time that has passed since the last attempt.
func (t *throughput) faded(now time.Time) (count, span float64) {
	passed := max(0, now.Sub(t.at).Seconds())
	left := math.Exp(-passed / throughputWindow.Seconds())
	return t.count * left, t.span*left + passed
}

// perSecond is the rate; zero: none is known.
func (t *throughput) perSecond(now time.Time) float64 {
	count, span := t.faded(now)
	if count == 0 || span <= 0 {
		return 0
	}
	return count / span
}
