package sink

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"parley/results/record"
)

// sinkEnv tells the test binary that it has been started to be a sink, and which.
const sinkEnv = "PARLEY_TEST_SINK"

// sinkOrder is what a sink in a process of its own is to do.
type sinkOrder struct {
	Brokers []string
	DSN     string
	Rows    int
	// Instance names the member: who is started again under it takes the place of who was killed, as nodes do.
	Instance string
	// At is the step before or after which it says so and waits for a line; negative: none.
	At int
}

// sinkMain makes the test binary a sink when startSink has started it as one.
func sinkMain() (code int, isSink bool) {
	text := os.Getenv(sinkEnv)
	if text == "" {
		return 0, false
	}
	var order sinkOrder
	if err := json.Unmarshal([]byte(text), &order); err != nil {
		slog.Error("sink of a test does not know what to do", "error", err)
		return 1, true
	}
	if err := order.run(); err != nil {
		slog.Error("sink of a test failed", "error", err)
		return 1, true
	}
	return 0, true
}

// run is the process of a sink, until it is killed.
func (o sinkOrder) run() error {
	cfg := Config{
		Client: []kgo.Opt{
			kgo.SeedBrokers(o.Brokers...), kgo.SessionTimeout(processSession), kgo.HeartbeatInterval(processSession / 10),
			kgo.RebalanceTimeout(5 * processSession), kgo.InstanceID(o.Instance),
		},
		DSN: o.DSN, BlockRowsMax: o.Rows, BlockWait: 20 * time.Millisecond, RetryMax: 100 * time.Millisecond, Log: slog.New(slog.DiscardHandler),
	}.withDefaults()
	conn, err := record.Open(cfg.DSN, nil)
	if err != nil {
		return err
	}
	metrics, err := newMetrics(nil)
	if err != nil {
		return err
	}
	f := &freezer{at: o.At, frozen: make(chan struct{}), thawed: make(chan struct{})}
	go func() {
		<-f.frozen
		fmt.Println(f.name())
		if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err == nil {
			close(f.thawed)
		}
	}()
	f.store = &store{dsn: cfg.DSN, conn: conn, log: cfg.Log}
	for {
		m, err := join(cfg, metrics, f)
		if err != nil {
			return err
		}
		f.marks, m.offsets = m.offsets, f
		_ = m.run(context.Background()) // what ends a membership, another follows, as in Sink.Run
		m.client.CloseAllowingRebalance()
	}
}

// processSession is after how long a sink that was killed or stopped has lost its partitions.
const processSession = 2 * time.Second

// sinkProcess is a sink that runs.
type sinkProcess struct {
	cmd   *exec.Cmd
	stdin io.Writer
	out   *bufio.Reader
}

func startSink(t *testing.T, order sinkOrder) sinkProcess {
	t.Helper()
	text, err := json.Marshal(order)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), sinkEnv+"="+string(text))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := sinkProcess{cmd: cmd, stdin: stdin, out: bufio.NewReader(stdout)}
	t.Cleanup(func() { p.kill() })
	return p
}

// awaitStep waits until the process stands at its step, and returns the step's name.
func (p sinkProcess) awaitStep(t *testing.T) string {
	t.Helper()
	line, err := p.out.ReadString('\n')
	if err != nil {
		t.Fatalf("the sink did not come to its step: %v", err)
	}
	return strings.TrimSpace(line)
}

// kill is SIGKILL. It may be called again.
func (p sinkProcess) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	_ = p.cmd.Wait()
}

func (p sinkProcess) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}
