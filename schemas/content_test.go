package schemas_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// What RFC 8785 makes equal is the same content.
func TestContentIsEqual(t *testing.T) {
	t.Parallel()
	want := content(t, decode(t, `{"method": "Create", "objects": [{"type": "Row", "customerKey": "é", "properties": {"a": 100, "b": ["x/y", {"c": null, "d": "€"}]}}], "options": {"conversationId": "c"}}`))
	tests := map[string]string{
		"order of members":    `{"options": {"conversationId": "c"}, "objects": [{"properties": {"b": ["x/y", {"d": "€", "c": null}], "a": 100}, "customerKey": "é", "type": "Row"}], "method": "Create"}`,
		"no spaces":           `{"method":"Create","objects":[{"type":"Row","customerKey":"é","properties":{"a":100,"b":["x/y",{"c":null,"d":"€"}]}}],"options":{"conversationId":"c"}}`,
		"escapes":             `{"method": "Create", "objects": [{"type": "R\u006fw", "customerKey": "\u00e9", "properties": {"\u0061": 100, "b": ["x\/y", {"c": null, "d": "\u20AC"}]}}], "options": {"conversationId": "\u0063"}}`,
		"spelling of numbers": `{"method": "Create", "objects": [{"type": "Row", "customerKey": "é", "properties": {"a": 1.00e+2, "b": ["x/y", {"c": null, "d": "€"}]}}], "options": {"conversationId": "c"}}`,
		"absent as null":      `{"method": "Create", "action": "", "objects": [{"type": "Row", "id": null, "customerKey": "é", "properties": {"a": 100, "b": ["x/y", {"c": null, "d": "€"}]}}], "options": {"conversationId": "c", "sequenceCode": null}}`,
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := content(t, decode(t, text)); got != want {
				t.Errorf("content %x, want %x", got, want)
			}
		})
	}
	t.Run("identity", func(t *testing.T) {
		t.Parallel()
		call := decode(t, tests["no spaces"])
		call.Account, call.RequestId, call.Digest, call.Soap = "acme", "018f4c1e-7c1a-7b5e-9d55-0242ac120002", []byte("digest"), true
		if got := content(t, call); got != want {
			t.Errorf("content %x, want %x: who sent it, how, and in which bytes, is not what it asks for", got, want)
		}
	})
}

// Whatever may be meant differently is another content.
func TestContentDiffers(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*parleyv1.Call){
		"nothing":             func(*parleyv1.Call) {},
		"method":              func(c *parleyv1.Call) { c.Method = "Update" },
		"action":              func(c *parleyv1.Call) { c.Action = "start" },
		"type":                func(c *parleyv1.Call) { c.Objects[0].Type = "row" },
		"customer key":        func(c *parleyv1.Call) { c.Objects[0].CustomerKey = "k" },
		"subscriber key":      func(c *parleyv1.Call) { c.Objects[0].SubscriberKey = "k" },
		"partner key":         func(c *parleyv1.Call) { c.Objects[0].PartnerKey = "k" },
		"id":                  func(c *parleyv1.Call) { c.Objects[0].Id = "k" },
		"object id":           func(c *parleyv1.Call) { c.Objects[0].ObjectId = "k" },
		"correlation id":      func(c *parleyv1.Call) { c.Objects[0].CorrelationId = "k" },
		"no properties":       func(c *parleyv1.Call) { c.Objects[0].Properties = nil },
		"empty properties":    func(c *parleyv1.Call) { c.Objects[0].Properties = []byte(`{}`) },
		"number as string":    func(c *parleyv1.Call) { c.Objects[0].Properties = []byte(`{"a":"1"}`) },
		"order in an array":   func(c *parleyv1.Call) { c.Objects[0].Properties = []byte(`{"a":[1,2]}`) },
		"another order in it": func(c *parleyv1.Call) { c.Objects[0].Properties = []byte(`{"a":[2,1]}`) },
		"one object more":     func(c *parleyv1.Call) { c.Objects = append(c.Objects, &parleyv1.Object{}) },
		"objects swapped":     func(c *parleyv1.Call) { c.Objects[0], c.Objects[1] = c.Objects[1], c.Objects[0] },
		"conversation":        func(c *parleyv1.Call) { c.Options.ConversationId = new("order-1235") },
		"sequence code":       func(c *parleyv1.Call) { c.Options.SequenceCode = new(int32(1)) },
		"scheduled at zero":   func(c *parleyv1.Call) { c.Options.ScheduledTimeMs = new(int64(0)) },
		"priority":            func(c *parleyv1.Call) { c.Options.Priority = "High" },
		"its properties":      func(c *parleyv1.Call) { c.Options.Properties = []byte(`{"Client":1}`) },
		"no options":          func(c *parleyv1.Call) { c.Options = nil },
	}
	seen := make(map[uint64]string)
	for name, change := range tests {
		call := valid()
		call.Objects = append(call.Objects, &parleyv1.Object{Type: "Other"})
		change(call)
		c := content(t, call)
		if other, ok := seen[c]; ok {
			t.Errorf("%q and %q have the same content", name, other)
		}
		seen[c] = name
	}
}

// The content stands in the state of conversations: it may not change.
func TestContentGolden(t *testing.T) {
	t.Parallel()
	if got, want := content(t, valid()), uint64(0x1b7f283b9ad3e956); got != want {
		t.Errorf("content %#x, want %#x", got, want)
	}
}

func TestContentLeavesTheCallAlone(t *testing.T) {
	t.Parallel()
	call := decode(t, everyMember)
	want := proto.CloneOf(call)
	content(t, call)
	if !proto.Equal(call, want) {
		t.Errorf("changed to %v", call)
	}
}

func TestContentRefusesBadProperties(t *testing.T) {
	t.Parallel()
	call := valid()
	call.Objects[0].Properties = []byte(`{`)
	if c, err := schemas.Content(call); err == nil {
		t.Errorf("content %x of properties that are not JSON", c)
	}
}

func content(t *testing.T, call *parleyv1.Call) uint64 {
	t.Helper()
	c, err := schemas.Content(call)
	if err != nil {
		t.Fatal(err)
	}
	if c == 0 {
		t.Fatal("content is zero")
	}
	return c
}
