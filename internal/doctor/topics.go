package doctor

import (
	"errors"
	"fmt"
	"strings"

	"parley/internal/topics"
)

// replicasPromised is the replication for which it is promised that what is acknowledged is not lost.
const replicasPromised = 3

// judgeTopics judges Parley's topics. recorded is the layout in the control topic; nil: none.
func (k Kafka) judgeTopics(c topics.Cluster, recorded *topics.Layout) Report {
	ours := k.Spec.Ours(c)
	r := judgeThere(ours)
	r = append(r, judgePartitions(k.Spec, c, recorded)...)
	r = append(r, k.judgeSettings(ours)...)
	return append(r, judgeInSync(ours)...)
}

func subject(d topics.Described) string { return "topic " + d.Name }

func judgeThere(ours []topics.Described) Report {
	var r Report
	for _, d := range ours {
		switch {
		case d.Missing():
			r = append(r, Finding{
				Check: TopicsThere, Subject: subject(d), Verdict: Warning, Found: "is not there",
				Meaning: "a node makes it when it starts, if it may", Remedy: "parley topics apply",
			})
		case d.Err != nil:
			r = append(r, Finding{Check: TopicsThere, Subject: subject(d), Verdict: Failure, Found: d.Err.Error(), Meaning: "a node could not use it"})
		}
	}
	if len(r) == 0 {
		return Report{{Check: TopicsThere, Subject: "topics", Verdict: OK, Found: fmt.Sprintf("all %d are there", len(ours))}}
	}
	return r
}

func judgePartitions(spec topics.Spec, c topics.Cluster, recorded *topics.Layout) Report {
	if recorded == nil {
		return Report{{Check: TopicsPartitions, Subject: "partitions", Verdict: OK, Found: "none are recorded: no node has started yet"}}
	}
	var r Report
	for _, err := range recorded.Mismatches(spec.Topics, c) {
		e, _ := errors.AsType[*topics.MismatchError](err)
		r = append(r, Finding{
			Check: TopicsPartitions, Subject: "topic " + e.Topic, Verdict: Failure,
			Found:   fmt.Sprintf("%d partitions, but %d are recorded", e.Have, e.Want),
			Meaning: "calls of one conversation could meet different owners: no node starts, those that run stop",
			Remedy:  e.Remedy(),
		})
	}
	if len(r) == 0 {
		found := fmt.Sprintf("%d of calls and state, %d of results, as recorded", recorded.Partitions, recorded.ResultPartitions)
		return Report{{Check: TopicsPartitions, Subject: "partitions", Verdict: OK, Found: found}}
	}
	return r
}

// judgeSettings judges what keeps what was acknowledged: replicas, and settings.
func (k Kafka) judgeSettings(ours []topics.Described) Report {
	var r Report
	for _, d := range ours {
		for _, flaw := range k.Spec.Flaws(d) {
			if e, ok := errors.AsType[*topics.ReplicationError](flaw); ok {
				r = append(r, Finding{
					Check: TopicsDurable, Subject: subject(d), Verdict: Failure,
					Found:   fmt.Sprintf("a partition with %d of %d replicas", e.Have, e.Want),
					Meaning: "what was acknowledged is lost with the brokers that have it", Remedy: e.Remedy(),
				})
			}
			if e, ok := errors.AsType[*topics.SettingError](flaw); ok {
				r = append(r, Finding{
					Check: TopicsSettings, Subject: subject(d), Verdict: Failure,
					Found: e.Setting + "=" + e.Have, Meaning: strings.TrimPrefix(e.Why, "and "), Remedy: e.Remedy(),
				})
			}
		}
		if d.ConfigErr != nil {
			r = append(r, Finding{
				Check: TopicsSettings, Subject: subject(d), Verdict: Unknown, Found: "settings are not known: " + d.ConfigErr.Error(),
				Meaning: "nobody can tell whether they keep what was acknowledged",
				Remedy:  fmt.Sprintf("kafka-acls.sh --add --allow-principal User:NAME --operation DescribeConfigs --topic %s", d.Name),
			})
		}
	}
	switch {
	case k.Embedded:
		r = append(r, Finding{Check: TopicsDurable, Subject: "replication", Verdict: OK, Found: "the embedded broker is one: its disk is what keeps the calls"})
	case k.Spec.Replication < replicasPromised:
		r = append(r, fewReplicas(int(k.Spec.Replication)))
	case r.without(TopicsDurable):
		r = append(r, Finding{Check: TopicsDurable, Subject: "replication", Verdict: OK, Found: fmt.Sprintf("%d or more replicas", k.Spec.Replication)})
	}
	if r.without(TopicsSettings) {
		r = append(r, Finding{Check: TopicsSettings, Subject: "settings", Verdict: OK, Found: "as they must be"})
	}
	return r
}

// fewReplicas is about a replication that was asked for.
func fewReplicas(n int) Finding {
	f := Finding{Check: TopicsDurable, Subject: "replication", Verdict: Warning, Found: fmt.Sprintf("%d is asked for", n), Remedy: "have three brokers or more, set PARLEY_REPLICATION=3, and: parley topics apply --reassign"}
	f.Meaning = "what was acknowledged is lost with one broker's disk"
	if n > 1 {
		f.Meaning = "nothing is accepted while one broker is away"
	}
	return f
}

func (r Report) without(c Check) bool {
	for _, f := range r {
		if f.Check == c {
			return false
		}
	}
	return true
}

// judgeInSync judges how the replicas are now.
func judgeInSync(ours []topics.Described) Report {
	var r Report
	for _, d := range ours {
		offline, behind := 0, 0
		for _, p := range d.Partitions {
			switch {
			case p.Leader < 0:
				offline++
			case len(p.InSync) < len(p.Replicas):
				behind++
			}
		}
		if offline > 0 {
			r = append(r, Finding{
				Check: TopicsInSync, Subject: subject(d), Verdict: Failure, Found: fmt.Sprintf("%d of %d partitions have no leader", offline, len(d.Partitions)),
				Meaning: "calls of these partitions are not accepted, and do not go on", Remedy: "start the brokers that have them",
			})
		}
		if behind > 0 {
			r = append(r, Finding{
				Check: TopicsInSync, Subject: subject(d), Verdict: Warning, Found: fmt.Sprintf("%d of %d partitions lack replicas that are in sync", behind, len(d.Partitions)),
				Meaning: "one broker more that is lost, and calls are not accepted", Remedy: "start the brokers that are away, or wait until they have caught up",
			})
		}
	}
	if len(r) == 0 {
		return Report{{Check: TopicsInSync, Subject: "replicas", Verdict: OK, Found: "all are in sync"}}
	}
	return r
}
