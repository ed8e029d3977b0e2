package node

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"parley/internal/testkit"
	"parley/results/recordtest"
)

// BenchmarkCost measures what a call costs, whatever -benchtime says: 20,000 calls of 500 bytes, which hardly compress, go
// through three nodes, one after the other, each with one role: what is taken waits in Kafka for the next. Broker, ClickHouse
// and backend are processes of their own.
//
// It reports the processor time that 1,000 calls take in each role (that of ingest with the client's, which sends what it has
// prepared), and in the brokers meanwhile; and the bytes of a call: in each topic as one broker stores it, before any
// compaction, and in the folder of the processor, before what is in ClickHouse has left it.
func BenchmarkCost(b *testing.B) {
	for _, parts := range []int{1, 3} {
		b.Run(fmt.Sprintf("%d parts", parts), func(b *testing.B) { newCosts(b, parts).measure() })
	}
}

// costCalls is how many calls are measured; most are sent so many in a request, some alone.
const (
	costCalls  = 20_000
	costBatch  = 100
	costSingle = 4_000
)

type costs struct {
	*testing.B
	*site
	kafka  *testkit.Measured
	dsn    string
	bodies []string // a call each
}

func newCosts(b *testing.B, parts int) *costs {
	c := &costs{B: b, site: newSite(b), kafka: testkit.StartMeasured(b), dsn: recordtest.DSN(b)}
	routes := fmt.Appendf(nil, "routes: [{name: all, executor: {type: http, url: \"http://%s\"}}]", startBackend(b))
	if err := os.WriteFile(c.routes, routes, 0o600); err != nil {
		b.Fatal(err)
	}
	noise := rand.NewChaCha8([32]byte{1})
	payload := make([]byte, 150)
	for i := range costCalls / parts * parts {
		_, _ = noise.Read(payload) // never fails
		c.bodies = append(c.bodies, fmt.Sprintf(
			`{"method":"Create","objects":[{"type":"Order","customerKey":"row-%[1]d","correlationId":"line-%[1]d","properties":{"Note":"%[2]x"}}],"options":{"conversationId":"order-%[3]d","sequenceCode":%[4]d,"callsInConversation":%[5]d}}`,
			i, payload, i/parts, i%parts+1, parts))
	}
	return c
}

func (c *costs) measure() {
	single := c.bodies[:costSingle]
	batches := make([]string, 0, len(c.bodies)/costBatch+1)
	for rest := c.bodies[costSingle:]; len(rest) > 0; rest = rest[min(costBatch, len(rest)):] {
		batches = append(batches, strings.Join(rest[:min(costBatch, len(rest))], "\n"))
	}
	calls := float64(len(c.bodies))
	took := c.in(Roles{Ingest: true}, func(n *running) spent {
		return c.spent(func() { c.post(n, "application/json", single) })
	})
	c.report("ingest-alone", took, costSingle)
	took = c.in(Roles{Ingest: true}, func(n *running) spent {
		return c.spent(func() { c.post(n, "application/x-ndjson", batches) })
	})
	c.report("ingest", took, calls-costSingle)

	dir := c.TempDir()
	took = c.in(Roles{Processor: true}, func(n *running) spent {
		return c.spent(func() { c.until(n, "parley_partition_ended_calls_total", calls) })
	}, func(cfg *Config) { cfg.DataDir = dir })
	c.report("processor", took, calls)
	c.ReportMetric(float64(bytesIn(c.B, filepath.Join(dir, "processor")))/calls, "folder-B/call")

	took = c.in(Roles{Results: true}, func(n *running) spent {
		return c.spent(func() { c.until(n, `parley_sink_rows_total{table="calls_log"}`, calls) })
	})
	c.report("results", took, calls)
	c.reportTopics(calls)
	c.ReportMetric(0, "ns/op")
}

func ms(d time.Duration) float64 { return d.Seconds() * 1e3 }

// in has a node with some roles do something.
func (c *costs) in(roles Roles, do func(*running) spent, adjust ...func(*Config)) spent {
	n := c.start("a", roles, append(adjust, func(cfg *Config) {
		cfg.Kafka.Brokers, cfg.TopicPrefix, cfg.Replication = c.kafka.Brokers, c.kafka.Prefix, c.kafka.Replicas
		cfg.ClickHouseDSN = c.dsn
	})...)
	defer n.stop()
	return do(n)
}

// spent is processor time: of this process, and of the brokers.
type spent struct{ ours, brokers time.Duration }

// spent is what something takes.
func (c *costs) spent(do func()) spent {
	ours, brokers := testkit.ProcessorTime(c.B), c.kafka.ProcessorTime()
	do()
	return spent{testkit.ProcessorTime(c.B) - ours, c.kafka.ProcessorTime() - brokers}
}

// report reports what so many calls took.
func (c *costs) report(role string, took spent, calls float64) {
	c.ReportMetric(ms(took.ours)/calls*1000, role+"-cpu-ms/1000")
	c.ReportMetric(ms(took.brokers)/calls*1000, role+"-brokers-cpu-ms/1000")
}

// post sends bodies, 16 at once.
func (c *costs) post(n *running, contentType string, bodies []string) {
	var sends errgroup.Group
	var next atomic.Int64
	for range 16 {
		sends.Go(func() error {
			for i := next.Add(1) - 1; i < int64(len(bodies)); i = next.Add(1) - 1 {
				if err := send(n.url+"/v1/calls", contentType, bodies[i]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := sends.Wait(); err != nil {
		c.Fatal(err)
	}
}

// send has a body accepted, and reads what is answered without a look at it.
func send(url, contentType, body string) error {
	a, err := http.Post(url, contentType, strings.NewReader(body))
	if err != nil {
		return fmt.Errorf("send calls: %w", err)
	}
	defer a.Body.Close()
	if a.StatusCode != http.StatusAccepted {
		return fmt.Errorf("send calls: answered %s", a.Status)
	}
	if _, err := io.Copy(io.Discard, a.Body); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	return nil
}

// until waits until the metrics that begin with a name come to a number.
func (c *costs) until(n *running, name string, number float64) {
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(5 * time.Minute); ; <-again.C {
		sum := 0.0
		for line := range strings.Lines(n.get("/metrics").body) {
			var value float64
			if at := strings.LastIndexByte(line, ' '); at > 0 && strings.HasPrefix(line, name) {
				if _, err := fmt.Sscan(line[at:], &value); err != nil {
					c.Fatal(err)
				}
				sum += value
			}
		}
		if sum >= number {
			return
		}
		if time.Now().After(deadline) {
			c.Fatalf("%s comes to %v, not %v", name, sum, number)
		}
	}
}

// reportTopics reports what the broker stores of a call in each topic.
func (c *costs) reportTopics(calls float64) {
	client, err := kgo.NewClient(c.kafka.Seeds())
	if err != nil {
		c.Fatal(err)
	}
	defer client.Close()
	t := c.kafka.Topics
	set := make(kadm.TopicsSet)
	names := map[string]string{t.Calls: "calls-B/call", t.State: "state-B/call", t.Results: "results-B/call"}
	for name := range names {
		set.Add(name, 0, 1, 2, 3, 4, 5, 6, 7)
	}
	dirs, err := kadm.NewClient(client).DescribeAllLogDirs(context.Background(), set)
	if err != nil {
		c.Fatal(err)
	}
	sizes := make(map[string]int64)
	dirs.Each(func(d kadm.DescribedLogDir) {
		if d.Err != nil {
			c.Error(d.Err)
		}
		d.Topics.Each(func(p kadm.DescribedLogDirPartition) { sizes[p.Topic] += p.Size })
	})
	for name, unit := range names {
		c.ReportMetric(float64(sizes[name])/float64(c.kafka.Replicas)/calls, unit)
	}
}

// bytesIn is what the files of a folder hold.
func bytesIn(b *testing.B, dir string) (sum int64) {
	b.Helper()
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			sum += info.Size()
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return sum
}

// backendEnv tells the test binary that it has been started to be a backend.
const backendEnv = "PARLEY_NODE_TEST_BACKEND"

// backendMain makes the test binary a backend that says OK, when it was started as one.
func backendMain() {
	if os.Getenv(backendEnv) == "" {
		return
	}
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(ln.Addr()) // its standard output is the pipe to startBackend
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }), ReadHeaderTimeout: time.Minute}
	if err := s.Serve(ln); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// startBackend starts a backend that says OK, in a process of its own, and returns its address.
func startBackend(b *testing.B) string {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.CommandContext(b.Context(), self)
	cmd.Env = append(os.Environ(), backendEnv+"=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	stop := sync.OnceValue(func() error { return errors.Join(cmd.Process.Kill(), ignoreExit(cmd.Wait())) })
	b.Cleanup(func() {
		if err := stop(); err != nil {
			b.Error(err)
		}
	})
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatalf("no backend: %v: %s", err, stderr.String())
	}
	return strings.TrimSpace(address)
}

// ignoreExit leaves out that a process which was killed did not end well.
func ignoreExit(err error) error {
	if _, exited := errors.AsType[*exec.ExitError](err); exited {
		return nil
	}
	return err
}
