package testkit

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	realkafka "parley/internal/e2e/kafka"
	"parley/schemas"
)

// brokersEnv names the brokers of a real cluster, as host:port,host:port, for the tests to run on.
const brokersEnv = realkafka.EnvBrokers

// GivenBrokers are those of the real cluster that the tests run on. None: each test starts a broker of its own.
func GivenBrokers() []string {
	return strings.FieldsFunc(os.Getenv(brokersEnv), func(r rune) bool { return r == ',' }) //nolint:forbidigo // how a test binary is told
}

// NewPrefix returns a name that begins the names of topics, groups and transactional ids of one test, for brokers that
// it shares with others.
func NewPrefix() string { return "test-" + strings.ToLower(rand.Text()[:10]) }

// Replicas is how many replicas topics on these brokers have: as many as Parley asks for, if there are so many brokers.
func Replicas(brokers []string) int16 { return int16(min(3, len(brokers))) }

// Kafka is the Kafka of one test: a broker in the memory of its process or, where GivenBrokers has some, a real cluster,
// in which what the test makes begins with Prefix.
type Kafka struct {
	// Brokers are addresses.
	Brokers []string
	// Prefix begins the names of topics, groups and transactional ids.
	Prefix string
	// Topics are those of a Parley with this prefix. They are not made.
	Topics schemas.Topics

	tb   testing.TB
	fake *kfake.Cluster // nil: the cluster is real
}

// StartKafka returns the Kafka of a test. The options are for a broker in memory; the real cluster is as it is.
func StartKafka(tb testing.TB, opts ...kfake.Opt) *Kafka {
	tb.Helper()
	prefix := NewPrefix()
	k := &Kafka{tb: tb, Brokers: GivenBrokers(), Prefix: prefix, Topics: schemas.TopicsOf(prefix)}
	if len(k.Brokers) > 0 {
		tb.Cleanup(k.deleteTopics)
		return k
	}
	var err error
	if k.fake, err = kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(k.fake.Close)
	k.Brokers = k.fake.ListenAddrs()
	return k
}

// Fake is the broker in memory, for tests that have it fail or look into it. On a real cluster it fails the test: who
// runs the tests there leaves it out, by name, as internal/e2e does.
func (k *Kafka) Fake() *kfake.Cluster {
	k.tb.Helper()
	if k.fake == nil {
		k.tb.Fatalf("%s controls the broker in memory, and cannot run on the real cluster of %s", k.tb.Name(), brokersEnv)
	}
	return k.fake
}

// Seeds is how a client finds the brokers.
func (k *Kafka) Seeds() kgo.Opt { return kgo.SeedBrokers(k.Brokers...) }

// Client returns a client that is closed with the test.
func (k *Kafka) Client(opts ...kgo.Opt) *kgo.Client {
	k.tb.Helper()
	c, err := kgo.NewClient(append(opts, k.Seeds())...)
	if err != nil {
		k.tb.Fatal(err)
	}
	k.tb.Cleanup(c.Close)
	return c
}

// adminWait bounds the making and the deletion of topics.
const adminWait = Patience

// admin returns a client for topics, which close closes.
func (k *Kafka) admin() (client *kgo.Client, ctx context.Context, closed func()) {
	k.tb.Helper()
	client, err := kgo.NewClient(k.Seeds())
	if err != nil {
		k.tb.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), adminWait)
	return client, ctx, func() {
		cancel()
		client.Close()
	}
}

// Create makes topics, with settings other than the brokers' own, and returns when every broker knows them.
func (k *Kafka) Create(partitions int32, settings map[string]*string, names ...string) {
	k.tb.Helper()
	client, ctx, closed := k.admin()
	defer closed()
	made, err := kadm.NewClient(client).CreateTopics(ctx, partitions, -1, settings, names...)
	if err == nil {
		err = made.Error()
	}
	if err != nil {
		k.tb.Fatalf("create topics %v: %v", names, err)
	}
	for _, b := range client.DiscoveredBrokers() {
		for !shown(ctx, b, names) {
			select {
			case <-ctx.Done():
				k.tb.Fatalf("the brokers do not show the topics %v within %s", names, adminWait)
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
}

// shown reports whether a broker knows topics, and who leads them.
func shown(ctx context.Context, b *kgo.Broker, names []string) bool {
	req := kmsg.NewPtrMetadataRequest()
	for _, name := range names {
		req.Topics = append(req.Topics, kmsg.MetadataRequestTopic{Topic: &name})
	}
	answer, err := b.RetriableRequest(ctx, req)
	resp, ok := answer.(*kmsg.MetadataResponse)
	return err == nil && ok && !slices.ContainsFunc(resp.Topics, func(t kmsg.MetadataResponseTopic) bool {
		return t.ErrorCode != 0 || slices.ContainsFunc(t.Partitions, func(p kmsg.MetadataResponseTopicPartition) bool { return p.ErrorCode != 0 })
	})
}

// deleteTopics frees the cluster of what the test has made, so that many tests can share it.
func (k *Kafka) deleteTopics() {
	if err := DeleteTopics(k.Brokers, k.Prefix); err != nil {
		k.tb.Errorf("delete the topics of %s: %v", k.Prefix, err)
	}
}

// DeleteTopics deletes the topics whose names begin with a prefix.
func DeleteTopics(brokers []string, prefix string) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		return fmt.Errorf("configure Kafka client: %w", err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), adminWait)
	defer cancel()
	admin := kadm.NewClient(client)
	all, err := admin.ListTopics(ctx)
	if err != nil {
		return fmt.Errorf("list topics: %w", err)
	}
	names := slices.DeleteFunc(all.Names(), func(name string) bool { return !strings.HasPrefix(name, prefix) })
	if len(names) == 0 {
		return nil
	}
	deleted, err := admin.DeleteTopics(ctx, names...)
	if err != nil {
		return fmt.Errorf("delete topics: %w", err)
	}
	var errs []error
	for _, t := range deleted {
		if t.Err != nil && !errors.Is(t.Err, kerr.UnknownTopicOrPartition) { // the test may have deleted it
			errs = append(errs, fmt.Errorf("delete topic %s: %w", t.Topic, t.Err))
		}
	}
	return errors.Join(errs...)
}
