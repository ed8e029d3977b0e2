package kafka

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// properties are the settings of one broker: Kafka's defaults, but for what makes it small, quick to start and safe.
func (c Config) properties(b *broker, voters []string) map[string]string {
	replicas := strconv.Itoa(min(c.Brokers, 3))
	inSync := strconv.Itoa(max(1, min(c.Brokers, 3)-1))
	p := map[string]string{
		"process.roles":                  "broker,controller",
		"node.id":                        strconv.Itoa(b.id),
		"controller.quorum.voters":       strings.Join(voters, ","),
		"controller.listener.names":      listenerController,
		"inter.broker.listener.name":     listenerPlain,
		"log.dirs":                       filepath.Join(b.dir, "data"),
		"listeners":                      b.listeners(),
		"listener.security.protocol.map": c.protocols(),

		"default.replication.factor": replicas,
		"min.insync.replicas":        inSync,
		"auto.create.topics.enable":  "false",

		"offsets.topic.num.partitions":                     "4",
		"offsets.topic.replication.factor":                 replicas,
		"transaction.state.log.num.partitions":             "4",
		"transaction.state.log.replication.factor":         replicas,
		"transaction.state.log.min.isr":                    inSync,
		"share.coordinator.state.topic.num.partitions":     "1",
		"share.coordinator.state.topic.min.isr":            inSync,
		"share.coordinator.state.topic.replication.factor": replicas,

		// A group that forms anew waits for nobody.
		"group.initial.rebalance.delay.ms": "0",
		// A broker that was killed is missed after six seconds instead of nine.
		"broker.session.timeout.ms":    "6000",
		"broker.heartbeat.interval.ms": "1000",

		"num.network.threads":                  "2",
		"num.io.threads":                       "4",
		"background.threads":                   "2",
		"log.cleaner.dedupe.buffer.size":       "8388608", // of a heap that has not the usual 128 MiB for it
		"log.cleaner.io.buffer.size":           "262144",
		"controlled.shutdown.retry.backoff.ms": "500",
	}
	for _, l := range c.Listeners {
		for name, value := range l.Properties {
			p["listener.name."+strings.ToLower(l.Name)+"."+name] = value
		}
	}
	maps.Copy(p, c.Properties)
	return p
}

// protocols maps the names of listeners to what is spoken there.
func (c Config) protocols() string {
	pairs := []string{listenerPlain + ":PLAINTEXT", listenerController + ":PLAINTEXT"}
	for _, l := range c.Listeners {
		pairs = append(pairs, l.Name+":"+l.Protocol)
	}
	return strings.Join(pairs, ",")
}

// encodeProperties writes them as java.util.Properties reads them.
func encodeProperties(p map[string]string) []byte {
	escape := strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`)
	var out []byte
	for _, name := range slices.Sorted(maps.Keys(p)) {
		out = fmt.Appendf(out, "%s=%s\n", name, escape.Replace(p[name]))
	}
	return out
}
