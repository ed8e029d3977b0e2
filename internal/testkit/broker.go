// Package testkit is what tests and benchmarks of several packages need to run against a real broker.
package testkit

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"parley/internal/embedded/kafka"
)

// brokerEnv tells the test binary that it has been started to be the broker.
const brokerEnv = "PARLEY_TESTKIT_BROKER"

// BrokerMain makes the test binary a broker when Broker has started it as one; it does not return then. TestMain
// calls it first.
func BrokerMain() {
	dir := os.Getenv(brokerEnv) //nolint:forbidigo // how a test binary tells its copy what to be
	if dir == "" {
		return
	}
	b, err := kafka.Open(kafka.Config{Addr: "127.0.0.1:0", DataDir: dir})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(b.Addr())                //nolint:forbidigo // its standard output is the pipe to Broker
	_, _ = io.Copy(io.Discard, os.Stdin) // ends when the parent does
	if err := b.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Broker starts a broker in a process of its own, as in production, and returns its address. It ends with the test.
func Broker(tb testing.TB) string {
	tb.Helper()
	address, _ := startBroker(tb)
	return address
}

// startBroker returns the address of a broker and the id of its process.
func startBroker(tb testing.TB) (address string, process int) {
	tb.Helper()
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(self) //nolint:noctx // it ends with its standard input, and cleanly
	cmd.Env = append(os.Environ(), brokerEnv+"="+tb.TempDir())
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = stdin.Close()
		if err := cmd.Wait(); err != nil {
			tb.Logf("broker: %v", err)
		}
	})
	addr, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		tb.Fatalf("the broker did not start: %v", err)
	}
	return strings.TrimSpace(addr), cmd.Process.Pid
}
