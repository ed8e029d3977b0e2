package schemas_test

import (
	"reflect"
	"slices"
	"testing"

	"go.yaml.in/yaml/v3"

	"parley/schemas"
)

// asyncAPI is what this test holds against the code.
type asyncAPI struct {
	AsyncAPI string `yaml:"asyncapi"`
	Channels map[string]struct {
		Address  string
		Messages map[string]any
	}
	Components struct {
		Messages map[string]struct {
			Headers struct {
				Required   []string
				Properties map[string]struct {
					Const string
					Enum  []string
				}
			}
		}
	}
}

func TestAsyncAPIDescribesTheTopics(t *testing.T) {
	t.Parallel()
	var d asyncAPI
	if err := yaml.Unmarshal([]byte(schemas.AsyncAPI()), &d); err != nil {
		t.Fatal(err)
	}
	topics := schemas.TopicsOf("parley")
	for channel, want := range map[string]string{"calls": topics.Calls, "results": topics.Results, "dead": topics.Dead} {
		if got := d.Channels[channel].Address; got != want {
			t.Errorf("channel %s is at %q, want %q", channel, got, want)
		}
	}
	if d.AsyncAPI != "3.0.0" || len(d.Channels) != 5 {
		t.Errorf("asyncapi %q with %d channels", d.AsyncAPI, len(d.Channels))
	}
	call, event, dead := d.Components.Messages["call"].Headers, d.Components.Messages["event"].Headers, d.Components.Messages["dead"].Headers
	if got := call.Properties[schemas.HeaderType].Const; got != schemas.RecordCall {
		t.Errorf("type of a call %q", got)
	}
	for _, kind := range []string{schemas.RecordTick, schemas.RecordAnswer, schemas.RecordCancel, schemas.RecordResubmit} {
		if got := d.Components.Messages[kind].Headers.Properties[schemas.HeaderType].Const; got != kind {
			t.Errorf("type of a %s is %q", kind, got)
		}
		if _, ok := d.Channels["calls"].Messages[kind]; !ok {
			t.Errorf("the channel calls has no %s", kind)
		}
	}
	if got, want := call.Properties[schemas.HeaderContentType].Enum, []string{schemas.ContentJSON, schemas.ContentProtobuf}; !slices.Equal(got, want) {
		t.Errorf("content types %q, want %q", got, want)
	}
	types := []string{schemas.EventCallCompleted, schemas.EventCallFailed, schemas.EventConversationCompleted, schemas.EventConversationFailed}
	if got := event.Properties[schemas.HeaderType].Enum; !slices.Equal(got, types) {
		t.Errorf("types of events %q, want %q", got, types)
	}
	for _, name := range []string{schemas.HeaderAccount, schemas.HeaderPartition} {
		if _, ok := event.Properties[name]; !ok {
			t.Errorf("events have no header %s", name)
		}
	}
	reasons := []string{schemas.HeaderErrorCode, schemas.HeaderErrorDetail, schemas.HeaderSourceTopic, schemas.HeaderSourcePartition, schemas.HeaderSourceOffset}
	if !slices.Equal(dead.Required, reasons) {
		t.Errorf("headers of the dead %q, want %q", dead.Required, reasons)
	}
}

// TopicsOf gives every topic a name of its own, under the prefix.
func TestTopicsOf(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	topics := reflect.ValueOf(schemas.TopicsOf("acme"))
	for _, field := range topics.Fields() {
		name := field.String()
		if seen[name] || len(name) < len("acme.x") || name[:5] != "acme." {
			t.Errorf("topic %q", name)
		}
		seen[name] = true
	}
}
