package ingest

import (
	"bufio"
	"context"
	"encoding/gob"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// processEnv makes the test binary another program, which ends with its standard input.
const processEnv = "PARLEY_TEST_PROCESS"

// What the test binary can be.
const (
	asBroker  = "broker"
	asClients = "clients"
)

// runProcess is what the process does.
func runProcess(as string) error {
	switch as {
	case asBroker:
		return runBroker()
	case asClients:
		return runClients()
	}
	return fmt.Errorf("%s is %q", processEnv, as)
}

// runBroker writes the address of a broker, in memory.
func runBroker() error {
	broker, err := newBroker()
	if err != nil {
		return err
	}
	defer broker.Close()
	fmt.Println(broker.ListenAddrs()[0])
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// process is another program that runs.
type process struct {
	in  io.WriteCloser
	out *bufio.Reader
	id  int
}

// startProcess starts the test binary as another program, until the test ends.
func startProcess(t testing.TB, as string) process {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), processEnv+"="+as)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // killed
	})
	return process{in: in, out: bufio.NewReader(out), id: cmd.Process.Pid}
}

// line is the next line that the process writes.
func (p process) line(t testing.TB) string {
	t.Helper()
	line, err := p.out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// send has clients send a load, and returns what they measured.
func (p process) send(t testing.TB, l load) measured {
	t.Helper()
	if err := gob.NewEncoder(p.in).Encode(l); err != nil {
		t.Fatal(err)
	}
	if err := p.in.Close(); err != nil {
		t.Fatal(err)
	}
	var m measured
	if err := gob.NewDecoder(p.out).Decode(&m); err != nil {
		t.Fatalf("the clients failed: %v", err)
	}
	return m
}
