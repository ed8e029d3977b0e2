//go:build e2e

package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/cli/node"
	"parley/internal/cli/torture"
	"parley/internal/e2e/kafka"
	connect "parley/internal/kafka"
	"parley/internal/testkit"
	"parley/schemas"
)

// TestBrokers has a Parley of three members endure, under load by HTTP and by Kafka, what befalls the brokers: nothing that
// was acknowledged is lost, doubled or out of order, in ClickHouse as at the backends. Each fault is a line of the fault table,
// with how long the partitions stood still.
func TestBrokers(t *testing.T) {
	b := &brokers{t: t, Cluster: cluster(t, kafka.Config{})}
	for _, fault := range []struct {
		name  string
		blows []torture.Blow
	}{
		{"a broker is killed, then the controller", []torture.Blow{
			b.blow("broker", "killed with SIGKILL, started again", 3*time.Second, 3*time.Second, b.any, b.kill, b.start),
			b.blow("broker", "of the controller killed with SIGKILL, started again", 16*time.Second, 3*time.Second, b.controller, b.kill, b.start),
		}},
		{"the coordinator's broker is killed", []torture.Blow{
			b.blow("broker", "of the transactions killed with SIGKILL, started again", 5*time.Second, 9*time.Second, b.coordinator, b.kill, b.start),
		}},
		{"rolling restart", []torture.Blow{{
			Victim: "brokers", Kind: "stopped with SIGTERM and started, one after the other", At: 2 * time.Second, Do: func(ctx context.Context) error { return roll(ctx, b.Cluster) },
		}}},
		{"leaders move", []torture.Blow{
			{Victim: "leaders", Kind: "elected, others preferred", At: 3 * time.Second, Do: b.moveLeaders},
			{Victim: "leaders", Kind: "elected, others preferred", At: 10 * time.Second, Do: b.moveLeaders},
			{Victim: "leaders", Kind: "elected, others preferred", At: 17 * time.Second, Do: b.moveLeaders},
		}},
		{"a broker hangs", []torture.Blow{
			b.blow("broker", "frozen with SIGSTOP, woken", 3*time.Second, 20*time.Second, b.any, b.freeze, b.thaw),
		}},
		{"too few replicas", []torture.Blow{{
			Victim: "brokers", Kind: "two of three killed, started again", At: 4 * time.Second, Lasts: 8 * time.Second, Do: b.killTwo, Undo: b.startTwo,
		}}},
	} {
		t.Run(strings.ReplaceAll(fault.name, " ", "-"), func(t *testing.T) {
			b.t = t
			if report, ok := b.endure(torture.Config{Name: fault.name, Blows: fault.blows}); ok {
				faults = append(faults, report)
			}
		})
	}
}

// brokers are a cluster to which things happen.
type brokers struct {
	*kafka.Cluster
	t *testing.T
	// watching are those who wait for progress behind a blow.
	watching sync.WaitGroup
	struck   []int // those that are down or frozen now

	mu         sync.Mutex
	recoveries []torture.Recovery
}

// endure has a Parley endure blows. false: there is no verdict.
func (b *brokers) endure(cfg torture.Config) (torture.Report, bool) {
	b.t.Helper()
	ctx := deadline(b.t)
	if err := errors.Join(testkit.DeleteTopics(b.Addrs(), "torture-"), b.InSync(ctx)); err != nil { // those of another run
		b.t.Fatal(err)
	}
	var said bytes.Buffer
	cfg.Program, cfg.Out, cfg.Brokers = program, &said, b.Addrs()
	cfg.Seed, cfg.Rate, cfg.Load, cfg.Drain, cfg.Session = 1, 80, 25*time.Second, 3*time.Minute, 6*time.Second
	b.recoveries = nil
	for i := range cfg.Blows {
		cfg.Blows[i].Do = b.watched(cfg.Blows[i])
	}
	report, err := torture.Run(ctx, cfg)
	b.watching.Wait()
	if err != nil {
		b.t.Errorf("%v\n%s", err, said.Bytes())
		if !errors.Is(err, torture.ErrFailed) {
			return report, false
		}
	}
	report.Recoveries = b.recoveries
	for _, r := range b.recoveries {
		b.t.Logf("%s: %s %s: %d of %d partitions of the results went on, the last %s after the blow", cfg.Name, r.Victim, r.Kind, r.Progressed, r.Partitions, r.Slowest.Round(time.Millisecond))
		if r.Progressed < r.Partitions {
			b.t.Errorf("%s: only %d of %d partitions went on within %s of the blow", cfg.Name, r.Progressed, r.Partitions, recoveryMax)
		}
	}
	return report, true
}

// blow does something to a broker that is chosen when it falls, and makes it good.
func (b *brokers) blow(victim string, kind torture.Kind, at, lasts time.Duration, choose func(context.Context) (int, error), do func(int) error, undo func(context.Context, int) error) torture.Blow {
	return torture.Blow{
		Victim: victim, Kind: kind, At: at, Lasts: lasts,
		Do: func(ctx context.Context) error {
			i, err := choose(ctx)
			if err != nil {
				return err
			}
			b.struck = []int{i}
			return do(i)
		},
		Undo: func(ctx context.Context) error { return undo(ctx, b.struck[0]) },
	}
}

func (b *brokers) any(context.Context) (int, error)            { return 1, nil }
func (b *brokers) controller(ctx context.Context) (int, error) { return b.Controller(ctx) }
func (b *brokers) kill(broker int) error                       { return b.Kill(broker) }
func (b *brokers) start(ctx context.Context, broker int) error { return b.Start(ctx, broker) }
func (b *brokers) freeze(broker int) error                     { return b.Freeze(broker) }
func (b *brokers) thaw(_ context.Context, broker int) error    { return b.Thaw(broker) }

// coordinator is a broker that leads a transaction which is open.
func (b *brokers) coordinator(ctx context.Context) (found int, err error) {
	err = b.ask(ctx, func(admin *kadm.Client) error {
		for ctx.Err() == nil {
			open, err := admin.ListTransactions(ctx, nil, []string{"Ongoing"})
			if err != nil {
				return err
			}
			for _, one := range open {
				found = int(one.Coordinator)
				return nil
			}
		}
		return context.Cause(ctx)
	})
	return found, err
}

// moveLeaders has the second replica of every partition be the preferred one, which leads it then.
func (b *brokers) moveLeaders(ctx context.Context) error {
	return b.ask(ctx, func(admin *kadm.Client) error {
		topics, err := admin.ListTopicsWithInternal(ctx)
		if err != nil {
			return err
		}
		var to kadm.AlterPartitionAssignmentsReq
		for _, topic := range topics {
			for _, p := range topic.Partitions {
				to.Assign(topic.Topic, p.Partition, append(append([]int32{}, p.Replicas[1:]...), p.Replicas[0]))
			}
		}
		if _, err := admin.AlterPartitionAssignments(ctx, to); err != nil {
			return err
		}
		_, err = admin.ElectLeaders(ctx, kadm.ElectPreferredReplica, nil)
		return err
	})
}

func (b *brokers) ask(ctx context.Context, question func(*kadm.Client) error) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(b.Addrs()...))
	if err != nil {
		return err
	}
	defer client.Close()
	return question(kadm.NewClient(client))
}

// killTwo leaves one broker, which may take nothing by itself.
func (b *brokers) killTwo(context.Context) error { return errors.Join(b.Kill(0), b.Kill(1)) }

func (b *brokers) startTwo(ctx context.Context) error {
	errs := make([]error, 2)
	var both sync.WaitGroup
	for i := range errs { // each waits for the other: one has no majority
		both.Go(func() { errs[i] = b.Start(ctx, i) })
	}
	both.Wait()
	return errors.Join(errs...)
}

// watched does what a blow does, and begins to wait for every partition of the results to go on.
func (b *brokers) watched(blow torture.Blow) func(context.Context) error {
	do := blow.Do
	return func(ctx context.Context) error {
		client, err := kgo.NewClient(kgo.SeedBrokers(b.Addrs()...), kgo.MetadataMinAge(100*time.Millisecond), kgo.RetryTimeout(time.Second))
		if err != nil {
			return err
		}
		before, err := committed(ctx, kadm.NewClient(client))
		if err != nil {
			client.Close()
			return fmt.Errorf("look at the results: %w", err)
		}
		began := time.Now()
		if err := do(ctx); err != nil {
			client.Close()
			return err
		}
		b.watching.Go(func() {
			defer client.Close()
			r := progress(context.WithoutCancel(ctx), kadm.NewClient(client), before, began)
			r.Victim, r.Kind, r.Lasts = blow.Victim, blow.Kind, blow.Lasts
			b.mu.Lock()
			defer b.mu.Unlock()
			b.recoveries = append(b.recoveries, r)
		})
		return nil
	}
}

// committed are the ends of the partitions of the results that are written now, as a reader of committed records has them.
func committed(ctx context.Context, admin *kadm.Client) (map[string]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	topics, err := admin.ListTopics(ctx)
	if err != nil {
		return nil, err
	}
	out := make(map[string]int64)
	for _, name := range topics.Names() {
		if !strings.HasPrefix(name, "torture-") || !strings.HasSuffix(name, ".results") {
			continue
		}
		ends, err := admin.ListCommittedOffsets(ctx, name)
		if err != nil {
			return nil, err
		}
		ends.Each(func(o kadm.ListedOffset) {
			if o.Err == nil {
				out[fmt.Sprint(o.Topic, "/", o.Partition)] = o.Offset
			}
		})
	}
	return out, nil
}

// progress waits for the partitions to have more than before.
func progress(ctx context.Context, admin *kadm.Client, before map[string]int64, since time.Time) torture.Recovery {
	r := torture.Recovery{Partitions: len(before)}
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for len(before) > 0 && time.Since(since) < recoveryMax {
		if now, err := committed(ctx, admin); err == nil { // else the brokers are away
			for partition, end := range before {
				if now[partition] > end {
					delete(before, partition)
					r.Progressed, r.Slowest = r.Progressed+1, time.Since(since)
				}
			}
		}
		<-again.C
	}
	return r
}

// TestTooFewReplicas has two of three brokers gone: calls are refused within a second, and taken again by themselves when the
// brokers are back.
func TestTooFewReplicas(t *testing.T) {
	b := &brokers{t: t, Cluster: cluster(t, kafka.Config{})}
	ctx := deadline(t)
	url := takes(t, b.Addrs())
	accepted(t, url)
	if err := b.killTwo(ctx); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		began := time.Now()
		code, body := post(t, url)
		took := time.Since(began)
		t.Logf("two of three brokers are gone: %d after %s", code, took.Round(time.Millisecond))
		if code != http.StatusServiceUnavailable || !strings.Contains(body, string(schemas.QueueUnavailable)) || took > refusalMax {
			t.Errorf("%d after %s: %s", code, took, body)
		}
	}
	if err := b.startTwo(ctx); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	accepted(t, url)
	t.Logf("accepted again %s after the brokers serve", time.Since(began).Round(time.Millisecond))
}

// refusalMax is how long a call may wait to be refused: a second, and what a busy machine needs beside it.
const refusalMax = 2 * time.Second

// accepted waits until a call is.
func accepted(t *testing.T, url string) {
	t.Helper()
	for began := time.Now(); ; {
		code, body := post(t, url)
		if code == http.StatusAccepted {
			return
		}
		if code != http.StatusServiceUnavailable || time.Since(began) > time.Minute {
			t.Fatalf("%d after %s: %s", code, time.Since(began), body)
		}
	}
}

// post sends a call.
func post(t *testing.T, url string) (code int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/v1/calls", strings.NewReader(`{"method":"Create","objects":[{"type":"Order"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// takes runs a node that takes calls, until the test ends, and returns where.
func takes(t *testing.T, brokers []string) (url string) {
	t.Helper()
	dir := t.TempDir()
	routes := filepath.Join(dir, "routes.yaml")
	if err := os.WriteFile(routes, []byte(`routes: [{name: all, executor: {type: http, url: "http://127.0.0.1:1/"}}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan node.Addresses, 1), make(chan error, 1)
	go func() {
		ended <- node.Run(ctx, node.Config{
			HTTPAddr:      "127.0.0.1:0",
			Kafka:         connect.Config{Brokers: brokers},
			ClickHouseDSN: "clickhouse://127.0.0.1:1/parley",
			DataDir:       filepath.Join(dir, "data"),
			Roles:         node.Roles{Ingest: true},
			TopicPrefix:   "few",
			Partitions:    8,
			RoutesFile:    routes,
			Auth:          node.AuthNone,
			Secret:        "0123456789abcdef",
			Instance:      "one",
			PartTimeout:   time.Minute,
			ForwardGrace:  time.Minute,
			Log:           slog.New(slog.DiscardHandler),
		}, node.Events{Ready: func(a node.Addresses) { ready <- a }, Stopping: func(error) {}})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	select {
	case a := <-ready:
		return a.HTTP
	case err := <-ended:
		ended <- nil
		t.Fatal(err)
	}
	return ""
}
