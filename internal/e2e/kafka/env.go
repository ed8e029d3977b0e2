package kafka

import (
	"strconv"
	"strings"
)

// How tests and benchmarks in another process are told what cluster to use.
const (
	// EnvBrokers has addresses, as host:port,host:port.
	EnvBrokers = "PARLEY_TEST_KAFKA_BROKERS"
	// EnvProcesses has the ids of the brokers' processes, as id,id.
	EnvProcesses = "PARLEY_TEST_KAFKA_PROCESSES"
)

// Env tells of the cluster.
func (c *Cluster) Env() []string {
	var processes []string
	for _, b := range c.brokers {
		if b.process.runs() {
			processes = append(processes, strconv.Itoa(b.process.cmd.Process.Pid))
		}
	}
	return []string{EnvBrokers + "=" + strings.Join(c.Addrs(), ","), EnvProcesses + "=" + strings.Join(processes, ",")}
}
