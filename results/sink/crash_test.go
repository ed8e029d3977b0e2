package sink

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"parley/results/record"
	"parley/results/recordtest"
)

// freezer stops a member at one of its steps. Steps are counted from 0: each commit and each insert is one step
// before it is made and one after.
type freezer struct {
	store blockStore
	marks markStore
	at    int
	// frozen is closed when the step is reached; the member goes on when thawed is closed.
	frozen, thawed chan struct{}

	mu    sync.Mutex
	steps []string
}

func (f *freezer) step(name string) {
	f.mu.Lock()
	f.steps = append(f.steps, name)
	stop := len(f.steps) == f.at+1
	f.mu.Unlock()
	if stop {
		close(f.frozen)
		<-f.thawed
	}
}

// name is the last step that was reached.
func (f *freezer) name() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.steps[len(f.steps)-1]
}

func (f *freezer) prepare(ctx context.Context) error { return f.store.prepare(ctx) }

func (f *freezer) insert(ctx context.Context, t table, token string) error {
	f.step("before " + t.name)
	// The context is that of a process that has not noticed how long it stood still.
	err := f.store.insert(context.WithoutCancel(ctx), t, token)
	f.step("after " + t.name)
	return err
}

func (f *freezer) commit(ctx context.Context, marks map[int32]mark) error {
	f.step("before commit")
	err := f.marks.commit(ctx, marks)
	f.step("after commit")
	return err
}

// The steps of two blocks, of which each has rows for all tables.
var twoBlocks = slices.Repeat([]string{
	"before commit", "after commit",
	"before results_log", "after results_log",
	"before calls_log", "after calls_log",
	"before conversations_log", "after conversations_log",
	"before deliveries_log", "after deliveries_log",
	"before stored", "after stored",
}, 2)

// A sink that is cut off at any step loses nothing and stores nothing twice: not when another takes over, and not
// when the first, which knows nothing of it, wakes up and goes on with what it was about to do.
func TestCutOffAtEveryStep(t *testing.T) {
	t.Parallel()
	for at, name := range twoBlocks {
		t.Run(fmt.Sprintf("%02d %s", at, name), func(t *testing.T) {
			t.Parallel()
			testCutOff(t, at)
		})
	}
}

func testCutOff(t *testing.T, at int) {
	b, dsn := newBroker(t, 1), recordtest.Migrated(t)
	b.produce(0, 20)
	conn := recordtest.Open(t, dsn)

	f := &freezer{at: at, frozen: make(chan struct{}), thawed: make(chan struct{})}
	first := newMember(t, b.config(dsn), f)
	ended := make(chan error, 1)
	go func() { ended <- first.run(t.Context()) }()
	<-f.frozen
	first.client.CloseAllowingRebalance() // from here on Kafka knows nothing of it, nor it of Kafka

	second := b.config(dsn)
	second.BlockRowsMax = 40 // what was planned stands, whatever the limits are now
	stop := start(t, second)
	awaitStored(t, conn, b.events)
	checkStored(t, conn, "_log", b.events)

	close(f.thawed)
	if err := <-ended; err == nil {
		t.Error("the first sink did not notice that its client is closed")
	}
	if got := f.steps[:at+1]; !slices.Equal(got, twoBlocks[:at+1]) {
		t.Errorf("steps = %q, want %q", got, twoBlocks[:at+1])
	}
	stop()
	checkStored(t, conn, "_log", b.events)
	checkStored(t, conn, "", b.events)
	checkReached(t, conn, b.events)
}

// newMember returns a member whose steps f controls.
func newMember(t *testing.T, cfg Config, f *freezer) *member {
	t.Helper()
	conn, err := record.Open(cfg.DSN, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	metrics, err := newMetrics(nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg = cfg.withDefaults()
	f.store = &store{dsn: cfg.DSN, conn: conn, log: cfg.Log}
	m, err := join(cfg, metrics, f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.client.CloseAllowingRebalance)
	f.marks, m.offsets = m.offsets, f
	return m
}
