package subscriber

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/control"
	"parley/schemas"
)

// memberEnv tells the test binary that it has been started to be a member of the fan-out, and which.
const memberEnv = "PARLEY_TEST_FANOUT"

// memberOrder says which.
type memberOrder struct {
	Brokers          []string
	Prefix, Instance string
	// Step is one of steps, at which it says so and waits for a line; empty: none.
	Step string
}

// memberMain is the process of a member, until it is killed.
func memberMain(text string) int {
	var order memberOrder
	if err := json.Unmarshal([]byte(text), &order); err != nil {
		slog.Error("member of a test does not know what to do", "error", err)
		return 1
	}
	if err := order.run(context.Background()); err != nil {
		slog.Error("member of a test failed", "error", err)
		return 1
	}
	return 0
}

func (o memberOrder) run(ctx context.Context) error {
	c, err := control.Open(ctx, control.Config{
		Kafka: []kgo.Opt{kgo.SeedBrokers(o.Brokers...)}, Topic: schemas.TopicsOf(o.Prefix).Control, Instance: o.Instance, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return fmt.Errorf("open control: %w", err)
	}
	go func() { _ = c.Run(ctx) }() // it ends with the process
	cfg := fanoutConfig(o.Brokers, o.Prefix, c, o.Instance)
	cfg.Client = append(cfg.Client, kgo.WithHooks(&freezer{at: o.Step, say: os.Stdout, wait: os.Stdin}))
	f, err := NewFanout(cfg)
	if err != nil {
		return err
	}
	return f.Run(ctx)
}

// fanProcess is a member that runs as a process of its own.
type fanProcess struct {
	cmd   *exec.Cmd
	stdin io.Writer
	out   *bufio.Reader
}

// startMember starts one that stands still at a step; empty: at none.
func startMember(t *testing.T, c *cluster, instance, step string) fanProcess {
	t.Helper()
	text, err := json.Marshal(memberOrder{Brokers: c.Brokers, Prefix: c.Prefix, Instance: instance, Step: step})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), memberEnv+"="+string(text))
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
	p := fanProcess{cmd: cmd, stdin: stdin, out: bufio.NewReader(stdout)}
	t.Cleanup(p.kill)
	return p
}

// awaitStep waits until the process stands at its step.
func (p fanProcess) awaitStep(t *testing.T, step string) {
	t.Helper()
	tooLong := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer tooLong.Stop()
	if line, err := p.out.ReadString('\n'); err != nil || line != step+"\n" {
		t.Fatalf("the member stands at %q, want %q: %v", line, step, err)
	}
}

// kill is SIGKILL. It may be called again.
func (p fanProcess) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	_ = p.cmd.Wait()
}

func (p fanProcess) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}
