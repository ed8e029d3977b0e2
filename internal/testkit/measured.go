package testkit

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	realkafka "parley/internal/e2e/kafka"
	"parley/schemas"
)

// processesEnv names the processes of the brokers of brokersEnv, which run on this machine.
const processesEnv = realkafka.EnvProcesses

// Measured is the Kafka of a benchmark: brokers in processes of their own, so that what they cost is not taken for what the
// benchmark measures, and can be told beside it.
type Measured struct {
	Brokers []string
	// Prefix begins the names of topics, groups and transactional ids; Topics are those of a Parley with it, not made yet.
	Prefix string
	Topics schemas.Topics
	// Replicas is how many each partition is to have.
	Replicas int16

	tb        testing.TB
	processes []int
}

// StartMeasured returns a broker in a process of its own or, where GivenBrokers has some, the real cluster.
func StartMeasured(tb testing.TB) *Measured {
	tb.Helper()
	prefix := NewPrefix()
	m := &Measured{tb: tb, Brokers: GivenBrokers(), Prefix: prefix, Topics: schemas.TopicsOf(prefix), Replicas: 1}
	if len(m.Brokers) == 0 {
		address, process := startBroker(tb)
		m.Brokers, m.processes = []string{address}, []int{process}
		return m
	}
	m.Replicas = int16(min(3, len(m.Brokers)))
	for id := range strings.SplitSeq(os.Getenv(processesEnv), ",") { //nolint:forbidigo // how a test binary is told
		process, err := strconv.Atoi(id)
		if err != nil {
			tb.Fatalf("%s names no processes: %v", processesEnv, err)
		}
		m.processes = append(m.processes, process)
	}
	tb.Cleanup(func() {
		if err := DeleteTopics(m.Brokers, m.Prefix); err != nil {
			tb.Errorf("delete the topics of %s: %v", m.Prefix, err)
		}
	})
	return m
}

// Seeds is how a client finds the brokers.
func (m *Measured) Seeds() kgo.Opt { return kgo.SeedBrokers(m.Brokers...) }

// ProcessorTime is what the brokers together have used of the processors.
func (m *Measured) ProcessorTime() time.Duration {
	m.tb.Helper()
	return ProcessorTimeOf(m.tb, m.processes...)
}

// ProcessorTime is what this process has used of the processors: unlike the time that passes, it does not grow with what else
// the machine has to do.
func ProcessorTime(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// ProcessorTimeOf is what other processes have used, in steps of 10 ms (Linux, proc(5)).
func ProcessorTimeOf(tb testing.TB, processes ...int) (sum time.Duration) {
	tb.Helper()
	for _, id := range processes {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", id))
		if err != nil {
			tb.Fatalf("read processor time: %v", err)
		}
		fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:]) // from the third on
		for _, field := range fields[11:13] {                           // utime, stime
			ticks, err := strconv.ParseInt(string(field), 10, 64)
			if err != nil {
				tb.Fatalf("read processor time: %v", err)
			}
			sum += time.Duration(ticks) * (time.Second / 100)
		}
	}
	return sum
}
