package doctor

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/grants"
	"parley/internal/kafka"
	"parley/internal/topics"
)

// Kafka is what is looked at in Kafka.
type Kafka struct {
	Client *kgo.Client
	// Cluster is how the client connects, and knows what it means when it is not let in. Nil: nobody does.
	Cluster *kafka.Cluster
	// Spec is what Parley's topics must be.
	Spec topics.Spec
	// Embedded: the only broker is our own.
	Embedded bool
	// Prefix begins the names of the groups, Instance is in that of the transactional id.
	Prefix, Instance string
	// Grants are what a node must be allowed to do.
	Grants []grants.Grant
	// SessionTimeout is that of a node.
	SessionTimeout time.Duration
	// Options are those of the client, for others that read.
	Options []kgo.Opt
	// ReadOnly: nothing is written, not even the tick that tells what time the brokers have.
	ReadOnly bool
}

// lookTimeout bounds a look at one thing.
const lookTimeout = 5 * time.Second

// Check asks all of Kafka's checks.
func (k Kafka) Check(ctx context.Context) Report {
	looking, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	c, err := k.Spec.Describe(looking, k.Client)
	if refused := k.refused(ctx, err); refused != nil {
		return Report{{
			Check: KafkaBrokers, Subject: "brokers", Verdict: Failure, Found: refused.Found(),
			Meaning: "no node with these settings is let in; nothing else about Kafka can be found out", Remedy: refused.Remedy,
		}}
	}
	if err != nil {
		return Report{{
			Check: KafkaBrokers, Subject: "brokers", Verdict: Failure, Found: "no answer: " + err.Error(),
			Meaning: "nothing else about Kafka can be found out", Remedy: "check PARLEY_KAFKA_BROKERS, and that a broker runs there",
		}}
	}
	k.settle(ctx)
	looks := []func(context.Context, topics.Cluster) Report{k.checkBrokers, k.checkLayout, k.checkBounds, k.checkAccess, k.checkClock, k.checkProducers}
	var r Report
	for _, of := range each(looks, func(look func(context.Context, topics.Cluster) Report) Report {
		looking, cancel := context.WithTimeout(ctx, lookTimeout)
		defer cancel()
		return look(looking, c)
	}) {
		r = append(r, of...)
	}
	return r.sort()
}

// checkBrokers looks at every broker, where it says that it is.
func (k Kafka) checkBrokers(ctx context.Context, c topics.Cluster) Report {
	brokers := brokersOf(ctx, k.Client, c.Brokers)
	r := judgeBrokers(brokers)
	if k.Embedded {
		return append(r, Finding{Check: KafkaVersion, Subject: "brokers", Verdict: OK, Found: "the embedded broker"})
	}
	return append(r, judgeVersions(brokers)...)
}

func judgeBrokers(all []broker) Report {
	var r Report
	for _, b := range all {
		if b.err != nil {
			r = append(r, Finding{
				Check: KafkaBrokers, Subject: fmt.Sprintf("broker %d at %s", b.id, b.addr), Verdict: Failure, Found: "no answer: " + b.err.Error(),
				Meaning: "partitions that it leads cannot be read or written from here",
				Remedy:  "see that the broker runs, and that the name and port in its advertised.listeners are reached from here",
			})
		}
	}
	if len(r) == 0 {
		return Report{{Check: KafkaBrokers, Subject: "brokers", Verdict: OK, Found: fmt.Sprintf("%d, all answer at the addresses that they advertise", len(all))}}
	}
	return r
}

// checkLayout looks at what is recorded of the topics.
func (k Kafka) checkLayout(ctx context.Context, c topics.Cluster) Report {
	recorded, err := topics.Recorded(ctx, k.Client, k.Spec.Topics, c)
	r := k.judgeTopics(c, recorded)
	if err == nil {
		return r
	}
	for i, f := range r {
		if f.Check == TopicsPartitions {
			r[i] = Finding{Check: TopicsPartitions, Subject: "partitions", Verdict: Unknown, Found: err.Error(), Meaning: "nobody can tell whether they are as recorded"}
		}
	}
	return r
}
