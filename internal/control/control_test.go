package control_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"parley/internal/control"
	"parley/internal/topics"
	"parley/schemas"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

// cluster is a broker with the topics of Parley.
type cluster struct {
	*kfake.Cluster
	client *kgo.Client
	topic  string
}

func startCluster(t *testing.T) *cluster {
	t.Helper()
	k, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(k.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	c := &cluster{Cluster: k, client: client, topic: schemas.TopicsOf("p").Control}
	c.ensure(t)
	return c
}

// ensure makes the topics, or reads the layout that is recorded beside what this package writes.
func (c *cluster) ensure(t *testing.T) {
	t.Helper()
	want := topics.Layout{Partitions: 4, ResultPartitions: 2}
	got, err := topics.Ensure(t.Context(), c.client, topics.Spec{Topics: schemas.TopicsOf("p"), Layout: want, Replication: 1})
	if err != nil || got != want {
		t.Fatalf("layout %+v, error %v; want %+v", got, err, want)
	}
}

// put writes a record as another version of Parley might.
func (c *cluster) put(t *testing.T, key, value string) {
	t.Helper()
	r := &kgo.Record{Topic: c.topic, Partition: 0, Key: []byte(key), Value: []byte(value)}
	if err := c.client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// process is a process of Parley, as far as it follows the control topic.
type process struct {
	*control.Control
	logged *logged
	stop   func()
}

func (c *cluster) startProcess(t *testing.T) process {
	t.Helper()
	return c.startProcessAs(t, "")
}

// startProcessAs is a process with a name of its own.
func (c *cluster) startProcessAs(t *testing.T, instance string) process {
	t.Helper()
	l := new(logged)
	opening, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p, err := control.Open(opening, control.Config{
		Kafka: []kgo.Opt{kgo.SeedBrokers(c.ListenAddrs()...)},
		Topic: c.topic, Instance: instance,
		Log: slog.New(slog.NewTextHandler(l, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancelRun := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := p.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	stop := func() {
		cancelRun()
		running.Wait()
		p.Close()
	}
	t.Cleanup(stop)
	return process{Control: p, logged: l, stop: stop}
}

// logged is what was logged so far.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), text)
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

func (p process) in(route string) bool {
	_, ok := p.Maintenance(route, time.Now())
	return ok
}

var since = time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC)

func TestEveryProcessHears(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	a, b := c.startProcess(t), c.startProcess(t)
	want := control.Maintenance{Route: "crm", Reason: "moves to another rack", By: "ops", Since: since}
	if err := a.Begin(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	if got, ok := a.Maintenance("crm", since); !ok || got != want {
		t.Errorf("who began it says %+v, %t; want %+v", got, ok, want)
	}
	written := time.Now()
	eventually(t, "the other process hears", func() bool { return b.in("crm") })
	if took := time.Since(written); took > time.Second {
		t.Errorf("heard after %s", took)
	}
	if got, _ := b.Maintenance("crm", since); got != want {
		t.Errorf("the other says %+v, want %+v", got, want)
	}
	if b.in("mail") {
		t.Error("another route is in maintenance")
	}
	if err := b.End(t.Context(), "crm"); err != nil {
		t.Fatal(err)
	}
	if b.in("crm") {
		t.Error("who ended it says that it lasts")
	}
	eventually(t, "the first hears of the end", func() bool { return !a.in("crm") })
	for _, p := range []process{a, b} {
		eventually(t, "each change is logged", func() bool {
			return p.logged.count("route in maintenance") == 1 && p.logged.count("route not in maintenance") == 1
		})
	}
}

func TestARestartKnowsWhatHolds(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	a := c.startProcess(t)
	for _, route := range []string{"crm", "mail", "ledger"} {
		if err := a.Begin(t.Context(), control.Maintenance{Route: route, Reason: "r", By: "ops", Since: since}); err != nil {
			t.Fatal(err)
		}
	}
	again := control.Maintenance{Route: "crm", Reason: "takes longer", By: "ops", Since: since}
	if err := a.Begin(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	if err := a.End(t.Context(), "mail"); err != nil {
		t.Fatal(err)
	}
	a.stop()

	c.Compact()
	c.ensure(t) // the layout is still found
	b := c.startProcess(t)
	if got, ok := b.Maintenance("crm", since); !ok || got != again {
		t.Errorf("crm: %+v, %t; want %+v", got, ok, again)
	}
	if b.in("mail") || !b.in("ledger") {
		t.Errorf("mail in maintenance: %t, ledger: %t; want false, true", b.in("mail"), b.in("ledger"))
	}
	if n := b.logged.count("route in maintenance"); n != 2 {
		t.Errorf("%d routes logged at the start, want 2", n)
	}
}

func TestUntilPasses(t *testing.T) {
	t.Parallel()
	a := startCluster(t).startProcess(t)
	until := since.Add(time.Hour)
	if err := a.Begin(t.Context(), control.Maintenance{Route: "crm", Reason: "r", By: "ops", Since: since, Until: until}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		at   time.Time
		want bool
	}{{since, true}, {until.Add(-1), true}, {until, false}, {until.Add(time.Hour), false}} {
		if _, got := a.Maintenance("crm", tt.at); got != tt.want {
			t.Errorf("at %s in maintenance: %t, want %t", tt.at, got, tt.want)
		}
	}
}

func TestWhatIsNotUnderstoodChangesNothing(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	a := c.startProcess(t)
	if err := a.Begin(t.Context(), control.Maintenance{Route: "crm", Reason: "r", By: "ops", Since: since}); err != nil {
		t.Fatal(err)
	}
	c.put(t, "maintenance/crm", `{"version":2,"routes":["crm"],"reason":"of a later version"}`)
	c.put(t, "maintenance/mail", `{"version":2,"route":"mail"}`)
	c.put(t, "maintenance/mail", `not JSON`)
	c.put(t, "maintenance/mail", `{"version":1,"route":"other","reason":"r","by":"b","since":"2026-12-01T08:00:00Z"}`)
	c.put(t, "novelty/54", `{"of": "a later version"}`)
	c.put(t, "maintenance/ledger", `{"version":1,"route":"ledger","reason":"r","by":"b","since":"2026-12-01T08:00:00Z","more":true}`)
	eventually(t, "what is understood is heard", func() bool { return a.in("ledger") })
	if got, ok := a.Maintenance("crm", since); !ok || got.Reason != "r" {
		t.Errorf("crm: %+v, %t; want it as it was", got, ok)
	}
	if a.in("mail") {
		t.Error("mail is in maintenance")
	}
	if n := a.logged.count("maintenance not understood"); n != 4 {
		t.Errorf("%d warnings, want 4", n)
	}
	if b := c.startProcess(t); b.in("mail") || !b.in("ledger") || b.logged.count("bring it to the version") != 2 {
		t.Error("a process that starts does not say the same")
	}
}

func TestWithoutKafkaItSaysSo(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	a := c.startProcess(t)
	if err := a.Begin(t.Context(), control.Maintenance{Route: "crm", Reason: "r", By: "ops", Since: since}); err != nil {
		t.Fatal(err)
	}
	c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := a.End(ctx, "crm"); err == nil {
		t.Error("End returns nil without a broker")
	}
	if !a.in("crm") {
		t.Error("what was said last is not in force")
	}
}

func TestOpenNeedsTheTopic(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := control.Open(ctx, control.Config{
		Kafka: []kgo.Opt{kgo.SeedBrokers(c.ListenAddrs()...)}, Topic: "nowhere.control", Log: slog.New(slog.DiscardHandler),
	})
	if err == nil || !strings.Contains(err.Error(), "nowhere.control") {
		t.Errorf("error %v, want one that names the topic", err)
	}
}
