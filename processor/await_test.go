package processor

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"parley/schemas"
)

// A process that was stopped for long holds a state from which another may have gone on: only an end is told then.
func TestWithoutALeaseOnlyEndsAreTold(t *testing.T) {
	t.Parallel()
	recent := &leaseEnd{sent: time.Now(), last: time.Hour}
	old := &leaseEnd{sent: time.Now().Add(-time.Minute), last: time.Second}
	tests := []struct {
		name   string
		lease  *leaseEnd
		status schemas.CallStatus
		err    error
		told   bool
	}{
		{"open", recent, schemas.Executing, nil, true},
		{"open", old, schemas.Executing, nil, false},
		{"open", nil, schemas.Executing, nil, false},
		{"ended", old, schemas.OK, nil, true},
		{"unknown", recent, "", schemas.ErrUnknown, true},
		{"unknown", old, "", schemas.ErrUnknown, false},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s, told %t", tt.name, tt.told), func(t *testing.T) {
			t.Parallel()
			l := newLive(new(Config))
			l.run = &liveRun{lease: new(lease)}
			l.run.lease.until.Store(tt.lease)
			r, err := await(t.Context(), &waiter{live: l, in: []int32{3}}, func(context.Context) (schemas.CallResource, error) {
				return schemas.CallResource{Status: tt.status}, tt.err
			})
			e, disowned := errors.AsType[*schemas.NotOwnedError](err)
			if tt.told && (r.Status != tt.status || !errors.Is(err, tt.err)) || disowned == tt.told {
				t.Errorf("got %s, %v", r.Status, err)
			}
			if disowned && (len(e.Partitions) != 1 || e.Partitions[0] != 3) {
				t.Errorf("partitions %v, want 3", e.Partitions)
			}
		})
	}
}
