package cli

import (
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/schemas"
)

// kafkaFlags say in which Kafka, and in which topics, a Parley has its records. They are settings of serve, too.
type kafkaFlags struct {
	Brokers     []string `name:"kafka-brokers" env:"PARLEY_KAFKA_BROKERS" sep:"," placeholder:"HOST:PORT,..." help:"Kafka cluster. Default: the embedded broker of parley serve."`
	Embedded    string   `name:"embedded-kafka-addr" default:"127.0.0.1:9092" env:"PARLEY_EMBEDDED_KAFKA_ADDR" placeholder:"HOST:PORT" help:"Where the embedded broker listens."`
	TopicPrefix string   `default:"parley" env:"PARLEY_TOPIC_PREFIX" placeholder:"PREFIX" help:"Begins the names of topics."`
}

func (f kafkaFlags) topics() schemas.Topics { return schemas.TopicsOf(f.TopicPrefix) }

func (f kafkaFlags) seeds() []string {
	if brokers := list(f.Brokers); len(brokers) > 0 {
		return brokers
	}
	return []string{f.Embedded}
}

func (f kafkaFlags) options() []kgo.Opt {
	return []kgo.Opt{kgo.SeedBrokers(f.seeds()...), kgo.ClientID("parley-cli")}
}
