package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/plugin/kprom"

	"parley/ingest"
	"parley/internal/doctor"
	"parley/internal/kafka"
	"parley/internal/topics"
)

// topicsTimeout bounds the wait for a cluster at the start.
const topicsTimeout = 30 * time.Second

// openKafka says how Kafka is reached: the cluster that is named, or the broker that was started.
func (n *node) openKafka(context.Context) (err error) {
	cfg := n.cfg.Kafka
	if n.cfg.embeddedKafka() {
		cfg.Brokers = n.engines.Brokers()
	}
	cfg.Log = n.log
	n.cluster, err = kafka.New(cfg)
	return err
}

// openTopics makes the topics that are missing, and learns how they are divided.
func (n *node) openTopics(ctx context.Context) error {
	reaching, cancel := context.WithTimeout(ctx, topicsTimeout)
	defer cancel()
	if err := n.cluster.Reach(reaching); err != nil {
		return n.unreached(reaching, err)
	}
	client, err := kgo.NewClient(append(n.kafkaOptions("setup"), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	if err != nil {
		return fmt.Errorf("configure Kafka client: %w", err)
	}
	defer client.Close()
	if err := n.makeTopics(reaching, client); err != nil {
		return n.unreached(reaching, err)
	}
	return n.checkTopics(ctx, client)
}

// unreached says of an error that it came of waiting for too long, if it did.
func (n *node) unreached(reaching context.Context, err error) error {
	if _, refused := errors.AsType[*kafka.RefusedError](err); err == nil || refused || !errors.Is(reaching.Err(), context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("no answer from Kafka at %s within %s; check PARLEY_KAFKA_BROKERS, and that a broker runs there: %w",
		n.cluster.Brokers(), topicsTimeout, err)
}

// topicSpec is what the topics must be.
func (n *node) topicSpec() topics.Spec {
	return topics.Spec{
		Topics:      n.topics,
		Layout:      topics.Layout{Partitions: n.cfg.Partitions, ResultPartitions: n.cfg.ResultPartitions},
		Replication: n.cfg.Replication,
	}
}

// makeTopics makes the topics that are missing. On a cluster that is too small for the replicas that are asked for it makes
// fewer of them, if that is allowed.
func (n *node) makeTopics(ctx context.Context, client *kgo.Client) (err error) {
	spec := n.topicSpec()
	n.replication = spec.Replication
	n.layout, err = topics.Ensure(ctx, client, spec)
	few, ok := errors.AsType[*topics.BrokersError](err)
	switch {
	case !ok:
		return err
	case !n.cfg.AllowUnsafeTopics || few.Brokers < 1:
		return fmt.Errorf("%w; have more brokers, or set PARLEY_REPLICATION=%d, or PARLEY_ALLOW_UNSAFE_TOPICS=true: with fewer than 3 a lost broker may take along what was acknowledged", err, few.Brokers)
	}
	spec.Replication = int16(few.Brokers)
	n.replication = spec.Replication
	n.layout, err = topics.Ensure(ctx, client, spec)
	return err
}

// checkTopics stops the start when a topic would lose what is acknowledged; if that is allowed, it says what is not promised.
func (n *node) checkTopics(ctx context.Context, client *kgo.Client) error {
	found := doctor.Kafka{Client: client, Spec: n.topicSpec(), Embedded: n.cfg.embeddedKafka()}.Start(ctx)
	if err := found.Refused(); err != nil && !n.cfg.AllowUnsafeTopics {
		return fmt.Errorf("%w\nPARLEY_ALLOW_UNSAFE_TOPICS=true starts all the same, and does not promise that what was acknowledged is kept", err)
	}
	for _, f := range found {
		attributes := []any{slog.String("check", string(f.Check)), slog.String("subject", f.Subject), slog.String("found", f.Found), slog.String("meaning", f.Meaning), slog.String("remedy", f.Remedy)}
		switch f.Verdict {
		case doctor.Failure:
			n.log.Error("unsafe topics are allowed: acknowledged calls may be lost", attributes...)
		case doctor.Warning, doctor.Unknown:
			n.log.Warn("start-up check", attributes...)
		case doctor.OK:
			n.log.Debug("start-up check", attributes...)
		}
	}
	return nil
}

// kafkaOptions are how any client of this node gets at Kafka.
func (n *node) kafkaOptions(client string) []kgo.Opt {
	return n.cluster.Options("parley-" + client + "-" + n.cfg.Instance)
}

// memberOptions are those of a client that is a member of a group: it keeps its partitions when it comes back soon
// enough, without a rebalance. One that neither comes to a rebalance nor dies is not waited for longer than one that
// dies: the others stand still until then.
func (n *node) memberOptions(client string) []kgo.Opt {
	session := n.sessionTimeout()
	return append(n.kafkaOptions(client), kgo.InstanceID(n.cfg.Instance), kgo.RebalanceTimeout(session),
		kgo.HeartbeatInterval(min(heartbeatMax, session/5)))
}

// heartbeatMax is the longest time until a member hears that the group rebalances.
const heartbeatMax = 3 * time.Second

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
	return 10 * time.Second
}
