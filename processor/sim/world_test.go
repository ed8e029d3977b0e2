package sim

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/token"
	"parley/schemas"
)

// world is one run of a seed.
type world struct {
	t        *testing.T
	dice     dice
	plan     *plan
	broker   *broker
	backend  *backend
	receiver *receiver
	tokens   *token.Signer
	machines []*machine
	history  *history
	tasks    sync.WaitGroup
	// over is closed when the run has ended: who waits goes on.
	over chan struct{}

	mu       sync.Mutex
	failures []failure
	// polls are what callers were told at the end, by conversation.
	polls map[string]string
	// dead are the processes that crashed.
	dead []*process
}

// failure is an invariant that does not hold.
type failure struct {
	invariant, conversation, text string
}

// run plays a seed and returns what it showed.
func run(t *testing.T, seed uint64) (*findings, []failure) {
	t.Helper()
	var found *findings
	var failures []failure
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, seed)
		w.play()
		found = w.findings()
		w.bury()
		found.check(w.fail)
		failures = w.failures
	})
	return found, failures
}

func newWorld(t *testing.T, seed uint64) *world {
	t.Helper()
	d := dice{seed}
	w := &world{t: t, dice: d, plan: newPlan(d), broker: newBroker(t), over: make(chan struct{})}
	var err error
	if w.tokens, err = token.NewSigner([]byte("secret")); err != nil {
		t.Fatal(err)
	}
	w.history = &history{start: time.Now(), acknowledged: make(map[place]string)}
	w.backend = &backend{world: w, client: w.broker.client(t, kgo.RecordPartitioner(kgo.ManualPartitioner())), came: make(map[string]int)}
	w.receiver = &receiver{world: w, came: make(map[string]int), taken: make(map[string]int)}
	for i := range w.plan.machines {
		w.machines = append(w.machines, &machine{name: string(rune('a' + i)), world: w, disk: vfs.NewCrashableMem()})
	}
	return w
}

// play lets everything of the plan happen, and then all come to rest.
func (w *world) play() {
	w.tasks.Go(w.produce)
	w.tasks.Go(w.audit)
	for _, f := range w.plan.faults {
		w.wait(f.at - time.Since(w.history.start))
		if f.kind != crashAll {
			w.machines[f.machine].do(f)
			continue
		}
		f.kind = crash
		for _, m := range w.machines {
			m.do(f)
		}
	}
	w.wait(busy + 26*time.Second - time.Since(w.history.start)) // whoever is down has come back
	w.tell("all is well from here on")
	w.broker.heal()
	for _, m := range w.machines {
		if p := m.running(); p != nil {
			p.heal()
		}
		m.start()
	}
	w.wait(calm)
	w.tell("the end")
	w.polls = w.poll()
	w.closed()
	close(w.over)
	w.end()
}

// poll asks for each conversation as a caller would, and returns what the owners say.
func (w *world) poll() map[string]string {
	polls := make(map[string]string)
	for _, m := range w.plan.means {
		if _, asked := polls[m.conversation]; asked || m.single || m.garbage {
			continue
		}
		account, id, _ := strings.Cut(m.key, "/")
		polls[m.conversation] = "unknown"
		for _, machine := range w.machines {
			if said, ok := machine.poll(schemas.ConversationQuery{Account: account, ID: id}); ok {
				polls[m.conversation] = said
			}
		}
	}
	return polls
}

// poll asks the machine's process about a conversation. false: it cannot tell, or does not know it.
func (m *machine) poll(q schemas.ConversationQuery) (string, bool) {
	p := m.running()
	if p == nil {
		return "", false
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	r, err := p.member.Conversation(ctx, q)
	if err != nil {
		return err.Error(), false
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s", r.Status, r.ErrorCode)), true
}

// end stops all processes in order.
func (w *world) end() {
	for _, m := range w.machines {
		p := m.running()
		if p == nil {
			w.fail("a process ends by itself", "", "machine %s is down at the end", m.name)
			continue
		}
		p.stop()
		<-p.stopped
	}
}

// bury waits for everything that still moves, after all has been seen. Those that died within a transaction wait for
// the broker, however long that takes, so they are led back to it: it knows better than to listen to them.
func (w *world) bury() {
	for _, p := range w.dead {
		p.nic.revive()
	}
	w.tasks.Wait()
	w.backend.client.Close()
	w.broker.requester.Close()
	w.broker.kafka.Close()
	for _, m := range w.machines {
		for _, p := range append(w.dead, m.running()) {
			if p != nil {
				p.nic.kill()
				p.nic.pumps.Wait()
			}
		}
	}
}

// heal takes away what disturbs a process.
func (p *process) heal() {
	p.mu.Lock()
	p.trap, p.doomed = "", false
	p.mu.Unlock()
	p.nic.melt()
	p.nic.slowDown(0)
}

// wait lets time pass; the end of the run ends it.
func (w *world) wait(d time.Duration) {
	select {
	case <-time.After(d):
	case <-w.over:
	}
}

// produce sends what is planned, by a client with a network of its own.
func (w *world) produce() {
	n := newNIC("producer", w.dice, w.broker.network.DialContext)
	client, err := kgo.NewClient(kgo.SeedBrokers(w.broker.addresses()...), kgo.Dialer(n.connect), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ProducerLinger(0), kgo.DisableClientMetrics())
	if err != nil {
		w.fail("produce", "", "%v", err)
		return
	}
	defer n.pumps.Wait()
	defer n.kill()
	defer client.Close()
	for _, s := range w.plan.sendings {
		w.wait(s.at - time.Since(w.history.start))
		r := &kgo.Record{Topic: w.broker.names.Calls, Partition: s.partition, Key: []byte(s.key), Value: []byte(s.value)}
		if s.kind != "" {
			r.Headers = []kgo.RecordHeader{{Key: schemas.HeaderType, Value: []byte(s.kind)}}
		}
		client.Produce(context.Background(), r, func(r *kgo.Record, err error) {
			if err != nil {
				w.fail("produce", "", "%v", err)
				return
			}
			w.history.acknowledge(string(r.Value), place{r.Partition, r.Offset})
		})
	}
	if err := client.Flush(context.Background()); err != nil {
		w.fail("produce", "", "%v", err)
	}
}

func (w *world) tell(format string, args ...any) { w.history.note("", format, args...) }

// fail takes down that an invariant does not hold.
func (w *world) fail(invariant, conversation, format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failures = append(w.failures, failure{invariant, conversation, fmt.Sprintf(format, args...)})
}

// report is what a person reads of a seed that failed.
func report(seed uint64, found *findings, failures []failure) string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d\n", seed)
	for _, f := range failures {
		fmt.Fprintf(&b, "  breaks: %s: %s %s\n", f.invariant, f.conversation, f.text)
	}
	fmt.Fprintf(&b, "the story of %q:\n  %s\n", failures[0].conversation, strings.Join(found.story(failures[0].conversation), "\n  "))
	fmt.Fprintf(&b, "again: make sim SEED=%d\n", seed)
	return b.String()
}
