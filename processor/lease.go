package processor

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"parley/internal/pause"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// lease is the time for which this member is sure to be one of the group: nobody else has been given its partitions.
//
// It rests on what the coordinator does. A member that it has heard of at a time T stays in the group until T plus the
// session timeout at the least, unless it leaves, is removed by hand, or holds up a rebalance for longer than the
// rebalance timeout. The coordinator hears a heartbeat after it was sent. So a heartbeat that was sent at S and answered
// without an error makes us a member until S plus the session timeout, whenever the answer comes; one that is answered
// with REBALANCE_IN_PROGRESS too, but not beyond the rebalance timeout, counted from the last one that was sent when
// there was no rebalance yet. Of both, a fifth is kept back, for clocks that do not run alike and for the way from the
// look at the lease to the backend.
//
// The client sends heartbeats of its own, but does not tell when those that were answered were sent.
//
// What the lease cannot know is that the process is stopped between the look and the first byte of a request. For that
// there is the fence, which the backend can compare.
type lease struct {
	client *kgo.Client
	group  string
	// instance is the member's static id; nil: it has none.
	instance  *string
	session   time.Duration
	rebalance time.Duration

	// as is the membership in whose name partitions were taken over; nil: none was.
	as    atomic.Pointer[membership]
	until atomic.Pointer[leaseEnd]
	stop  context.CancelFunc
	done  sync.WaitGroup
	// calm is when the last heartbeat was sent that was answered without a rebalance; keep's own. Zero: none was, and a
	// rebalance extends nothing.
	calm time.Time
}

// leaseEnd is an end of a lease: so long after the sending of a heartbeat.
type leaseEnd struct {
	sent time.Time
	last time.Duration
}

// newLease returns a lease that is not held. keep must be called.
func newLease(client *kgo.Client, group string) *lease {
	l := &lease{client: client, group: group}
	l.session, _ = client.OptValue(kgo.SessionTimeout).(time.Duration)
	l.rebalance, _ = client.OptValue(kgo.RebalanceTimeout).(time.Duration)
	if id, ok := client.OptValue(kgo.InstanceID).(string); ok && id != "" {
		l.instance = &id
	}
	return l
}

// holds reports whether the lease is held. The time since the heartbeat is measured by the monotonic clock and by the
// wall clock: the first stands still while a machine is suspended, the second can be set back.
func (l *lease) holds(now time.Time) bool {
	end := l.until.Load()
	if end == nil {
		return false
	}
	return now.Sub(end.sent) < end.last && now.Round(0).Sub(end.sent.Round(0)) < end.last
}

const (
	// leaseBeats is how many heartbeats are sent in a session timeout.
	leaseBeats = 5
	// leaseRetry is the time between two of them while there is no lease, for which everything waits.
	leaseRetry = 50 * time.Millisecond
)

// keep keeps the lease up until close.
func (l *lease) keep() {
	ctx, cancel := context.WithCancel(context.Background())
	l.stop = cancel
	l.done.Go(func() {
		for {
			l.beat(ctx)
			every := l.session / leaseBeats
			if !l.holds(time.Now()) {
				every = min(every, leaseRetry)
			}
			if pause.For(ctx, every) != nil {
				return
			}
		}
	})
}

// close lets the lease go.
func (l *lease) close() {
	if l.stop != nil {
		l.stop()
	}
	l.done.Wait()
	l.until.Store(nil)
}

// beat sends one heartbeat, and extends the lease by what is said to it.
func (l *lease) beat(ctx context.Context) {
	as := l.as.Load()
	if as == nil || as.id == "" {
		return // we own nothing yet
	}
	ctx, cancel := context.WithTimeout(ctx, l.session/leaseBeats)
	defer cancel()
	req := kmsg.NewPtrHeartbeatRequest()
	req.Group, req.MemberID, req.Generation, req.InstanceID = l.group, as.id, as.generation, l.instance
	sent := time.Now()
	resp, err := req.RequestWith(ctx, l.client)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	switch {
	case err == nil:
		l.calm = sent
		l.extend(sent, l.session)
	case errors.Is(err, kerr.RebalanceInProgress) && !l.calm.IsZero():
		l.extend(sent, min(l.session, l.calm.Add(l.rebalance).Sub(sent)))
	case errors.Is(err, kerr.UnknownMemberID), errors.Is(err, kerr.FencedInstanceID):
		l.until.Store(nil) // it has been removed
	}
}

// extend makes the lease last until a fifth before the end of d after a heartbeat that was sent.
func (l *lease) extend(sent time.Time, d time.Duration) {
	end := &leaseEnd{sent: sent, last: d - l.session/leaseBeats}
	if old := l.until.Load(); old == nil || end.sent.Add(end.last).After(old.sent.Add(old.last)) {
		l.until.Store(end)
	}
}
