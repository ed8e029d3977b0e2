package topics_test

import (
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"

	"parley/internal/topics"
)

func TestFlawsOfTopicsThatWouldLoseSomething(t *testing.T) {
	t.Parallel()
	tests := []struct {
		topic, setting, value string
		refused               bool
	}{
		{"p.calls", "retention.ms", "604800000", true},
		{"p.calls", "retention.bytes", "1073741824", true},
		{"p.calls", "cleanup.policy", "compact", true},
		{"p.calls", "message.timestamp.type", "CreateTime", true},
		{"p.calls", "max.message.bytes", "1048588", true},
		{"p.calls", "max.message.bytes", "33554432", false},
		{"p.results", "retention.ms", "86400000", true},
		{"p.results", "message.timestamp.type", "LogAppendTime", false},
		{"p.state", "cleanup.policy", "delete", true},
		{"p.state", "delete.retention.ms", "3600000", true},
		{"p.state", "delete.retention.ms", "172800000", false},
		{"p.dead", "retention.ms", "86400000", true},
		{"p.control", "cleanup.policy", "delete", true},
		{"p.control", "segment.bytes", "1048576", false},
	}
	for _, tt := range tests {
		t.Run(tt.topic+" "+tt.setting+"="+tt.value, func(t *testing.T) {
			t.Parallel()
			c := newClient(t)
			if _, err := topics.Ensure(t.Context(), c, spec(4, 2)); err != nil {
				t.Fatal(err)
			}
			set := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: tt.setting, Value: &tt.value}}
			if _, err := kadm.NewClient(c).AlterTopicConfigs(t.Context(), set, tt.topic); err != nil {
				t.Fatal(err)
			}
			shown, err := spec(4, 2).Describe(t.Context(), c, tt.topic)
			if err != nil {
				t.Fatal(err)
			}
			err = errors.Join(spec(4, 2).Flaws(shown.Topic(tt.topic))...)
			wrong, ok := errors.AsType[*topics.SettingError](err)
			if ok != tt.refused || ok && (wrong.Topic != tt.topic || wrong.Setting != tt.setting || wrong.Have != tt.value) {
				t.Errorf("got %v, want it refused: %t", err, tt.refused)
			}
		})
	}
}
