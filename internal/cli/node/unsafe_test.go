package node

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
)

// refused runs a node that must not start, and returns what it says.
func (s *site) refused(adjust func(*Config)) string {
	s.t.Helper()
	cfg := s.config("one", Roles{Ingest: true})
	adjust(&cfg)
	err := Run(s.t.Context(), cfg, Events{})
	if err == nil {
		s.t.Fatal("the node started")
	}
	return err.Error()
}

// A cluster that is too small for what is promised stops the start, unless fewer replicas are asked for, or promises given up.
func TestTooFewBrokers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.broker.Fake() // a real cluster has enough
	topic := s.broker.Topics
	three := func(c *Config) { c.Replication = 0 }
	for _, want := range []string{"topic " + topic.Calls + " shall have 3 replicas, and of brokers there are only 1", "set PARLEY_REPLICATION=1", "PARLEY_ALLOW_UNSAFE_TOPICS=true"} {
		if got := s.refused(three); !strings.Contains(got, want) {
			t.Errorf("it says %q, want %q", got, want)
		}
	}
	logged := new(logBuffer)
	s.start("one", Roles{Ingest: true}, func(c *Config) {
		c.Replication, c.AllowUnsafeTopics = 0, true
		c.Log = slog.New(slog.NewTextHandler(logged, nil))
	})
	if want := `level=ERROR msg="unsafe topics are allowed: acknowledged calls may be lost" check=topics-replication subject="topic ` + topic.Calls + `" found="a partition with 1 of 3 replicas"`; !strings.Contains(logged.String(), want) {
		t.Errorf("logged %s, want %s", logged.String(), want)
	}
	for _, want := range []string{"topic " + topic.State + ": a partition with 1 of 3 replicas; what was acknowledged is lost", "parley topics apply --reassign"} {
		if got := s.refused(three); !strings.Contains(got, want) {
			t.Errorf("with topics that are there it says %q, want %q", got, want)
		}
	}
	logged = new(logBuffer)
	s.start("two", Roles{Ingest: true}, func(c *Config) { c.Log = slog.New(slog.NewTextHandler(logged, nil)) })
	if want := `level=WARN msg="start-up check" check=topics-replication subject=replication found="1 is asked for"`; !strings.Contains(logged.String(), want) {
		t.Errorf("logged %s, want %s", logged.String(), want)
	}
}

func TestUnsafeSettings(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.start("first", Roles{Ingest: true}).stop()
	results := s.broker.Topics.Results
	hour := "3600000"
	if _, err := kadm.NewClient(s.broker.Client()).AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "retention.ms", Value: &hour}}, results); err != nil {
		t.Fatal(err)
	}
	want := "topic " + results + ": retention.ms=3600000; would lose records that nobody has read yet; parley topics apply, or kafka-configs.sh --alter --entity-type topics --entity-name " + results + " --add-config retention.ms=-1"
	if got := s.refused(func(*Config) {}); !strings.Contains(got, want) {
		t.Errorf("it says %q, want %q", got, want)
	}
	s.start("second", Roles{Ingest: true}, func(c *Config) { c.AllowUnsafeTopics = true })
}
