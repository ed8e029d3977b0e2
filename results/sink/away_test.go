package sink

import (
	"context"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	parleyv1 "parley/schemas/parley/v1"
)

// ClickHouse is away for an hour, of a time that passes at once, while more and more is appended. The sink reads a block and
// what it had asked for, and no more; it tries every few seconds, and says so every minute. Then it catches up.
func TestClickHouseAwayForAnHour(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBubbleBroker(t, 1)
		f := faulty{registry: prometheus.NewPedanticRegistry(), log: &logged{}}
		cfg := b.config("clickhouse://127.0.0.1:9000/never").withDefaults()
		cfg.RetryMax, cfg.Registerer, cfg.Log = 5*time.Second, f.registry, slog.New(f.log)
		metrics, err := newMetrics(f.registry)
		if err != nil {
			t.Fatal(err)
		}
		away := &awayStore{}
		m, err := join(cfg, metrics, away)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- m.run(ctx) }()
		stopWatch := m.watchLag()

		b.produce(0, 20)
		for range 60 {
			<-time.After(time.Minute)
			b.produce(0, 20)
		}
		synctest.Wait()
		if lag := metric(t, f.registry, "parley_sink_lag_seconds"); lag < 3600 || lag > 3700 {
			t.Errorf("lag is %v s after an hour", lag)
		}
		if lag := metric(t, f.registry, "parley_sink_lag_events"); lag < float64(len(b.events)) {
			t.Errorf("lag is %v events, and %d wait", lag, len(b.events))
		}
		if n := away.attempts.Load(); n < 3600/7 || n > 3600/5+20 {
			t.Errorf("%d attempts in an hour, want one every 5 to 6 s", n)
		}
		if n := len(f.log.warnings()); n < 50 || n > 62 {
			t.Errorf("%d warnings in an hour, want one a minute", n)
		}
		held := 0
		for _, p := range m.positions.all() {
			held += int(p.end - p.stored)
		}
		if held > 200 { // what the first fetch brought, of which the block is a part
			t.Errorf("%d offsets are held in memory, of %v that wait", held, len(b.events))
		}

		away.back.Store(true)
		<-time.After(time.Minute)
		synctest.Wait()
		if lag := metric(t, f.registry, "parley_sink_lag_events"); lag != 0 {
			t.Errorf("lag is %v events a minute after ClickHouse is back", lag)
		}
		if got, want := away.rows.Load(), int64(rowsIn(b.events)); got != want {
			t.Errorf("%d rows are stored, want %d", got, want)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run = %v", err)
		}
		stopWatch()
		m.client.CloseAllowingRebalance()
	})
}

// rowsIn counts the rows that events make, without those of stored.
func rowsIn(events []*parleyv1.ResultEvent) int {
	n := len(events)
	for _, e := range events {
		n += len(e.GetCall().GetResults())
	}
	return n
}

// awayStore refuses everything until it is back.
type awayStore struct {
	back     atomic.Bool
	attempts atomic.Int64
	rows     atomic.Int64
}

func (s *awayStore) prepare(context.Context) error {
	if s.back.Load() {
		return nil
	}
	s.attempts.Add(1)
	return &net.OpError{Op: "dial", Err: context.DeadlineExceeded}
}

func (s *awayStore) insert(_ context.Context, t table, _ string) error {
	if t.name != "stored" {
		s.rows.Add(int64(t.rows))
	}
	return nil
}
