package conversation

import (
	"encoding/binary"
	"math"
	"testing"
	"time"

	"parley/schemas"
)

func TestRetryPause(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		retry    Retry
		attempt  int32
		min, max time.Duration
	}{
		"after the first":       {Retry{Initial: time.Second, Max: time.Minute}, 1, 800 * time.Millisecond, 1200 * time.Millisecond},
		"it doubles":            {Retry{Initial: time.Second, Max: time.Minute}, 4, 6400 * time.Millisecond, 9600 * time.Millisecond},
		"up to the bound":       {Retry{Initial: time.Second, Max: time.Minute}, 7, 48 * time.Second, time.Minute},
		"and stays there":       {Retry{Initial: time.Second, Max: time.Minute}, math.MaxInt32, 48 * time.Second, time.Minute},
		"initial over the max":  {Retry{Initial: time.Hour, Max: time.Minute}, 1, 48 * time.Second, time.Minute},
		"no pause":              {Retry{Initial: 0, Max: time.Minute}, math.MaxInt32, 0, 0},
		"the zero retry":        {Retry{}, 3, 0, 0},
		"nanoseconds":           {Retry{Initial: 1, Max: 1}, 1, 1, 1},
		"the longest there is":  {Retry{Initial: time.Second, Max: math.MaxInt64}, 500, math.MaxInt64 / 5 * 4, math.MaxInt64},
		"twice is too long":     {Retry{Initial: math.MaxInt64/2 + 1, Max: math.MaxInt64}, 2, math.MaxInt64 / 5 * 4, math.MaxInt64},
		"a long way to the max": {Retry{Initial: 1, Max: math.MaxInt64}, 63, 1 << 61, math.MaxInt64},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i := range uint64(1000) {
				id := requestID(i)
				got := tt.retry.pause(tt.attempt, id)
				if got < tt.min || got > tt.max {
					t.Fatalf("pause(%d, %s) = %s, want %s to %s", tt.attempt, id, got, tt.min, tt.max)
				}
				if again := tt.retry.pause(tt.attempt, id); again != got {
					t.Fatalf("pause(%d, %s) = %s, then %s", tt.attempt, id, got, again)
				}
			}
		})
	}
}

// What failed together does not come back together: a tenth of the spread has about a tenth of the calls.
func TestRetryPauseSpreads(t *testing.T) {
	t.Parallel()
	for _, retry := range []Retry{
		{Initial: time.Second, Max: time.Minute},
		{Initial: time.Minute, Max: time.Minute},
	} {
		const calls = 10_000
		lowest, width := retry.Initial/5*4, min(retry.Initial/5*2, retry.Max-retry.Initial/5*4)
		var tenths [10]int
		for i := range uint64(calls) {
			tenths[min(9, int((retry.pause(1, requestID(i))-lowest)*10/width))]++
		}
		for i, n := range tenths {
			if n < calls/20 || n > calls/5 {
				t.Errorf("%+v: %d of %d calls in tenth %d of the spread", retry, n, calls, i)
			}
		}
	}
}

// requestID is one of a series: ids that share what comes first, as those made at one time do.
func requestID(i uint64) schemas.RequestID {
	id := schemas.RequestID{0x01, 0x8f, 0x4c, 0x1e, 0x7c, 0x1a, 0x70, 0x00, 0x80}
	binary.BigEndian.PutUint32(id[12:], uint32(i))
	return id
}
