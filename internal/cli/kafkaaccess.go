package cli

import (
	"log/slog"

	"parley/internal/certs"
	"parley/internal/kafka"
	"parley/internal/secret"
)

// kafkaAccessFlags say how a Kafka cluster is reached, by all verbs alike.
type kafkaAccessFlags struct {
	KafkaTLS               bool   `name:"kafka-tls" env:"PARLEY_KAFKA_TLS" help:"Talk to the brokers by TLS; --kafka-ca and --kafka-cert imply it." group:"Access to Kafka"`
	KafkaCA                string `name:"kafka-ca" env:"PARLEY_KAFKA_CA" placeholder:"FILE" help:"Authorities by which brokers are verified (PEM); it is read again when it changes. Default: those of the system." group:"Access to Kafka"`
	KafkaCert              string `env:"PARLEY_KAFKA_CERT" placeholder:"FILE" help:"Certificate by which brokers know this program (PEM); it is read again when it changes." group:"Access to Kafka"`
	KafkaKey               string `env:"PARLEY_KAFKA_KEY" placeholder:"FILE" help:"Its key (PEM)." group:"Access to Kafka"`
	KafkaSASL              string `name:"kafka-sasl" env:"PARLEY_KAFKA_SASL" placeholder:"HOW" help:"How it says who it is: plain, scram-sha-256, scram-sha-512 or oauthbearer. Default: not." group:"Access to Kafka"`
	KafkaUser              string `env:"PARLEY_KAFKA_USER" placeholder:"NAME" help:"Who it is, by plain and scram." group:"Access to Kafka"`
	KafkaPassword          string `env:"PARLEY_KAFKA_PASSWORD" placeholder:"TEXT" help:"The password. In the environment, or in a file, no other user of the machine sees it." group:"Access to Kafka"`
	KafkaPasswordFile      string `env:"PARLEY_KAFKA_PASSWORD_FILE" placeholder:"FILE" help:"The file that has the password; it is read for each connection." group:"Access to Kafka"`
	KafkaOAuthTokenURL     string `name:"kafka-oauth-token-url" env:"PARLEY_KAFKA_OAUTH_TOKEN_URL" placeholder:"URL" help:"Where oauthbearer gets its tokens, by the grant of client credentials." group:"Access to Kafka"`
	KafkaOAuthClientID     string `name:"kafka-oauth-client-id" env:"PARLEY_KAFKA_OAUTH_CLIENT_ID" placeholder:"NAME" help:"Who it is there." group:"Access to Kafka"`
	KafkaOAuthClientSecret string `name:"kafka-oauth-client-secret" env:"PARLEY_KAFKA_OAUTH_CLIENT_SECRET" placeholder:"TEXT" help:"Its secret; rather in the environment or in a file." group:"Access to Kafka"`
	KafkaOAuthSecretFile   string `name:"kafka-oauth-client-secret-file" env:"PARLEY_KAFKA_OAUTH_CLIENT_SECRET_FILE" placeholder:"FILE" help:"The file that has it; it is read for each token." group:"Access to Kafka"`
	KafkaOAuthScope        string `name:"kafka-oauth-scope" env:"PARLEY_KAFKA_OAUTH_SCOPE" placeholder:"SCOPES" help:"The scopes that are asked for, separated by spaces." group:"Access to Kafka"`
}

// kafka is what they say of the cluster with these brokers.
func (f *kafkaAccessFlags) kafka(brokers []string, log *slog.Logger) kafka.Config {
	return kafka.Config{
		Brokers: brokers,
		TLS:     f.KafkaTLS,
		Files:   certs.ClientFiles{CA: f.KafkaCA, Cert: f.KafkaCert, Key: f.KafkaKey},
		SASL: kafka.SASL{
			Mechanism: f.KafkaSASL,
			User:      f.KafkaUser,
			Password:  secret.Text{Value: f.KafkaPassword, File: f.KafkaPasswordFile},
			OAuth: kafka.OAuth{
				TokenURL: f.KafkaOAuthTokenURL,
				ClientID: f.KafkaOAuthClientID,
				Secret:   secret.Text{Value: f.KafkaOAuthClientSecret, File: f.KafkaOAuthSecretFile},
				Scope:    f.KafkaOAuthScope,
			},
		},
		Log: log,
	}
}
