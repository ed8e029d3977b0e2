package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/kafka"
	"parley/schemas"
)

// kafkaFlags say in which Kafka, and in which topics, a Parley has its records. They are settings of serve, too.
type kafkaFlags struct {
	Brokers     []string `name:"kafka-brokers" env:"PARLEY_KAFKA_BROKERS" sep:"," placeholder:"HOST:PORT,..." help:"Kafka cluster. Default: the embedded broker of parley serve."`
	Embedded    string   `name:"embedded-kafka-addr" default:"127.0.0.1:9092" env:"PARLEY_EMBEDDED_KAFKA_ADDR" placeholder:"HOST:PORT" help:"Where the embedded broker listens."`
	TopicPrefix string   `default:"parley" env:"PARLEY_TOPIC_PREFIX" placeholder:"PREFIX" help:"Begins the names of topics."`

	kafkaAccessFlags
}

func (f *kafkaFlags) topics() schemas.Topics { return schemas.TopicsOf(f.TopicPrefix) }

// reachTimeout bounds how long a verb waits for a broker to say anything at all.
const reachTimeout = 10 * time.Second

// cluster is the Kafka that the flags name. It is not connected to.
func (f *kafkaFlags) cluster(stderr io.Writer) (*kafka.Cluster, error) {
	brokers := list(f.Brokers)
	cfg := f.kafka(brokers, slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if len(brokers) == 0 {
		if cfg.Given() {
			return nil, kafka.ErrEmbedded
		}
		cfg.Brokers = []string{f.Embedded}
	}
	return kafka.New(cfg)
}

// reach waits for Kafka, and returns how any client connects to it.
func (f *kafkaFlags) reach(ctx context.Context, stderr io.Writer) ([]kgo.Opt, error) {
	cluster, err := f.cluster(stderr)
	if err != nil {
		return nil, err
	}
	reaching, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	if err = cluster.Reach(reaching); err == nil {
		return cluster.Options("parley-cli"), nil
	}
	if _, refused := errors.AsType[*kafka.RefusedError](err); refused {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, fmt.Errorf("no answer from Kafka at %s, which --kafka-brokers or --embedded-kafka-addr name: %w", cluster.Brokers(), err)
}
