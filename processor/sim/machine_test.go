package sim

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"parley/internal/route"
	"parley/processor"
	"parley/processor/notify"
	"parley/schemas"
)

// machine has a disk, and runs one member of the group at a time.
type machine struct {
	name  string
	world *world

	mu   sync.Mutex
	disk *vfs.MemFS
	runs int
	// now is the process that runs; nil: the machine is down.
	now *process
}

// process is a member from its start to its end. A crash takes its network and its disk away, so that whatever its
// goroutines still do is seen by nobody; a process that is started after it gets what the disk would have kept.
type process struct {
	name    string
	machine *machine
	nic     *nic
	member  *processor.Processor
	stop    context.CancelFunc
	stopped chan struct{}

	mu sync.Mutex
	// trap is the place at which the process dies; empty: none. steps are the times it passes there before.
	trap  faultKind
	steps int
	// doomed: it dies at the next thing that leaves it.
	doomed bool
	dead   bool
	// down is for how long the machine is after the trap has sprung.
	down time.Duration
	// disturbed: something has been done to it but an orderly end.
	disturbed bool
}

const routes = `
routes:
  - name: Quick
    match: {objectType: Quick}
    executor: {type: http, url: "http://backend/quick", timeout: 20s}
    idempotent: true
    concurrency: 8
    retry: {initial: 100ms, max: 2s}
    deferTimeout: 30s
  - name: Plain
    match: {objectType: Plain}
    executor: {type: http, url: "http://backend/plain", timeout: 20s}
    concurrency: 3
    retry: {initial: 100ms, max: 2s}
    deferTimeout: 30s
  - name: Once
    match: {objectType: Once}
    executor: {type: http, url: "http://backend/once", timeout: 10s}
    delivery: at-most-once
    concurrency: 3
    retry: {initial: 100ms, max: 2s}
    deferTimeout: 30s
  - name: Many
    match: {objectType: Many}
    executor: {type: http, url: "http://backend/many", timeout: 20s}
    batch: {max: 4, linger: 30ms}
    concurrency: 2
    retry: {initial: 100ms, max: 2s}
    deferTimeout: 30s
  - name: Log
    match: {objectType: Log}
    executor: {type: kafka, topic: backend.requests}
    delivery: exactly-once
    concurrency: 4
`

// deferTimeout is that of the routes.
const deferTimeout = 30 * time.Second

// start begins a process on a machine that is down.
func (m *machine) start() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.now != nil {
		return
	}
	m.runs++
	w := m.world
	p := &process{name: fmt.Sprintf("%s%d", m.name, m.runs), machine: m, stopped: make(chan struct{})}
	p.nic = newNIC(p.name, w.dice, w.broker.network.DialContext)
	p.nic.tap = p.frame
	table, err := route.Parse([]byte(routes))
	if err != nil {
		w.t.Fatal(err)
	}
	p.member, err = processor.New(processor.Config{
		Kafka: []kgo.Opt{
			kgo.SeedBrokers(w.broker.addresses()...), kgo.Dialer(p.nic.connect), kgo.HeartbeatInterval(heartbeat), kgo.RebalanceTimeout(rebalanceTimeout),
			kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.DisableClientMetrics(), kgo.ClientID(p.name),
		},
		Topics:             w.broker.names,
		Partitions:         partitions,
		ResultPartitions:   resultPartitions,
		Group:              group,
		Instance:           m.name,
		SinkGroup:          "parley.sink",
		StoreDir:           "/store",
		StoreFS:            errorfs.Wrap(m.disk, errorfs.InjectorFunc(p.writing)),
		Routes:             route.NewCurrent(table),
		Executor:           backendOf{w.backend, p},
		Senders:            map[string]notify.Sender{schemas.ResponseHTTPPost: receiverOf{w.receiver, p}.Send},
		Tokens:             w.tokens,
		Limits:             schemas.DefaultLimits(),
		PartTimeout:        partTimeout,
		ForwardGrace:       forwardGrace,
		SessionTimeout:     sessionTimeout,
		TransactionTimeout: transactionTimeout,
		Log:                slog.New(slog.NewTextHandler(w.logs(p.name), &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.stop = cancel
	m.now = p
	w.tell("%s starts", p.name)
	w.tasks.Go(func() {
		defer close(p.stopped)
		if err := p.member.Run(ctx); err != nil && !p.isDead() {
			w.fail("a process ends by itself", "", "%s: %v", p.name, err)
		}
		cancel()
	})
}

// running is the process of a machine; nil: it is down.
func (m *machine) running() *process {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

// crash kills a process: from now on nothing leaves it, and its machine has what its disk had. The machine starts
// another when it has been down for a time.
func (p *process) crash(why faultKind) {
	p.mu.Lock()
	first := !p.dead
	p.dead, p.disturbed, p.trap, p.doomed = true, true, "", false
	down := p.down
	p.mu.Unlock()
	if !first {
		return
	}
	m, w := p.machine, p.machine.world
	m.mu.Lock()
	m.disk = p.machine.afterCrash(why)
	m.now = nil
	m.mu.Unlock()
	w.mu.Lock()
	w.dead = append(w.dead, p)
	w.mu.Unlock()
	w.tell("%s dies: %s", p.name, why)
	w.tasks.Go(func() { // not by the goroutine that sprang the trap: it may be one of the network's
		p.nic.kill()
		p.stop()
		w.wait(down)
		m.start()
	})
	w.tasks.Go(func() {
		w.wait(sessionTimeout)
		w.broker.expire(p.name)
	})
}

// afterCrash is the disk as a crash leaves it: what was synced, and some of the rest.
func (m *machine) afterCrash(why faultKind) *vfs.MemFS {
	if why == wipe {
		return vfs.NewCrashableMem()
	}
	r := m.world.dice.stream(fmt.Sprintf("disk of %s%d", m.name, m.runs))
	return m.disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: one(r, 0, 50, 100), RNG: r.Rand})
}

func (p *process) isDead() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dead
}

// springs reports whether a place kills the process, or it was doomed to die at the next: then it has.
func (p *process) springs(place faultKind) bool {
	p.mu.Lock()
	why := faultKind("")
	switch {
	case p.doomed:
		why = crashHeard
	case p.trap == place && p.steps == 0:
		why = place
	case p.trap == place:
		p.steps--
	}
	if why != "" && place == crashHeard { // it hears of the commit, and dies at whatever it does then
		p.trap, p.doomed, why = "", true, ""
	}
	p.mu.Unlock()
	if why != "" {
		p.crash(why)
	}
	return why != ""
}

// frame sees what goes between the process and the broker; false: it is lost.
func (p *process) frame(f frame) bool {
	place := faultKind("")
	switch {
	case f.answer && f.key == kmsg.EndTxn:
		if p.losesAnswer() || p.springs(crashUnheard) {
			return false
		}
		place = crashHeard
		p.springs(place)
		return true
	case f.answer:
		return true
	case f.key == kmsg.EndTxn:
		place = crashCommitting
	case f.key == kmsg.TxnOffsetCommit:
		place = crashOffsets
	case f.key == kmsg.Produce:
		place = crashProducing
	}
	return !p.springs(place)
}

// losesAnswer springs the trap that loses the answer to a commit and lets the process live.
func (p *process) losesAnswer() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.trap != unheard {
		return false
	}
	if p.steps--; p.steps <= 0 {
		p.trap = ""
	}
	return true
}

// writing sees what the store does to the disk; it never fails.
func (p *process) writing(op errorfs.Op) error {
	if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && !p.isDead() {
		p.springs(crashWriting)
	}
	return nil
}

// do does to the machine's process what a fault says.
func (m *machine) do(f fault) {
	p := m.running()
	if f.kind == begin {
		m.start()
		return
	}
	if p == nil {
		return
	}
	m.world.tell("%s: %s", p.name, f)
	if f.kind == leave {
		p.leave(f.lasts)
		return
	}
	p.mu.Lock()
	p.disturbed, p.down = true, f.lasts
	p.mu.Unlock()
	switch f.kind {
	case crash, wipe:
		p.crash(f.kind)
	case disconnect:
		p.nic.cut()
	case freeze:
		p.nic.freeze()
		m.world.tasks.Go(func() { m.world.wait(f.lasts); p.nic.melt() })
	case crawl:
		p.nic.slowDown(100 * time.Millisecond * time.Duration(f.count))
		m.world.tasks.Go(func() { m.world.wait(f.lasts); p.nic.slowDown(0) })
	case refused:
		for _, other := range m.world.machines {
			other.disturb()
		}
		m.world.broker.refuse(f.count)
	default:
		p.mu.Lock()
		p.trap, p.steps = f.kind, f.count
		p.mu.Unlock()
	}
}

// disturb takes note that something has been done to the machine's process.
func (m *machine) disturb() {
	if p := m.running(); p != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.disturbed = true
	}
}

// wasDisturbed reports whether something has been done to a process but an orderly end.
func (p *process) wasDisturbed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.disturbed
}

// leave ends a process in order, and starts the next when the machine has been down for a time.
func (p *process) leave(down time.Duration) {
	m, w := p.machine, p.machine.world
	p.stop()
	w.tasks.Go(func() {
		<-p.stopped
		m.mu.Lock()
		ended := m.now == p
		if ended {
			m.now = nil
		}
		m.mu.Unlock()
		if !ended {
			return // it crashed while it ended
		}
		w.tell("%s has ended", p.name)
		p.nic.kill()
		w.wait(down)
		m.start()
	})
}

// logs receives what a process says to operators.
func (w *world) logs(name string) io.Writer { return logWriter{w, name} }

type logWriter struct {
	world *world
	name  string
}

func (l logWriter) Write(b []byte) (int, error) {
	l.world.history.log(l.name, string(b))
	return len(b), nil
}
