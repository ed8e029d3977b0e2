package processor_test

import (
	"context"
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/processor"
	"parley/processor/conversation"
	"parley/processor/executor"
	"parley/schemas"
)

// books adds up the counts of all partitions.
func books(ctx context.Context, p *processor.Processor, stored map[int32]int64) (sum schemas.PartitionCounts, err error) {
	counts, err := p.Audit(ctx, stored, everyPartition...)
	sum.Open, sum.Final = make(map[schemas.CallStatus]int64), make(map[schemas.CallStatus]int64)
	for _, c := range counts {
		sum.Accepted, sum.Resent, sum.OpenTotal, sum.Produced = sum.Accepted+c.Accepted, sum.Resent+c.Resent, sum.OpenTotal+c.OpenTotal, sum.Produced+c.Produced
		sum.LagSeconds = max(sum.LagSeconds, c.LagSeconds)
		for s, n := range c.Open {
			sum.Open[s] += n
		}
		for s, n := range c.Final {
			sum.Final[s] += n
		}
	}
	return sum, err
}

// counted waits until the books say so many open calls, and that they are in order.
func counted(t *testing.T, p *processor.Processor, open map[schemas.CallStatus]int64) (got schemas.PartitionCounts) {
	t.Helper()
	var err error
	if !within(20*time.Second, func() bool {
		got, err = books(t.Context(), p, nil)
		for s, n := range got.Open {
			if n == 0 {
				delete(got.Open, s)
			}
		}
		return err == nil && maps.Equal(got.Open, open)
	}) {
		t.Errorf("open calls are %v, %v, want %v", got.Open, err, open)
	}
	if got.OpenTotal != schemas.Sum(open) || got.Accepted != schemas.Sum(got.Final)+got.OpenTotal+got.Resent {
		t.Errorf("the books are not in order: %+v", got)
	}
	return got
}

func TestAuditCounts(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	var tokens sync.Map
	release := make(chan struct{})
	answer := answers(&tokens).answer
	x := &backend{answer: func(req executor.Request) conversation.Outcome { // one that waits keeps no other from its answer
		if strings.HasPrefix(req.Call.Objects[0].CorrelationId, "slow") {
			<-release
		}
		return answer(req)
	}}
	p, stop := c.start(x, t.TempDir())
	counted(t, p, map[schemas.CallStatus]int64{})

	c.send("acme/staging", part("staging", 2, 3))
	c.send("acme/staging", part("staging", 2, 3)+" ") // a resend
	c.send("acme/staging", part("staging", 3, 3))
	c.send("acme/later", named("later", part("later", 1, 3)))
	c.send("acme/later", part("later", 2, 3))
	c.send("acme/later", part("later", 3, 3))
	c.send("acme/tomorrow", optioned(part("tomorrow", 1, 2), at("scheduledTime", soon(time.Hour))))
	c.send("acme/tomorrow", part("tomorrow", 2, 2))
	c.send("acme/busy", named("busy", part("busy", 1, 1)))
	c.send("acme/slow", named("slow", part("slow", 1, 2)))
	c.send("acme/slow", part("slow", 2, 2))
	open := map[schemas.CallStatus]int64{schemas.Staged: 2, schemas.Deferred: 1, schemas.Waiting: 2 + 1 + 1 + 1, schemas.Scheduled: 1, schemas.Executing: 1}
	if got := counted(t, p, open); got.Accepted != 11 || got.Resent != 1 || got.Produced != 0 || got.LagSeconds != 0 {
		t.Errorf("counted are %+v", got)
	}
	close(release)
	open[schemas.Executing], open[schemas.Waiting] = 0, 4
	delete(open, schemas.Executing)
	got := counted(t, p, open)
	if got.Final[schemas.OK] != 2 || got.Produced != 3 || got.LagSeconds <= 0 {
		t.Errorf("counted are %+v", got)
	}
	stored := make(map[int32]int64)
	for _, p := range everyPartition {
		stored[p] = 3
	}
	if got, err := books(t.Context(), p, stored); err != nil || got.LagSeconds != 0 {
		t.Errorf("with all stored the lag is %v, %v", got.LagSeconds, err)
	}

	stop()
	if _, err := p.Audit(t.Context(), nil, everyPartition...); !errors.As(err, new(*schemas.NotOwnedError)) {
		t.Errorf("without partitions it tells, with %v", err)
	}
	p, _ = c.start(x, t.TempDir()) // with another store
	again := counted(t, p, open)
	if again.Accepted != got.Accepted || again.Resent != got.Resent || again.Produced != got.Produced || !maps.Equal(again.Final, got.Final) {
		t.Errorf("from the log came %+v, want %+v", again, got)
	}
}
