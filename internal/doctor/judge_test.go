package doctor

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"parley/internal/grants"
	"parley/internal/peer"
	"parley/internal/route"
	"parley/internal/topics"
	"parley/schemas"
)

var errAway = errors.New("away")

// three is what topics must be on a cluster.
func three() topics.Spec {
	return topics.Spec{Topics: schemas.TopicsOf("p"), Layout: topics.Layout{Partitions: 4, ResultPartitions: 2}, Replication: 3}
}

func replicas(in ...int32) topics.Described {
	return topics.Described{Name: "p.dead", Configs: map[string]string{}, Partitions: []topics.Partitioned{{Leader: 1, Replicas: []int32{1, 2, 3}, InSync: in}}}
}

// Each judgement comes to its verdict, and what is not well says what it means and, but for what nobody can help, what to do.
func TestJudgements(t *testing.T) {
	t.Parallel()
	brokers := func(versions ...string) []broker {
		var all []broker
		for i, v := range versions {
			all = append(all, broker{id: int32(i), addr: "k:9092", version: v, transactionVersion: 2})
		}
		return all
	}
	internalTopic := internalTopics[1]
	made := bounds{settings: map[string]string{internalTopic.replication: "3", internalTopic.inSync: "2"}}
	state := func(replication int, inSync string) topics.Described {
		d := replicas(1)
		d.Configs["min.insync.replicas"] = inSync
		d.Partitions[0].Replicas = d.Partitions[0].Replicas[:replication]
		return d
	}
	missing := topics.Described{Name: "t", Err: kerr.UnknownTopicOrPartition}
	with := func(settings map[string]string) topics.Described {
		d := replicas(1, 2, 3)
		d.Configs = settings
		return d
	}
	offline := replicas(1, 2, 3)
	offline.Partitions[0].Leader = -1
	dead := []grants.Grant{
		{Kind: grants.Topic, Name: "p.dead", Operation: grants.Read, Why: "to look"}, {Kind: grants.Topic, Name: "p.dead", Operation: grants.Write, Why: "to bury"},
	}
	allowed := func(operations ...kadm.ACLOperation) topics.Described {
		return topics.Described{Name: "p.dead", Authorized: operations}
	}
	cluster, embedded := Kafka{Spec: three()}, Kafka{Spec: three(), Embedded: true}
	two := three()
	two.Replication = 2
	tests := []struct {
		name string
		got  Report
		want Verdict
		says string // by one of those that come to want
	}{
		{"brokers", judgeBrokers(brokers("v4.2")), OK, "1, all answer"},
		{"a broker is away", judgeBrokers([]broker{{id: 2, addr: "k:1", err: errAway}}), Failure, "broker 2 at k:1"},
		{"4.2", judgeVersions(brokers("v4.2", "v4.2")), OK, "v4.2"},
		{"4.1", judgeVersions(brokers("v4.1")), Warning, "KAFKA-19690"},
		{"at least 4.3", judgeVersions(brokers("at least v4.3")), OK, ""},
		{"3.9", judgeVersions(brokers("v3.9")), Warning, "KAFKA-17754"},
		{"3.6", judgeVersions(brokers("v3.6")), Warning, "never tried"},
		{"between", judgeVersions(brokers("v4.2", "v4.3")), Warning, "different versions"},
		{"no version", judgeVersions(brokers("unknown custom version")), Unknown, ""},
		{"none answers", judgeVersions([]broker{{err: errAway}}), Unknown, ""},
		{"transaction.version 1", Report{judgeFeature(broker{addr: "k:1", version: "v4.2", transactionVersion: 1})}, Warning, "kafka-features.sh --bootstrap-server k:1"},
		{"transaction.version of 3.9", Report{judgeFeature(broker{version: "v3.9"})}, Warning, "upgrade the brokers"},
		{"no features", Report{judgeFeature(broker{version: "v4.2", transactionVersion: -1})}, Unknown, ""},

		{"timeouts", judgeTimeouts(bounds{settings: map[string]string{"transaction.max.timeout.ms": "15000", "group.max.session.timeout.ms": "15000", "group.min.session.timeout.ms": "15000"}}, 15*time.Second), OK, ""},
		{"timeouts are not told", judgeTimeouts(bounds{err: errAway}, time.Second), Unknown, "DescribeConfigs --cluster"},
		{"long transactions", judgeTimeouts(bounds{settings: map[string]string{"transaction.max.timeout.ms": "14999"}}, 15*time.Second), Failure, "PARLEY_SESSION_TIMEOUT=14.999s"},
		{"short sessions", judgeTimeouts(bounds{settings: map[string]string{"group.min.session.timeout.ms": "6000"}}, 5*time.Second), Failure, "PARLEY_SESSION_TIMEOUT=6s"},

		{"internal topic", Report{judgeInternal(internalTopic, state(3, "2"), bounds{})}, OK, "3 replicas"},
		{"internal topic with one replica", Report{judgeInternal(internalTopic, state(1, "1"), bounds{})}, Warning, "kafka-reassign-partitions.sh"},
		{"internal topic of which one is in sync", Report{judgeInternal(internalTopic, state(3, "1"), bounds{})}, Warning, "min.insync.replicas=2"},
		{"internal topic that will be made", Report{judgeInternal(internalTopic, missing, made)}, OK, "not there yet"},
		{"internal topic that will be made with one", Report{judgeInternal(internalTopic, missing, bounds{settings: map[string]string{internalTopic.replication: "1"}})}, Warning, "transaction.state.log.min.isr=2"},
		{"internal topic of which nothing is told", Report{judgeInternal(internalTopic, missing, bounds{err: errAway})}, Unknown, ""},

		{"topics", judgeThere([]topics.Described{replicas(1)}), OK, ""},
		{"no topic", judgeThere([]topics.Described{missing}), Warning, "parley topics apply"},
		{"topic denied", judgeThere([]topics.Described{{Name: "t", Err: kerr.TopicAuthorizationFailed}}), Failure, ""},
		{"layout", judgePartitions(three(), topics.Cluster{Topics: []topics.Described{replicas()}}, &topics.Layout{Partitions: 4, ResultPartitions: 2}), OK, "4 of calls"},
		{"no layout", judgePartitions(three(), topics.Cluster{}, nil), OK, "none are recorded"},
		{"more partitions", judgePartitions(three(), topics.Cluster{Topics: []topics.Described{{Name: "p.calls", Partitions: make([]topics.Partitioned, 5)}}}, &topics.Layout{Partitions: 4, ResultPartitions: 2}), Failure, "5 partitions, but 4"},
		{"settings", cluster.judgeSettings([]topics.Described{with(map[string]string{"retention.ms": "-1", "cleanup.policy": "delete"})}), OK, ""},
		{"retention", cluster.judgeSettings([]topics.Described{with(map[string]string{"retention.ms": "1"})}), Failure, "kafka-configs.sh"},
		{"in sync", cluster.judgeSettings([]topics.Described{with(map[string]string{"min.insync.replicas": "1"})}), Failure, "--add-config min.insync.replicas=2"},
		{"unclean", cluster.judgeSettings([]topics.Described{with(map[string]string{"unclean.leader.election.enable": "true"})}), Failure, "let a broker lead"},
		{"settings are not told", cluster.judgeSettings([]topics.Described{{Name: "p.dead", Partitions: replicas().Partitions, ConfigErr: errAway}}), Unknown, "DescribeConfigs --topic p.dead"},
		{"few replicas", cluster.judgeSettings([]topics.Described{{Name: "p.dead", Partitions: []topics.Partitioned{{Replicas: []int32{1, 2}}}}}), Failure, "--reassign"},
		{"two replicas are asked for", Kafka{Spec: two}.judgeSettings(nil), Warning, "nothing is accepted while one broker is away"},
		{"embedded", embedded.judgeSettings(nil), OK, "embedded"},
		{"all in sync", judgeInSync([]topics.Described{replicas(1, 2, 3)}), OK, ""},
		{"one behind", judgeInSync([]topics.Described{replicas(1, 2)}), Warning, "1 of 1 partitions lack"},
		{"offline", judgeInSync([]topics.Described{offline}), Failure, "no leader"},

		{"allowed", judgeAccess(dead, allowed(kmsg.ACLOperationRead, kmsg.ACLOperationWrite)), OK, ""},
		{"nobody tells", judgeAccess(dead, allowed()), OK, ""},
		{"not allowed", judgeAccess(dead, allowed(kmsg.ACLOperationRead, kmsg.ACLOperationDescribe)), Failure, "kafka-acls.sh --add --allow-principal User:NAME --operation Write --topic p.dead"},
		{"not shown", judgeAccess(dead, topics.Described{Name: "p.dead", Err: kerr.TopicAuthorizationFailed}), Failure, "--operation Read --operation Write --topic p.dead"},

		{"clock", Report{judgeClock(KafkaClock, clock{ahead: time.Second, uncertain: time.Millisecond})}, OK, "1s ahead"},
		{"clock that is far away", Report{judgeClock(KafkaClock, clock{ahead: time.Minute, uncertain: time.Minute})}, OK, ""},
		{"clock behind", Report{judgeClock(KafkaClock, clock{ahead: -3 * time.Second, uncertain: time.Millisecond})}, Warning, "3s behind"},
		{"clock of another time", Report{judgeClock(KafkaClock, clock{ahead: time.Minute})}, Failure, "chrony"},
		{"no clock", Report{judgeClock(KafkaClock, clock{err: errAway})}, Unknown, ""},

		{"producers", Report{judgeSample(sample{calls: 7})}, OK, "7, all"},
		{"astray", Report{judgeSample(sample{calls: 7, astray: 2, forwarded: 1, accounts: []string{"umbra", "acme"}})}, Warning, "murmur2_random"},

		{"ClickHouse", Report{judgeServer("24.3.1.2")}, OK, "24.3"},
		{"old ClickHouse", Report{judgeServer("23.8.1.2")}, Warning, "upgrade"},
		{"other ClickHouse", Report{judgeServer("head")}, Unknown, ""},
		{"migrations", Report{judgeSchema([]int64{0, 1, 2}, []int64{1, 2})}, OK, "all 2"},
		{"migrations are missing", Report{judgeSchema([]int64{0, 1}, []int64{1, 2})}, Warning, "[2]"},
		{"no migration", Report{judgeSchema(nil, []int64{1, 2})}, Warning, "[1 2]"},
		{"a newer Parley", Report{judgeSchema([]int64{0, 1, 2, 3}, []int64{1, 2})}, Warning, "version 3"},
		{"tables", judgeTables([]table{{"t_log", "ReplacingMergeTree", "SETTINGS non_replicated_deduplication_window = 1"}}, ""), OK, "1 tables"},
		{"no window", judgeTables([]table{{"t_log", "ReplacingMergeTree", ""}}, ""), Failure, "ALTER TABLE t_log MODIFY SETTING"},
		{"another engine", judgeTables([]table{{"t_log", "Memory", ""}}, ""), Failure, "parley replay"},
		{"not replicated", judgeTables([]table{{"t_log", "Distributed", ""}, {"t_log_local", "MergeTree", "deduplication_window"}}, "main"), Failure, "--cluster main"},

		{"backend", Report{judgeBackend(answer{route: "r", url: "u", status: 405})}, OK, "405"},
		{"backend behind a proxy", Report{judgeBackend(answer{status: 502})}, Warning, "behind the proxy"},
		{"no backend", Report{judgeBackend(answer{err: errAway})}, Failure, "start the backend"},
		{"route's topic", judgeRouteTopics(route.Route{Executor: route.Executor{Topic: "p.dead"}}, &topics.Cluster{Topics: []topics.Described{replicas()}}), OK, ""},
		{"no such topic", judgeRouteTopics(route.Route{Executor: route.Executor{Topic: "t", ReplyTopic: "u"}}, &topics.Cluster{}), Failure, "kafka-topics.sh --create --topic u"},
		{"no Kafka", judgeRouteTopics(route.Route{Executor: route.Executor{Topic: "t"}}, nil), Unknown, ""},

		{"nodes", judgeNodes([]peer.Probed{{Address: "n:1"}}, nil), OK, "1 with the role processor"},
		{"no group", judgeNodes(nil, errAway), Unknown, ""},
		{"a node is away", judgeNodes([]peer.Probed{{Address: "n:1", Err: errAway}}, nil), Failure, "PARLEY_ADVERTISE_ADDR"},
		{"a node of another secret", judgeNodes([]peer.Probed{{Address: "n:1", Err: errAway, Refused: true}}, nil), Failure, "the same PARLEY_SECRET"},

		{"room", Report{judgeSpace(Finding{}, spaceWarned)}, OK, ""},
		{"little room", Report{judgeSpace(Finding{}, spaceWarned-1)}, Warning, "make room"},
		{"no room", Report{judgeSpace(Finding{}, spaceMin-1)}, Failure, "make room"},
		{"no folder of ours", Report{CheckFolder("/", errAway)}, Failure, "away"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := tt.got.Worst(); got != tt.want {
				t.Fatalf("it comes to %s, want %s: %v", got, tt.want, tt.got)
			}
			said := len(tt.got) == 0
			for _, f := range tt.got {
				said = said || strings.Contains(f.String(), tt.says)
				if (f.Verdict == OK) != (f.Meaning == "") {
					t.Errorf("it is %s, and means %q", f.Verdict, f.Meaning)
				}
			}
			if !said {
				t.Errorf("it says %v, want %q", tt.got, tt.says)
			}
		})
	}
}

func TestSample(t *testing.T) {
	t.Parallel()
	const n = 8
	home := topics.Partition("acme/order", n)
	value := []byte(`{"account":"acme","method":"Create","objects":[{"type":"T"}],"options":{"conversationId":"order","sequenceCode":1,"callsInConversation":1}}`)
	single := []byte(`{"account":"acme","method":"Create","objects":[{"type":"T"}]}`)
	forwarded := []kgo.RecordHeader{{Key: schemas.HeaderForwardedFrom, Value: []byte("3")}}
	for _, tt := range []struct {
		name string
		r    kgo.Record
		want sample
	}{
		{"where it belongs", kgo.Record{Key: []byte("acme/order"), Partition: home, Value: value}, sample{calls: 1}},
		{"in another partition", kgo.Record{Key: []byte("acme/order"), Partition: (home + 1) % n, Value: value}, sample{calls: 1, astray: 1}},
		{"with another key", kgo.Record{Key: []byte("order"), Partition: home, Value: value}, sample{calls: 1, misnamed: 1}},
		{"a call alone", kgo.Record{Key: []byte("acme/order"), Partition: home, Value: single}, sample{calls: 1}},
		{"a call alone, in another partition", kgo.Record{Key: []byte("acme/order"), Partition: (home + 1) % n, Value: single}, sample{calls: 1, astray: 1}},
		{"without a key", kgo.Record{Value: single}, sample{calls: 1}},
		{"forwarded", kgo.Record{Key: []byte("acme/order"), Partition: home, Value: value, Headers: forwarded}, sample{calls: 1, forwarded: 1}},
		{"a tick", kgo.Record{Headers: []kgo.RecordHeader{{Key: schemas.HeaderType, Value: []byte(schemas.RecordTick)}}}, sample{}},
	} {
		var got sample
		got.add(&tt.r, n)
		if got.calls != tt.want.calls || got.astray != tt.want.astray || got.misnamed != tt.want.misnamed || got.forwarded != tt.want.forwarded {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

func TestClockIsReadByHalfTheRoundTrip(t *testing.T) {
	t.Parallel()
	began := time.UnixMilli(1_000)
	if got := read("s", began, began.Add(100*time.Millisecond), began.Add(80*time.Millisecond)); got.ahead != 30*time.Millisecond || got.uncertain != 50*time.Millisecond {
		t.Errorf("%+v", got)
	}
}
