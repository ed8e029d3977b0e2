package node

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/plugin/kprom"

	"parley/ingest"
	"parley/internal/topics"
)

// topicsTimeout bounds the wait for a cluster at the start.
const topicsTimeout = 30 * time.Second

// openTopics makes the topics that are missing, and learns how they are divided.
func (n *node) openTopics(ctx context.Context) error {
	client, err := kgo.NewClient(append(n.kafkaOptions("setup"), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	if err != nil {
		return fmt.Errorf("configure Kafka client: %w; PARLEY_KAFKA_BROKERS is host:port, several separated by commas", err)
	}
	defer client.Close()
	replication := int16(-1)
	if n.cfg.embeddedKafka() {
		replication = 1
	}
	reaching, cancel := context.WithTimeout(ctx, topicsTimeout)
	defer cancel()
	n.layout, err = topics.Ensure(reaching, client, topics.Spec{
		Topics:      n.topics,
		Layout:      topics.Layout{Partitions: n.cfg.Partitions, ResultPartitions: n.cfg.ResultPartitions},
		Replication: replication,
	})
	if errors.Is(reaching.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("no answer from Kafka at %s within %s; check PARLEY_KAFKA_BROKERS, and that a broker runs there: %w",
			strings.Join(n.brokers(), ","), topicsTimeout, err)
	}
	return err
}

// dialTimeout bounds a connection to a broker, which no context does: whoever asks meanwhile, as /readyz does, waits for it.
const dialTimeout = 3 * time.Second

// kafkaOptions are how any client of this node gets at Kafka.
func (n *node) kafkaOptions(client string) []kgo.Opt {
	return []kgo.Opt{
		kgo.SeedBrokers(n.brokers()...),
		kgo.DialTimeout(dialTimeout),
		kgo.ClientID("parley-" + client + "-" + n.cfg.Instance),
	}
}

// memberOptions are those of a client that is a member of a group: it keeps its partitions when it comes back soon
// enough, without a rebalance. One that neither comes to a rebalance nor dies is not waited for longer than one that
// dies: the others stand still until then.
func (n *node) memberOptions(client string) []kgo.Opt {
	return append(n.kafkaOptions(client), kgo.InstanceID(n.cfg.Instance), kgo.RebalanceTimeout(n.sessionTimeout()))
}

// openProducer makes the client that ingest writes calls with, and that asks whether Kafka is there.
func (n *node) openProducer() error {
	opts := append(n.kafkaOptions("ingest"), kgo.WithHooks(n.kafkaMetrics("ingest")))
	client, err := kgo.NewClient(append(opts, ingest.ProducerOptions(n.cfg.Limits)...)...)
	if err != nil {
		return fmt.Errorf("configure Kafka client of ingest: %w", err)
	}
	n.kafka = client
	n.closers = append(n.closers, func() error { client.Close(); return nil })
	return nil
}

// kafkaMetrics count what the client of a role does, of which there is one at a time.
func (n *node) kafkaMetrics(role string) kgo.Hook {
	return kprom.NewMetrics("parley", kprom.Subsystem(role+"_kafka"), kprom.Registerer(n.metrics), kprom.Gatherer(n.metrics),
		kprom.FetchAndProduceDetail(kprom.Batches, kprom.Records, kprom.CompressedBytes, kprom.UncompressedBytes, kprom.ConsistentNaming),
		kprom.HistogramsFromOpts(kprom.HistogramOpts{Enable: kprom.RequestDurationE2E, Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14)}))
}

// sessionTimeout is after how long without a word a member, or an open transaction, is given up. A broker of our
// own is not left by the network, but may be starved of its processor; where nodes share the work, a dead one's open
// transaction holds up all readers.
func (n *node) sessionTimeout() time.Duration {
	switch {
	case n.cfg.SessionTimeout > 0:
		return n.cfg.SessionTimeout
	case n.cfg.embeddedKafka():
		return time.Minute
	}
	return 15 * time.Second
}
