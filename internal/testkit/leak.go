package testkit

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

// NoneLeft waits until the goroutines that are left are those of options. goleak alone waits for a second or two, in which a
// busy machine may not have let a broker notice that its client is gone.
func NoneLeft(tb testing.TB, options ...goleak.Option) {
	tb.Helper()
	for deadline := time.Now().Add(Patience); ; {
		err := goleak.Find(options...) // tries for a while
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			tb.Error(err)
			return
		}
	}
}
