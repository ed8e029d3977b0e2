package schemas_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
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
	for channel, want := range map[string]string{
		"calls": topics.Calls, "results": topics.Results, "dead": topics.Dead, "state": topics.State, "control": topics.Control,
		"inbox": topics.Inbox("{account}"), "subscriber": topics.Subscribers + "{subscriberId}",
	} {
		if got := d.Channels[channel].Address; got != want {
			t.Errorf("channel %s is at %q, want %q", channel, got, want)
		}
	}
	if d.AsyncAPI != "3.0.0" || len(d.Channels) != 9 {
		t.Errorf("asyncapi %q with %d channels", d.AsyncAPI, len(d.Channels))
	}
	call, event, dead := d.Components.Messages["call"].Headers, d.Components.Messages["event"].Headers, d.Components.Messages["dead"].Headers
	if got := call.Properties[schemas.HeaderType].Const; got != schemas.RecordCall {
		t.Errorf("type of a call %q", got)
	}
	for _, kind := range []string{schemas.RecordTick, schemas.RecordAnswer, schemas.RecordCancel, schemas.RecordResubmit, schemas.RecordErase} {
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
	types := []string{schemas.EventCallCompleted, schemas.EventCallFailed, schemas.EventConversationCompleted, schemas.EventConversationFailed, schemas.EventConversationContinued, schemas.EventDeliveryCompleted, schemas.EventDeliveryFailed}
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

// Each example is what the schemas of its message say, and what the code that reads such records can read.
func TestAsyncAPIExamplesAreRead(t *testing.T) {
	t.Parallel()
	c, root := jsonschema.NewCompiler(), make(map[string]any)
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	for name, text := range map[string]string{"asyncapi.yaml": schemas.AsyncAPI(), "openapi.yaml": schemas.OpenAPI()} {
		var document map[string]any
		if err := yaml.Unmarshal([]byte(text), &document); err != nil {
			t.Fatal(err)
		}
		if err := c.AddResource("file:///"+name, document); err != nil {
			t.Fatal(err)
		}
		root[name] = document
	}
	messages := root["asyncapi.yaml"].(map[string]any)["components"].(map[string]any)["messages"].(map[string]any)
	for name, m := range messages {
		message := m.(map[string]any)
		examples, _ := message["examples"].([]any)
		if len(examples) == 0 && name != schemas.RecordTick {
			t.Errorf("%s has no example", name)
		}
		for _, e := range examples {
			headers, payload := e.(map[string]any)["headers"], e.(map[string]any)["payload"]
			holds(t, c, "file:///asyncapi.yaml#/components/messages/"+name+"/headers", headers)
			if _, ok := message["payload"]; ok {
				holds(t, c, "file:///asyncapi.yaml#/components/messages/"+name+"/payload/schema", payload)
			}
			value, err := json.Marshal(payload)
			if err != nil {
				t.Fatal(err)
			}
			if err := readBy(name, value); err != nil {
				t.Errorf("the example %s of %s: %v", e.(map[string]any)["name"], name, err)
			}
		}
	}
}

func holds(t *testing.T, c *jsonschema.Compiler, at string, value any) {
	t.Helper()
	schema, err := c.Compile(at)
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(value); err != nil {
		t.Errorf("an example of %s: %v", at, err)
	}
}

// readBy reads the value of a message as those do to whom it is sent.
func readBy(message string, value []byte) error {
	var p *schemas.Problem
	switch message {
	case schemas.RecordCall, "ownCall":
		var call *parleyv1.Call
		if call, p = schemas.DecodeCall(value); p == nil {
			if message == "ownCall" {
				call.Account = "acme"
			}
			p = schemas.DefaultLimits().Validate(call, now)
		}
	case schemas.RecordAnswer, "reply":
		_, p = schemas.DecodeAnswer(value)
	case schemas.RecordCancel:
		_, p = schemas.DefaultLimits().DecodeCancel("", value)
	case "ownCancel":
		_, p = schemas.DefaultLimits().DecodeCancel("acme", value)
	case schemas.RecordResubmit:
		_, p = schemas.DefaultLimits().DecodeResubmit(value)
	case "event":
		return protojson.Unmarshal(value, new(parleyv1.ResultEvent))
	case "transaction":
		_, err := schemas.QueuedTransaction(value).Transaction(1)
		return err
	}
	if p != nil {
		return p
	}
	return nil
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
