package doctor_test

import (
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"parley/internal/doctor"
	"parley/internal/grants"
	"parley/internal/kafka"
	"parley/internal/peer"
	"parley/internal/secret"
	"parley/internal/topics"
	"parley/schemas"
)

func client(t *testing.T, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(append(opts, kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// cluster is a Kafka of three brokers, with what is looked at in it.
func cluster(t *testing.T, opts ...kfake.Opt) (*kfake.Cluster, doctor.Kafka) {
	t.Helper()
	fake, err := kfake.NewCluster(append(opts, kfake.NumBrokers(3))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	options := []kgo.Opt{kgo.SeedBrokers(fake.ListenAddrs()...)}
	return fake, doctor.Kafka{
		Client:         client(t, options...),
		Spec:           topics.Spec{Topics: schemas.TopicsOf("p"), Layout: topics.Layout{Partitions: 8, ResultPartitions: 2}, Replication: 3},
		Prefix:         "p",
		Instance:       "one",
		Grants:         allGrants(),
		SessionTimeout: 15 * time.Second,
		Options:        options,
	}
}

// allGrants are those of a node with all roles.
func allGrants() []grants.Grant {
	p := grants.Parley{Prefix: "p"}
	return grants.Union(slices.Concat(p.For(grants.Ingest), p.For(grants.Processor), p.For(grants.Results)))
}

// of are the findings of a check, one a line.
func of(r doctor.Report, check doctor.Check) (string, doctor.Verdict) {
	var only doctor.Report
	var lines []string
	for _, f := range r {
		if f.Check == check {
			only = append(only, f)
			lines = append(lines, f.String())
		}
	}
	return strings.Join(lines, "\n"), only.Worst()
}

func TestCheck(t *testing.T) {
	t.Parallel()
	_, k := cluster(t)
	if _, err := topics.Ensure(t.Context(), k.Client, k.Spec); err != nil {
		t.Fatal(err)
	}
	want := map[doctor.Check]doctor.Verdict{
		doctor.KafkaBrokers: doctor.OK, doctor.KafkaTimeouts: doctor.OK, doctor.KafkaAccess: doctor.OK, doctor.KafkaClock: doctor.OK, doctor.TopicsThere: doctor.OK,
		doctor.TopicsPartitions: doctor.OK, doctor.TopicsDurable: doctor.OK, doctor.TopicsSettings: doctor.OK, doctor.TopicsInSync: doctor.OK, doctor.Producers: doctor.OK,
	}
	check := func() doctor.Report {
		t.Helper()
		r := k.Check(t.Context())
		for c, v := range want {
			if said, got := of(r, c); got != v || said == "" {
				t.Errorf("%s is %s: %q, want %s", c, got, said, v)
			}
		}
		return r
	}
	check()

	month := "2592000000"
	if _, err := kadm.NewClient(k.Client).AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "retention.ms", Value: &month}}, "p.results"); err != nil {
		t.Fatal(err)
	}
	if _, err := kadm.NewClient(k.Client).CreatePartitions(t.Context(), 1, "p.state"); err != nil {
		t.Fatal(err)
	}
	home := topics.Partition("acme/order", 8)
	astray := &kgo.Record{Topic: "p.calls", Partition: (home + 1) % 8, Key: []byte("acme/order"), Value: []byte(`{"account":"acme","method":"Create","objects":[{"type":"T"}]}`)}
	if err := k.Client.ProduceSync(t.Context(), astray).FirstErr(); err != nil {
		t.Fatal(err)
	}
	k.SessionTimeout = time.Second
	want[doctor.KafkaTimeouts], want[doctor.TopicsSettings], want[doctor.TopicsPartitions], want[doctor.Producers] = doctor.Failure, doctor.Failure, doctor.Failure, doctor.Warning
	r := check()
	for _, says := range []string{"topic p.results: retention.ms=2592000000", "topic p.state: 9 partitions, but 8 are recorded", "accounts acme", "PARLEY_SESSION_TIMEOUT=6s"} {
		if text := r.Of(doctor.Failure); !strings.Contains((&doctor.RefusedError{Failures: append(text, r.Of(doctor.Warning)...)}).Error(), says) {
			t.Errorf("it does not say %q", says)
		}
	}
}

func TestCheckWithoutBrokers(t *testing.T) {
	t.Parallel()
	fake, k := cluster(t)
	fake.Close()
	if r := k.Check(t.Context()); len(r) != 1 || r[0].Verdict != doctor.Failure || !strings.Contains(r[0].Remedy, "PARLEY_KAFKA_BROKERS") {
		t.Errorf("got %v", r)
	}
	if r := k.Start(t.Context()); r.Refused() != nil || r.Worst() != doctor.Unknown {
		t.Errorf("at the start: %v", r)
	}
}

// A cluster that makes the topic of its groups only now is waited for.
func TestCheckNewCluster(t *testing.T) {
	t.Parallel()
	fake, k := cluster(t)
	if _, err := topics.Ensure(t.Context(), k.Client, k.Spec); err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int32
	fake.ControlKey(int16(kmsg.FindCoordinator), func(r kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		if asked.Add(1) > 5 {
			return nil, nil, false
		}
		resp := r.ResponseKind().(*kmsg.FindCoordinatorResponse)
		resp.ErrorCode = kerr.CoordinatorNotAvailable.Code
		for _, key := range r.(*kmsg.FindCoordinatorRequest).CoordinatorKeys {
			of := kmsg.NewFindCoordinatorResponseCoordinator()
			of.Key, of.ErrorCode = key, kerr.CoordinatorNotAvailable.Code
			resp.Coordinators = append(resp.Coordinators, of)
		}
		return resp, nil, true
	})
	if said, got := of(k.Check(t.Context()), doctor.KafkaAccess); got != doctor.OK || said == "" {
		t.Errorf("%s: %q", got, said)
	}
	asked.Store(0)
	if r := k.CheckNodes(t.Context(), peer.Probing{}); r.Worst() != doctor.OK {
		t.Errorf("%v", r)
	}
}

// Who is not let in is told so, and what to do, in words of the settings.
func TestCheckRefused(t *testing.T) {
	t.Parallel()
	fake, k := cluster(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", "root", "root"))
	var err error
	k.Cluster, err = kafka.New(kafka.Config{
		Brokers: fake.ListenAddrs(), SASL: kafka.SASL{Mechanism: kafka.Plain, User: "root", Password: secret.Text{Value: "wrong"}},
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	k.Client = client(t, k.Cluster.Options("test")...)
	r := k.Check(t.Context())
	if len(r) != 1 || r[0].Verdict != doctor.Failure || !strings.Contains(r[0].Found, "while root was authenticated") || !strings.Contains(r[0].Remedy, "check PARLEY_KAFKA_USER") {
		t.Errorf("got %v", r)
	}
	if r := k.CheckNodes(t.Context(), peer.Probing{}); len(r) != 1 || r[0].Verdict != doctor.Unknown || !strings.Contains(r[0].Found, "while root was authenticated") {
		t.Errorf("of the nodes: %v", r)
	}
}

// Who may read and write topics that are there, and no more, may start: what it cannot find out stops nothing.
func TestStartWithFewRights(t *testing.T) {
	t.Parallel()
	acl := func(name string, pattern kmsg.ACLResourcePatternType, operation kmsg.ACLOperation) kfake.ACL {
		return kfake.ACL{Resource: kmsg.ACLResourceTypeTopic, Name: name, Pattern: pattern, Operation: operation, Allow: true}
	}
	_, k := cluster(t, kfake.EnableSASL(), kfake.EnableACLs(), kfake.Superuser("PLAIN", "root", "root"), kfake.User("PLAIN", "node", "node",
		acl("p.", kmsg.ACLResourcePatternTypePrefixed, kmsg.ACLOperationRead),
		acl("p.", kmsg.ACLResourcePatternTypePrefixed, kmsg.ACLOperationWrite)))
	as := func(user string) *kgo.Client {
		return client(t, append(k.Options, kgo.SASL(plain.Auth{User: user, Pass: user}.AsMechanism()))...)
	}
	node := as("node")
	if _, err := topics.Ensure(t.Context(), node, k.Spec); err == nil || !strings.Contains(err.Error(), "have parley topics apply make the topics") {
		t.Errorf("it makes topics, or says %v", err)
	}
	root := as("root")
	steps, err := k.Spec.Planned(t.Context(), root)
	if err == nil {
		err = k.Spec.Apply(t.Context(), root, steps)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := topics.Ensure(t.Context(), node, k.Spec); err != nil {
		t.Errorf("with topics that are there: %v", err)
	}
	k.Client = node
	r := k.Start(t.Context())
	if said, got := of(r, doctor.TopicsSettings); r.Refused() != nil || got != doctor.Unknown || !strings.Contains(said, "--operation DescribeConfigs --topic p.calls") {
		t.Errorf("settings are %s: %s", got, said)
	}
	r = k.Check(t.Context())
	for _, says := range []string{"--operation Delete --operation DescribeConfigs --topic p.calls", "group p.processor: not allowed: Read", "--transactional-id p.processor-"} {
		if said, got := of(r, doctor.KafkaAccess); got != doctor.Failure || !strings.Contains(said, says) {
			t.Errorf("access is %s: %s, want %q", got, said, says)
		}
	}
}
