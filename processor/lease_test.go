package processor

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"parley/processor/store"
)

// leased is a member of a group on a broker of its own, whose lease is held.
func leased(t *testing.T) (*kfake.Cluster, *lease) {
	t.Helper()
	k, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "calls"), kfake.BrokerConfigs(map[string]string{"group.min.session.timeout.ms": "100"}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	owner := &ownership{wake: func() {}}
	joined := make(chan struct{})
	tell := sync.OnceFunc(func() { close(joined) })
	client, err := kgo.NewClient(
		kgo.OnPartitionsAssigned(func(ctx context.Context, client *kgo.Client, topics map[string][]int32) {
			owner.assigned(ctx, client, topics)
			tell()
		}),
		kgo.SeedBrokers(k.ListenAddrs()...), kgo.ConsumerGroup("group"), kgo.ConsumeTopics("calls"),
		kgo.SessionTimeout(time.Second), kgo.RebalanceTimeout(2*time.Second), kgo.HeartbeatInterval(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	l := newLease(client, "group")
	if l.holds(time.Now()) {
		t.Error("a lease is held before the first heartbeat")
	}
	l.keep()
	t.Cleanup(l.close)
	<-joined
	_, _, as := owner.take()
	l.as.Store(&as)
	if !comes(10*time.Second, func() bool { return l.holds(time.Now()) }) {
		t.Fatal("no lease")
	}
	return k, l
}

// comes reports whether something comes true in time.
func comes(in time.Duration, is func() bool) bool {
	deadline := time.After(in)
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	for !is() {
		select {
		case <-look.C:
		case <-deadline:
			return is()
		}
	}
	return true
}

// answers has the broker answer all heartbeats with an error, or with nothing.
func answers(k *kfake.Cluster, with error) {
	k.ControlKey(int16(kmsg.Heartbeat), func(req kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		code, ok := errors.AsType[*kerr.Error](with)
		if !ok {
			return nil, with, true
		}
		resp := kmsg.NewPtrHeartbeatResponse()
		resp.Version, resp.ErrorCode = req.GetVersion(), code.Code
		return resp, nil, true
	})
}

func TestLeaseEndsBeforeTheSessionDoes(t *testing.T) {
	t.Parallel()
	k, l := leased(t)
	start := time.Now()
	if comes(1500*time.Millisecond, func() bool { return !l.holds(time.Now()) }) {
		t.Fatalf("with heartbeats the lease ended after %s", time.Since(start))
	}
	answers(k, errors.New("the network is gone"))
	start = time.Now()
	if !comes(time.Second, func() bool { return !l.holds(time.Now()) }) {
		t.Error("a session timeout after the last heartbeat the lease is held")
	}
	if d := time.Since(start); d < 300*time.Millisecond {
		t.Errorf("the lease ended %s after a heartbeat at the most, want it to last for four fifths of a second", d)
	}
}

func TestLeaseLastsThroughARebalanceButNotForEver(t *testing.T) {
	t.Parallel()
	k, l := leased(t)
	answers(k, kerr.RebalanceInProgress)
	if comes(1100*time.Millisecond, func() bool { return !l.holds(time.Now()) }) {
		t.Error("the lease ended although the heartbeats in a rebalance are answered")
	}
	if !comes(1100*time.Millisecond, func() bool { return !l.holds(time.Now()) }) {
		t.Error("the lease is held for longer than a rebalance may last")
	}
}

// A member that joins while a rebalance is under way hears of nothing else at first.
func TestRebalanceGivesNoLease(t *testing.T) {
	t.Parallel()
	k, former := leased(t)
	answers(k, kerr.RebalanceInProgress)
	l := newLease(former.client, former.group)
	l.as.Store(former.as.Load())
	l.keep()
	t.Cleanup(l.close)
	if comes(500*time.Millisecond, func() bool { return l.holds(time.Now()) }) {
		t.Error("a lease is held before the first heartbeat that was answered without a rebalance")
	}
}

func TestLeaseEndsWithTheMembership(t *testing.T) {
	t.Parallel()
	k, l := leased(t)
	answers(k, kerr.UnknownMemberID)
	if !comes(400*time.Millisecond, func() bool { return !l.holds(time.Now()) }) {
		t.Error("the lease is held although the group does not know the member any more")
	}
}

// TestNothingBeginsWithoutALease lets time pass in which no heartbeat is answered, as when the process was stopped.
func TestNothingBeginsWithoutALease(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, s *store.Store) {
		l := &lease{session: 15 * time.Second}
		l.extend(time.Now(), l.session)
		r := newRigOn(t, s, 10, oneRoute("concurrency: 1"), func(_ *Config, o *dispatchOptions) { o.lease = l }).owns(0)
		r.releaseAll(r.ready(entries("a", "b", "c")...))
		synctest.Wait()
		<-time.After(12 * time.Second) // 15 s, less a fifth
		r.gate.open <- struct{}{}
		<-time.After(time.Minute)
		synctest.Wait()
		if got := r.gate.begun(); len(got) != 1 {
			t.Errorf("begun are %v, want a alone", got)
		}
		l.extend(time.Now(), l.session)
		<-time.After(lookAgain)
		synctest.Wait()
		if got := r.gate.begun(); len(got) != 2 {
			t.Errorf("begun are %v, want b too", got)
		}
		r.gate.opened()
		synctest.Wait()
		r.turn(r.mailbox.take())
		r.wantEmpty()
	})
}

// TestIntentWithoutALeaseBeginsNothing loses the lease while the intent is committed.
func TestIntentWithoutALeaseBeginsNothing(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, s *store.Store) {
		l := &lease{session: 5 * time.Second}
		l.extend(time.Now(), l.session)
		r := newRigOn(t, s, 10, oneRoute(once), func(_ *Config, o *dispatchOptions) { o.lease = l }).owns(0)
		r.releaseAll(r.ready(entries("a")...))
		synctest.Wait()
		<-time.After(l.session)
		r.turn(r.mailbox.take())
		synctest.Wait()
		if fs := r.mailbox.take(); len(fs) != 1 || !fs[0].outcome.Unsent || len(r.gate.begun()) > 0 {
			t.Errorf("heard %+v, begun are %v, want that nothing was sent", fs, r.gate.begun())
		}
	})
}

// TestLeaseIsMeasuredByBothClocks compares with a time that has no monotonic reading, which stands still in a machine
// that is suspended, and with a wall clock that was set back.
func TestLeaseIsMeasuredByBothClocks(t *testing.T) {
	t.Parallel()
	l := &lease{session: 10 * time.Second}
	now := time.Now()
	l.extend(now, l.session)
	for name, tt := range map[string]struct {
		now  time.Time
		want bool
	}{
		"at once":                  {now, true},
		"just before":              {now.Add(8*time.Second - 1), true},
		"then":                     {now.Add(8 * time.Second), false},
		"the wall clock went on":   {now.Round(0).Add(time.Minute), false},
		"an earlier one came late": {now.Add(8*time.Second - 1), true},
	} {
		if got := l.holds(tt.now); got != tt.want {
			t.Errorf("%s: held %t, want %t", name, got, tt.want)
		}
	}
	l.extend(now.Add(-5*time.Second), l.session)
	if !l.holds(now.Add(7 * time.Second)) {
		t.Error("the answer to an earlier heartbeat shortened the lease")
	}
}
