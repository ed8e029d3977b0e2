package topics_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"

	"parley/internal/topics"
	"parley/schemas"
)

// shown is a cluster of three brokers with Parley's topics as they are made with three replicas, as adjust changes them.
func shown(adjust func(map[string]*topics.Described)) topics.Cluster {
	c := topics.Cluster{Brokers: []topics.BrokerAddr{{ID: 1}, {ID: 2}, {ID: 3}}}
	durable := map[string]string{"min.insync.replicas": "2", "unclean.leader.election.enable": "false", "max.message.bytes": "16777216", "cleanup.policy": "delete"}
	all := make(map[string]*topics.Described)
	for name, n := range map[string]int{"p.calls": 4, "p.state": 4, "p.results": 2, "p.dead": 1, "p.control": 1, "p.in.acme": 3, "p.subscriber.54": 1, "other": 1} {
		d := &topics.Described{Name: name, Configs: maps.Clone(durable)}
		switch name {
		case "p.state", "p.control":
			d.Configs["cleanup.policy"], d.Configs["delete.retention.ms"] = "compact", "86400000"
		case "p.calls", "p.results", "p.dead":
			d.Configs["retention.ms"], d.Configs["retention.bytes"] = "-1", "-1"
		}
		if name == "p.calls" {
			d.Configs["message.timestamp.type"] = "LogAppendTime"
		}
		for range n {
			d.Partitions = append(d.Partitions, topics.Partitioned{Leader: 1, Replicas: []int32{1, 2, 3}, InSync: []int32{1, 2, 3}})
		}
		all[name] = d
	}
	adjust(all)
	for _, d := range all {
		c.Topics = append(c.Topics, *d)
	}
	slices.SortFunc(c.Topics, func(a, b topics.Described) int { return strings.Compare(a.Name, b.Name) })
	return c
}

func TestPlan(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		adjust func(map[string]*topics.Described)
		want   string
	}{
		{"all as it must be", func(map[string]*topics.Described) {}, `null`},
		{
			"a topic is missing", func(all map[string]*topics.Described) { delete(all, "p.state") },
			`[{"topic":"p.state","create":true,"partitions":4,"replication":3,"settings":[{"name":"cleanup.policy","want":"compact"},{"name":"delete.retention.ms","want":"86400000"},` +
				`{"name":"max.compaction.lag.ms","want":"604800000"},{"name":"max.message.bytes","want":"16777216"},{"name":"min.insync.replicas","want":"2"},{"name":"unclean.leader.election.enable","want":"false"}]}]`,
		},
		{
			"settings differ", func(all map[string]*topics.Described) {
				all["p.calls"].Configs["retention.ms"] = "604800000"
				all["p.calls"].Configs["message.timestamp.type"] = "CreateTime"
				all["p.in.acme"].Configs["min.insync.replicas"] = "1"
				all["p.subscriber.54"].Configs["unclean.leader.election.enable"] = "true"
				all["other"].Configs["min.insync.replicas"] = "1"
			},
			`[{"topic":"p.calls","settings":[{"name":"message.timestamp.type","have":"CreateTime","want":"LogAppendTime"},{"name":"retention.ms","have":"604800000","want":"-1"}]},` +
				`{"topic":"p.in.acme","settings":[{"name":"min.insync.replicas","have":"1","want":"2"}]},` +
				`{"topic":"p.subscriber.54","settings":[{"name":"unclean.leader.election.enable","have":"true","want":"false"}]}]`,
		},
		{
			"replicas are missing", func(all map[string]*topics.Described) {
				all["p.results"].Partitions[0].Replicas = []int32{2}
				all["p.results"].Partitions[1].Replicas = []int32{3, 1}
			},
			`[{"topic":"p.results","replicas":[{"partition":0,"have":[2],"want":[2,1,3]},{"partition":1,"have":[3,1],"want":[3,1,2]}]}]`,
		},
		{
			"partitions were added", func(all map[string]*topics.Described) {
				all["p.state"].Partitions = append(all["p.state"].Partitions, all["p.state"].Partitions[0])
			},
			`[{"topic":"p.state","problem":"topic p.state has 5 partitions, but 4 are recorded: partitions must not be added to a topic of parley; make a new set of topics under another prefix"}]`,
		},
		{
			"settings may not be known", func(all map[string]*topics.Described) {
				all["p.dead"].Configs, all["p.dead"].ConfigErr = nil, errors.New("denied")
			},
			`[{"topic":"p.dead","problem":"its settings are not known: denied"}]`,
		},
		{
			"a topic may not be seen", func(all map[string]*topics.Described) { all["p.dead"].Err = kerr.TopicAuthorizationFailed },
			`[{"topic":"p.dead","problem":"TOPIC_AUTHORIZATION_FAILED: Not authorized to access topics: [Topic authorization failed.]"}]`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			three := spec(8, 8) // the topics that are there are divided otherwise, and it is they that count
			three.Replication = 3
			for _, recorded := range []*topics.Layout{nil, {Partitions: 4, ResultPartitions: 2}} {
				got, err := json.Marshal(three.Plan(shown(tt.adjust), recorded))
				if err != nil || string(got) != tt.want {
					t.Errorf("with the recorded layout %v:\ngot  %s, %v\nwant %s", recorded, got, err, tt.want)
				}
			}
		})
	}
}

func TestPlanNeedsBrokers(t *testing.T) {
	t.Parallel()
	five := spec(4, 2)
	five.Replication = 5
	for _, step := range five.Plan(shown(func(map[string]*topics.Described) {}), nil) {
		if !strings.Contains(step.Problem, "shall have 5 replicas, and of brokers there are only 3") {
			t.Errorf("step %+v", step)
		}
	}
}

// What is applied is planned no more, twice applied does no harm, and Ensure takes it.
func TestApply(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	s := spec(4, 2)
	steps, err := s.Planned(t.Context(), c)
	if err != nil || len(steps) != len(s.Topics.Own()) {
		t.Fatalf("of an empty cluster: %+v, %v", steps, err)
	}
	for range 2 {
		if err := s.Apply(t.Context(), c, steps); err != nil {
			t.Fatal(err)
		}
		if left, err := s.Planned(t.Context(), c); err != nil || len(left) > 0 {
			t.Fatalf("it is applied, and still to do are %+v, %v", left, err)
		}
	}
	if l, err := topics.Ensure(t.Context(), c, spec(8, 8)); err != nil || l != s.Layout {
		t.Errorf("layout %v, %v", l, err)
	}
	changed := []topics.Step{{Topic: s.Topics.Calls, Settings: []topics.Change{{Name: "retention.ms", Want: "1000"}}}}
	if err := s.Apply(t.Context(), c, changed); err != nil {
		t.Fatal(err)
	}
	if steps, err = s.Planned(t.Context(), c); err != nil || len(steps) != 1 || steps[0].Settings[0].Have != "1000" {
		t.Fatalf("planned %+v, %v", steps, err)
	}
	if err := s.Apply(t.Context(), c, steps); err != nil {
		t.Fatal(err)
	}
	if steps, err = s.Planned(t.Context(), c); err != nil || len(steps) > 0 {
		t.Errorf("it is applied, and still to do are %+v, %v", steps, err)
	}
}

// A cluster that is too small is an error that says so.
func TestEnsureNeedsBrokers(t *testing.T) {
	t.Parallel()
	s := spec(4, 2)
	s.Replication = 3
	_, err := topics.Ensure(t.Context(), newClient(t), s)
	few, ok := errors.AsType[*topics.BrokersError](err)
	if want := (topics.BrokersError{Topic: "p.calls", Brokers: 1, Want: 3}); !ok || *few != want {
		t.Errorf("got %v, want %v", err, &want)
	}
}

func TestOwnTopicsAreRequiredSomething(t *testing.T) {
	t.Parallel()
	names := schemas.TopicsOf("p")
	for _, name := range names.Own() {
		d := topics.Described{Name: name, Partitions: []topics.Partitioned{{}}, Configs: map[string]string{"cleanup.policy": "none"}}
		if flaws := spec(4, 2).Flaws(d); len(flaws) != 2 {
			t.Errorf("%s: %v, want that it has no replica, and another cleanup.policy", name, flaws)
		}
	}
}
