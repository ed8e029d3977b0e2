package doctor

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"parley/internal/topics"
)

// bounds are settings of the brokers; err is why they are not known.
type bounds struct {
	settings map[string]string
	err      error
}

// internalTopic is one of Kafka's own, and the settings by which brokers make it.
type internalTopic struct{ name, replication, inSync string }

var internalTopics = []internalTopic{
	{"__consumer_offsets", "offsets.topic.replication.factor", "min.insync.replicas"},
	{"__transaction_state", "transaction.state.log.replication.factor", "transaction.state.log.min.isr"},
}

// checkBounds looks at what the brokers allow, and at Kafka's own topics.
func (k Kafka) checkBounds(ctx context.Context, c topics.Cluster) Report {
	b := k.askBounds(ctx, c)
	r := judgeTimeouts(b, k.SessionTimeout)
	if k.Embedded {
		return r
	}
	for _, t := range internalTopics {
		r = append(r, judgeInternal(t, c.Topic(t.name), b))
	}
	return r
}

func (k Kafka) askBounds(ctx context.Context, c topics.Cluster) bounds {
	if len(c.Brokers) == 0 {
		return bounds{err: errors.New("there is no broker")}
	}
	told, err := kadm.NewClient(k.Client).DescribeBrokerConfigs(ctx, c.Brokers[0].ID)
	if err != nil {
		return bounds{err: err}
	}
	b := bounds{settings: make(map[string]string)}
	for _, of := range told {
		b.err = errors.Join(b.err, of.Err)
		for _, s := range of.Configs {
			b.settings[s.Key] = s.MaybeValue()
		}
	}
	return b
}

func judgeTimeouts(b bounds, session time.Duration) Report {
	if b.err != nil {
		return Report{{
			Check: KafkaTimeouts, Subject: "settings of the brokers", Verdict: Unknown, Found: b.err.Error(), Meaning: "whether they allow PARLEY_SESSION_TIMEOUT is not known",
			Remedy: "kafka-acls.sh --add --allow-principal User:NAME --operation DescribeConfigs --cluster",
		}}
	}
	var r Report
	for _, of := range []struct {
		setting string
		above   bool // it is an upper bound
	}{{"transaction.max.timeout.ms", true}, {"group.max.session.timeout.ms", true}, {"group.min.session.timeout.ms", false}} {
		ms, err := strconv.ParseInt(b.settings[of.setting], 10, 64)
		bound := time.Duration(ms) * time.Millisecond
		if err != nil || of.above && session <= bound || !of.above && session >= bound {
			continue
		}
		r = append(r, Finding{
			Check: KafkaTimeouts, Subject: of.setting, Verdict: Failure, Found: fmt.Sprintf("%s, and PARLEY_SESSION_TIMEOUT is %s", bound, session),
			Meaning: "the brokers refuse the members of Parley's groups, or their transactions",
			Remedy:  fmt.Sprintf("set PARLEY_SESSION_TIMEOUT=%s on all nodes, or another %s on all brokers", bound, of.setting),
		})
	}
	if len(r) == 0 {
		return Report{{Check: KafkaTimeouts, Subject: "settings of the brokers", Verdict: OK, Found: fmt.Sprintf("allow a session and transactions of %s", session)}}
	}
	return r
}

// judgeInternal judges one of Kafka's own topics, or what will be made.
func judgeInternal(t internalTopic, d topics.Described, b bounds) Finding {
	f := Finding{Check: KafkaInternal, Subject: t.name, Verdict: OK}
	var replicas, inSync int
	switch {
	case d.Err == nil:
		replicas = d.Replication()
		inSync, _ = strconv.Atoi(d.Configs["min.insync.replicas"])
		f.Found = fmt.Sprintf("%d replicas, min.insync.replicas=%d", replicas, inSync)
		f.Remedy = "kafka-reassign-partitions.sh with more replicas, then kafka-configs.sh --alter --entity-type topics --entity-name " + t.name + " --add-config min.insync.replicas=2"
	case !d.Missing() || b.err != nil:
		f.Verdict, f.Found = Unknown, fmt.Sprintf("cannot be seen: %v", errors.Join(d.Err, b.err))
		f.Meaning = "nobody can tell whether it bears the loss of a broker"
		return f
	default:
		replicas, _ = strconv.Atoi(b.settings[t.replication])
		inSync, _ = strconv.Atoi(b.settings[t.inSync])
		f.Found = fmt.Sprintf("is not there yet; the brokers will give it %d replicas, and %s=%d", replicas, t.inSync, inSync)
		f.Remedy = fmt.Sprintf("set %s=3 and %s=2 on all brokers before Parley starts", t.replication, t.inSync)
	}
	switch {
	case replicas < replicasPromised:
		f.Verdict, f.Meaning = Warning, "a broker that is lost takes along positions and transactions: calls stand still, or run again"
	case d.Err == nil && d.ConfigErr != nil:
		f.Verdict, f.Found, f.Meaning, f.Remedy = Unknown, fmt.Sprintf("%d replicas; min.insync.replicas is not known: %v", replicas, d.ConfigErr), "nobody can tell whether it bears the loss of a broker", ""
	case inSync < 2:
		f.Verdict, f.Meaning = Warning, "a position or transaction that one broker alone has is lost with it: calls stand still, or run again"
	default:
		f.Remedy = ""
	}
	return f
}
