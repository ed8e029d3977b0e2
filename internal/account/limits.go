package account

import (
	"errors"
	"fmt"
	"math"
	"time"

	"parley/schemas"
)

// Limits are within what the calls of an account are taken. A field that is zero is no limit.
type Limits struct {
	// Rate is how many calls a second each process takes, from RateMin.
	Rate float64
	// Burst is how many calls may come at once, as after a pause, while the rate holds in the long run. Zero: as many
	// as the rate allows in a second, and at least one.
	Burst int
	// OpenCalls is how many calls may be accepted and not have ended, in all processes.
	OpenCalls int64
	// StagedBytes is how many bytes of calls that have not ended may be kept, in all processes.
	StagedBytes int64
}

// RateMin is a call in 1,000 seconds: who has to wait longer is not served.
const RateMin = 0.001

// BurstMax is as many calls as a request can hold, unless it is told otherwise, a hundred times over.
const BurstMax = 1_000_000

// Validate reports everything that is wrong with limits.
func (l Limits) Validate() error {
	var errs []error
	if l.Rate != 0 && !(l.Rate >= RateMin && l.Rate <= math.MaxInt32) { // so that NaN is refused
		errs = append(errs, fmt.Errorf("rate %g: calls a second, at least %g, or 0 for no limit", l.Rate, RateMin))
	}
	if l.Burst < 0 || l.Burst > BurstMax {
		errs = append(errs, fmt.Errorf("burst %d: from 0, for the calls of a second, to %d", l.Burst, BurstMax))
	}
	if l.OpenCalls < 0 {
		errs = append(errs, fmt.Errorf("open calls %d: at least 1, or 0 for no limit", l.OpenCalls))
	}
	if l.StagedBytes < 0 {
		errs = append(errs, fmt.Errorf("staged bytes %d: at least 1, or 0 for no limit", l.StagedBytes))
	}
	return errors.Join(errs...)
}

// BurstCalls is how many calls may come at once.
func (l Limits) BurstCalls() int {
	if l.Burst > 0 {
		return l.Burst
	}
	return min(BurstMax, max(1, int(math.Ceil(l.Rate))))
}

// Terms are the limits of one account, where they are not those of all. A field that is nil is.
type Terms struct {
	Account     string
	Rate        *float64
	Burst       *int
	OpenCalls   *int64
	StagedBytes *int64
	// By is who has set them, and Since when.
	By    string
	Since time.Time
}

// Over returns the limits of all accounts with what is different for this one.
func (t Terms) Over(l Limits) Limits {
	override(&l.Rate, t.Rate)
	override(&l.Burst, t.Burst)
	override(&l.OpenCalls, t.OpenCalls)
	override(&l.StagedBytes, t.StagedBytes)
	return l
}

func override[T any](field, by *T) {
	if by != nil {
		*field = *by
	}
}

// Default reports whether nothing is different.
func (t Terms) Default() bool {
	return t.Rate == nil && t.Burst == nil && t.OpenCalls == nil && t.StagedBytes == nil
}

// Validate reports everything that is wrong with terms.
func (t Terms) Validate() error {
	var errs []error
	if !schemas.ValidAccount(t.Account) {
		errs = append(errs, fmt.Errorf("account %q: 1 to 64 of A-Z a-z 0-9 . _ -", t.Account))
	}
	return errors.Join(append(errs, t.Over(Limits{}).Validate())...)
}
