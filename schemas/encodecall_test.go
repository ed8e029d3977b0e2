package schemas_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// FuzzEncodeCall holds of any call that can be written in JSON: it is read again as it was, but for the spelling of its properties.
func FuzzEncodeCall(f *testing.F) {
	f.Add([]byte(`{"method":"Create","objects":[{"type":"Row","properties": {"a" : [1, 2.50, "\u0041/\/"]}}]}`))
	f.Add([]byte(`{"account":"acme","requestId":"x","method":"Perform","action":"start","objects":[{"type":"é","customerKey":"1","subscriberKey":"2","partnerKey":"3","id":"4","objectId":"5","correlationId":"6"},{}],
		"options":{"requestType":"Asynchronous","conversationId":"","sequenceCode":0,"callsInConversation":-1,"priority":"High","failOn":"Never","scheduledTime":"2026-12-01T08:00:00.123Z","startBy":"1969-01-01T00:00:00+01:00",
		"sendResponseTo":[{"responseType":"email","responseAddress":"a","respondWhen":"Always","includeResults":true,"includeObjects":true,"onlyIncludeBase":true}], "properties": {"b": 1.0, "a": [ ]}}}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		call, problem := schemas.DecodeCall(b)
		if problem != nil {
			return
		}
		encoded, err := schemas.EncodeCall(call)
		if err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		again, problem := schemas.DecodeCall(encoded)
		if problem != nil {
			t.Fatalf("%s: %v", encoded, problem)
		}
		before, err := schemas.Content(call)
		if err != nil {
			return // what cannot be told from others is no valid call
		}
		if after, err := schemas.Content(again); err != nil || before != after {
			t.Errorf("%v\nasks for something else than\n%v", again, call)
		}
		if call.Options != nil {
			call.Options.Properties, again.Options.Properties = nil, nil
		}
		for i := range call.Objects {
			call.Objects[i].Properties, again.Objects[i].Properties = nil, nil
		}
		if !proto.Equal(call, again) {
			t.Errorf("%v\nis read again as\n%v", call, again)
		}
	})
}

func TestEncodeCallRefuses(t *testing.T) {
	t.Parallel()
	far := int64(1) << 60
	for name, call := range map[string]*parleyv1.Call{
		"not UTF-8":                   {Method: "\xff"},
		"properties that are no JSON": {Objects: []*parleyv1.Object{{Properties: []byte("{")}}},
		"a time beyond all calendars": {Options: &parleyv1.Options{StartByMs: &far}},
	} {
		if b, err := schemas.EncodeCall(call); err == nil {
			t.Errorf("%s: %s", name, b)
		}
	}
}
