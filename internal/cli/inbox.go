package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/ingest"
	"parley/schemas"
)

// inboxCmd looks after the topics of tenants.
type inboxCmd struct {
	Create inboxCreateCmd `cmd:"" help:"Make the topic that an account may write its calls to."`
}

// Help is shown by --help.
func (*inboxCmd) Help() string {
	return `A tenant that is not trusted with parley.calls writes to a topic of its own, parley.in.ACCOUNT. Its name says whose the calls are. Have the brokers let nobody else write there, and the tenant nowhere else:

  parley inbox create acme --partitions 4
  kafka-acls.sh --add --allow-principal User:acme --producer --topic parley.in.acme

The embedded broker knows no users: who reaches it may write to any topic.`
}

// inboxCreateCmd makes a topic.
type inboxCreateCmd struct {
	kafkaFlags

	Account     string        `arg:"" help:"The account."`
	Partitions  int32         `default:"4" placeholder:"N" help:"How many partitions it has. Calls of one conversation that share a key stay in their order; more processes than this cannot share its work."`
	Replication int16         `default:"-1" placeholder:"N" help:"How many replicas there are of each; -1: as the brokers have it."`
	Retention   time.Duration `default:"168h" placeholder:"DURATION" help:"How long the brokers keep a record, taken or not: longer than Parley may ever be away."`
}

// createTimeout bounds the wait for the brokers.
const createTimeout = 30 * time.Second

// Run makes the topic and says so.
func (c *inboxCreateCmd) Run(ctx context.Context, std streams) error {
	if !schemas.ValidAccount(c.Account) {
		return fmt.Errorf("%.100q cannot be an account: it is 1 to 64 of A-Z a-z 0-9 . _ -", c.Account)
	}
	if c.Partitions < 1 || c.Retention < time.Minute {
		return errors.New("give at least one partition, and a retention of a minute or more")
	}
	opts, err := c.reach(ctx, std.err)
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return fmt.Errorf("configure Kafka client: %w", err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, createTimeout)
	defer cancel()
	topic := c.topics().Inbox(c.Account)
	made, err := kadm.NewClient(client).CreateTopic(ctx, c.Partitions, c.Replication, c.settings(), topic)
	switch err = errors.Join(err, made.Err); {
	case errors.Is(err, kerr.TopicAlreadyExists):
		return fmt.Errorf("there is a topic %s already; it is left as it is", topic)
	case ctx.Err() != nil:
		return fmt.Errorf("create topic %s: no answer from Kafka: %w", topic, err)
	case err != nil:
		return fmt.Errorf("create topic %s: %w", topic, err)
	}
	fmt.Fprintf(std.out, "%s is there, with %d partitions\n", topic, c.Partitions)
	return nil
}

// settings let a call of the greatest length in.
func (c *inboxCreateCmd) settings() map[string]*string {
	return map[string]*string{
		"cleanup.policy":    kadm.StringPtr("delete"),
		"retention.ms":      kadm.StringPtr(strconv.FormatInt(c.Retention.Milliseconds(), 10)),
		"max.message.bytes": kadm.StringPtr(strconv.Itoa(ingest.RecordBytesMax(schemas.DefaultLimits()))),
	}
}
