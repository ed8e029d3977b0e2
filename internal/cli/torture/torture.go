// Package torture runs Parley as a group of processes, loads it, and does to it what must not matter: it kills, freezes
// and stops members at random, lets the backend fail, and puts routes into maintenance; who is told of ends is slow, or
// dead for a while. Then it lets everything come to its end, and holds its records against each other: what was
// acknowledged, what the backends saw, what came by callbacks and from the queues of subscribers, and what ClickHouse
// shows. It is how the project shows that DESIGN section 7 is true of real processes.
//
//	torture ── HTTP, Kafka ──▶ member 1 … 3 ──▶ backend (HTTP; its journal), responder (Kafka; what it read)
//	   │ starts, kills            │        ├──▶ receivers of callbacks
//	   │                          │        └──▶ queues of subscribers
//	   └─ engines: broker and ClickHouse, which are not tortured
//
// What is sent and what is done follows from a seed; when exactly it meets, and so what comes of it, does not.
package torture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"parley/schemas"
)

// Config says how long and how hard. All fields but Name, Members, Blows, Brokers, Library and Keep are required.
type Config struct {
	// Name is what the report calls the run.
	Name string
	// Members are the processes of Parley; at least one is to take calls all the time. Nil: three that are there from the
	// beginning to the end.
	Members []Member
	// Blows are all that is done. Nil: what follows from the seed.
	Blows []Blow
	// Program is the path of parley.
	Program string
	// Library is the path of the ClickHouse engine. Empty: where the build puts it.
	Library string
	// Brokers are addresses of a Kafka cluster. Empty: an embedded broker.
	Brokers []string
	// Seed is what the plan follows from.
	Seed uint64
	// Load is how long calls are sent, Drain how long the end of everything is waited for at the most.
	Load, Drain time.Duration
	// Rate is how many calls are sent in a second, about.
	Rate float64
	// Session is the session timeout of the members.
	Session time.Duration
	// Keep leaves the folder of the run, with the logs of all processes, behind.
	Keep bool
	// Out receives what a person reads.
	Out io.Writer
}

// ErrFailed says that something was not as it must be; what, has been written.
var ErrFailed = errors.New("the torture found what must not be")

// aroundMax bounds what is neither load nor drain: starting, catching up, comparing.
const aroundMax = 5 * time.Minute

var errLong = errors.New("the torture takes too long")

// run is a run on its way.
type run struct {
	cfg       Config
	plan      plan
	group     *group
	kafka     *kgo.Client
	responder *responder
	observer  *observer
	receiver  *receiver
	queues    []*queue
	ledger    *ledger
	checks    *checks
	told      told
	keys      atomic.Int64
	// began is when the load did.
	began time.Time
	// say guards what is written, and woken, when members were woken.
	say   sync.Mutex
	woken []time.Time
}

// Run is a whole run. Its error is ErrFailed when a check failed, or says why there is no verdict, and so no report. No
// process is left behind.
func Run(ctx context.Context, cfg Config) (report Report, err error) {
	if cfg.Members == nil {
		cfg.Members = threeMembers()
	}
	ctx, cancel := context.WithTimeoutCause(ctx, cfg.Load+cfg.Drain+aroundMax, errLong)
	defer cancel()
	r := &run{cfg: cfg, ledger: newLedger(), checks: newChecks(), told: make(told)}
	if r.plan, err = newPlan(cfg); err != nil {
		return report, err
	}
	if err := r.plan.validate(cfg.Members); err != nil {
		return report, err
	}
	dir, err := os.MkdirTemp("", "parley-torture-")
	if err != nil {
		return report, fmt.Errorf("make folder: %w", err)
	}
	defer func() {
		if cfg.Keep {
			r.print("\nEverything is in %s", dir)
			return
		}
		err = errors.Join(err, os.RemoveAll(dir))
	}()
	r.print("Seed %d: %s within %s", cfg.Seed, &r.plan, cfg.Load)
	r.group, err = newGroup(ctx, cfg, dir)
	defer func() { err = errors.Join(err, r.group.close()) }()
	if err != nil {
		return report, err
	}
	if err := r.group.start(ctx); err != nil {
		return report, err
	}
	return r.torture(ctx)
}

// torture is the run with everything at its place.
func (r *run) torture(ctx context.Context) (report Report, err error) {
	r.kafka, err = kgo.NewClient(kgo.SeedBrokers(r.group.brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0))
	if err != nil {
		return report, fmt.Errorf("open Kafka client: %w", err)
	}
	defer r.kafka.Close()
	if r.responder, err = newResponder(r.group.brokers, r.group.topics); err != nil {
		return report, err
	}
	defer r.responder.client.Close()
	if r.observer, err = newObserver(r.group.brokers, schemas.TopicsOf(r.group.prefix), r.checks); err != nil {
		return report, err
	}
	defer r.observer.client.Close()
	if err := r.openCallers(ctx); err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, r.receiver.close()) }()

	watching, stopWatching := context.WithCancel(ctx)
	var watchers sync.WaitGroup
	defer watchers.Wait()
	defer stopWatching()
	for _, watch := range []func(context.Context){r.responder.run, r.observer.run, r.poll} {
		watchers.Go(func() { watch(watching) })
	}
	for _, q := range r.queues {
		watchers.Go(func() { r.drainQueue(watching, q) })
	}
	if err := r.inflict(ctx); err != nil {
		return report, err
	}
	r.print("\nWaiting until everything has ended")
	if err := r.group.awaitReady(ctx); err != nil {
		return report, err
	}
	rows, err := r.drain(ctx)
	if err != nil {
		return report, err
	}
	r.print("  it took %s", (time.Since(r.began) - r.cfg.Load).Round(time.Millisecond))
	r.pollAll(ctx, rows)
	stopWatching()
	watchers.Wait()
	if err := r.forgotten(ctx); err != nil {
		return report, err
	}
	return r.judge(ctx, rows)
}

// openCallers readies those who are told of what ends.
func (r *run) openCallers(ctx context.Context) (err error) {
	if r.receiver, err = openReceiver(ctx, r.checks); err != nil {
		return err
	}
	if r.receiver.secrets, err = r.secrets(ctx); err == nil {
		err = r.openQueues(ctx)
	}
	if err != nil {
		return errors.Join(err, r.receiver.close())
	}
	return nil
}

// inflict sends the load, and carries out the blows meanwhile.
func (r *run) inflict(ctx context.Context) error {
	r.began = time.Now()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return r.load(ctx) })
	g.Go(func() error { return r.command(ctx) })
	for _, m := range r.group.members {
		g.Go(func() error { return r.attend(ctx, m) })
	}
	g.Go(func() error { return r.torment(ctx, r.group.backend, nil, r.plan.blows[VictimBackend]) })
	g.Go(func() error { return r.maintain(ctx, r.plan.blows[VictimRoutes]) })
	g.Go(func() error { return r.desert(ctx, r.plan.blows[VictimReceiver]) })
	for _, blows := range r.plan.blows {
		if blows[0].Do != nil {
			g.Go(func() error { return r.outside(ctx, blows) })
		}
	}
	return g.Wait()
}

// judge holds the records against each other, and says what was found.
func (r *run) judge(ctx context.Context, rows []row) (Report, error) {
	e, err := r.evidence(rows)
	if err != nil {
		return Report{}, err
	}
	for _, look := range []func(){e.results, e.order, e.executions, e.fences, e.reasons, e.commands} {
		look()
	}
	t, err := r.tellings(ctx, rows)
	if err != nil {
		return Report{}, err
	}
	t.judge()
	if err := r.checkTwins(ctx); err != nil {
		return Report{}, err
	}
	for _, m := range r.group.members {
		r.ends(&m.process)
	}
	r.summarize(rows, e)
	r.print("\n%s", t)
	report := r.report(e)
	if r.print("\nChecking"); !r.checks.write(r.cfg.Out) {
		return report, ErrFailed
	}
	return report, nil
}

// summarize tells what became of the calls.
func (r *run) summarize(rows []row, e *evidence) {
	r.print("\n%d calls were acknowledged; the backend saw %d attempts, a reader of Kafka %d requests. What became of the calls:",
		r.ledger.count(), len(e.journal), len(e.requests))
	counts := make(map[string]int)
	for _, one := range rows {
		counts[statuses([]row{one})]++
	}
	for _, text := range slices.SortedFunc(maps.Keys(counts), func(a, b string) int { return counts[b] - counts[a] }) {
		r.print("  %6d  %s", counts[text], text)
	}
}

// print writes a line.
func (r *run) print(format string, args ...any) {
	r.say.Lock()
	defer r.say.Unlock()
	fmt.Fprintf(r.cfg.Out, format+"\n", args...)
}

// age is how long the load has lasted.
func (r *run) age() time.Duration { return time.Since(r.began).Round(10 * time.Millisecond) }

// struck tells of a blow.
func (r *run) struck(b Blow) {
	r.print("  %8s  %-10s %s after %s", r.age(), b.Victim, b.Kind, b.Lasts.Round(10*time.Millisecond))
}
