package sink

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"parley/results/recordtest"
)

// start runs a sink until the test ends, or until the returned function, which waits for its end, is called.
func start(t *testing.T, cfg Config) (stop func()) {
	t.Helper()
	return run(t, newSink(t, cfg))
}

func newSink(t *testing.T, cfg Config) *Sink {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// run is start for a sink that is there.
func run(t *testing.T, s *Sink) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v after its context ended, want nil", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func TestStoresEveryEventOnce(t *testing.T) {
	t.Parallel()
	b, dsn := newBroker(t, 3), recordtest.DSN(t)
	for p := range int32(3) {
		b.produce(p, 50)
	}
	stop := start(t, b.config(dsn))
	conn := recordtest.Open(t, dsn)
	awaitStored(t, conn, b.events)
	b.produce(1, 7)
	awaitStored(t, conn, b.events)
	stop()
	checkStored(t, conn, "_log", b.events)
	checkStored(t, conn, "", b.events)
}

// What the sink has passed is committed, so that others may forget it.
func TestSettles(t *testing.T) {
	t.Parallel()
	b, dsn := newBroker(t, 1), recordtest.DSN(t)
	b.produce(0, 10)
	start(t, b.config(dsn))
	admin := kadm.NewClient(b.client())
	await(t, "the end of the log committed without a plan", func() bool {
		offsets, err := admin.FetchOffsets(t.Context(), "parley.sink")
		o, ok := offsets.Lookup(kafkaTopics.Results, 0)
		return err == nil && ok && o.At == b.end(0) && o.Metadata == ""
	})
}

// A sink that has been told to end stores what it has read.
func TestEndsClean(t *testing.T) {
	t.Parallel()
	b, dsn := newBroker(t, 1), recordtest.Migrated(t)
	b.produce(0, 10)
	cfg := b.config(dsn)
	cfg.BlockWait, cfg.BlockRowsMax = time.Hour, 1_000
	s := newSink(t, cfg)
	stop := run(t, s)
	await(t, "events read and kept for a full block", func() bool { return !s.metrics.lags.owned()[0].oldest.IsZero() })
	stop()
	checkStored(t, recordtest.Open(t, dsn), "_log", b.events)
}

// Two sinks that know nothing of each other cut the log into other blocks, so that tokens do not help: the
// identities of the rows do.
func TestViewsShowOnce(t *testing.T) {
	t.Parallel()
	b, dsn := newBroker(t, 2), recordtest.DSN(t)
	b.produce(0, 30)
	b.produce(1, 30)
	one, other := b.config(dsn), b.config(dsn)
	other.Group, other.BlockRowsMax = "parley.zombie", 11
	stopOne, stopOther := start(t, one), start(t, other)
	conn := recordtest.Open(t, dsn)
	awaitStored(t, conn, b.events)
	admin := kadm.NewClient(b.client())
	await(t, "both sinks at the end of the log", func() bool {
		for _, group := range []string{"parley.sink", "parley.zombie"} {
			offsets, err := admin.FetchOffsets(t.Context(), group)
			for p := range int32(2) {
				if o, ok := offsets.Lookup(kafkaTopics.Results, p); err != nil || !ok || o.At != b.end(p) {
					return false
				}
			}
		}
		return true
	})
	stopOne()
	stopOther()
	checkStored(t, conn, "", b.events)
}

// Members that come and go hand over partitions in the middle of everything.
func TestMembersShare(t *testing.T) {
	t.Parallel()
	b, dsn := newBroker(t, 4), recordtest.DSN(t)
	start(t, b.config(dsn))
	var stops []func()
	for range 3 {
		for p := range int32(4) {
			b.produce(p, 12)
		}
		stops = append(stops, start(t, b.config(dsn)))
	}
	for _, stop := range stops {
		b.produce(0, 12)
		stop()
	}
	conn := recordtest.Open(t, dsn)
	awaitStored(t, conn, b.events)
	checkStored(t, conn, "_log", b.events)
}
