package executor_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/route"
	"parley/processor/executor"
	parleyv1 "parley/schemas/parley/v1"
)

// show is a record as text.
func show(r *kgo.Record) string {
	var b strings.Builder
	fmt.Fprintf(&b, "topic %s\nkey %s\n", r.Topic, r.Key)
	for _, h := range r.Headers {
		fmt.Fprintf(&b, "%s: %s\n", h.Key, h.Value)
	}
	return b.String() + string(r.Value)
}

func TestKafkaRequest(t *testing.T) {
	t.Parallel()
	call := func() *parleyv1.Call {
		return &parleyv1.Call{
			Account: "acme", RequestId: "018f4c1e-7c1a-7b5e-9d55-0242ac120002", Method: "Create",
			Objects: []*parleyv1.Object{{Type: "Posting", Properties: []byte(`{ "a": 1.0 }`)}},
		}
	}
	part := call()
	part.Options = &parleyv1.Options{ConversationId: new("order/é"), SequenceCode: new(int32(2)), CallsInConversation: new(int32(3))}
	tests := []struct {
		name string
		to   route.Executor
		call *parleyv1.Call
		want string
	}{
		{"call on its own, no reply", route.Executor{Type: route.Kafka, Topic: "postings"}, call(), `topic postings
key acme/018f4c1e-7c1a-7b5e-9d55-0242ac120002
content-type: application/json
idempotency-key: 018f4c1e-7c1a-7b5e-9d55-0242ac120002
parley-fence: 7
{"account":"acme","requestId":"018f4c1e-7c1a-7b5e-9d55-0242ac120002","conversationId":"","sequenceCode":1,"callsInConversation":1,"attempt":2,"method":"Create","action":"","objects":[{"type":"Posting","properties":{ "a": 1.0 }}]}`},
		{"part of a conversation, with a reply", route.Executor{Type: route.Kafka, Topic: "postings", ReplyTopic: "postings-done"}, part, `topic postings
key acme/order/é
content-type: application/json
idempotency-key: 018f4c1e-7c1a-7b5e-9d55-0242ac120002
parley-fence: 7
parley-deferred-token: t-_
reply-topic: postings-done
{"account":"acme","requestId":"018f4c1e-7c1a-7b5e-9d55-0242ac120002","conversationId":"order/é","sequenceCode":2,"callsInConversation":3,"attempt":2,"method":"Create","action":"","objects":[{"type":"Posting","properties":{ "a": 1.0 }}]}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			record, err := executor.KafkaRequest(t.Context(), &route.Route{Executor: tt.to, Delivery: route.ExactlyOnce}, executor.Request{Call: tt.call, Attempt: 2, Fence: 7, Token: "t-_"})
			if err != nil {
				t.Fatal(err)
			}
			if got := show(record); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestKafkaRequestRefusesWhatIsNoCall(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]*parleyv1.Call{
		"no request id": {Account: "acme"},
		"not UTF-8":     {Account: "acme", RequestId: "018f4c1e-7c1a-7b5e-9d55-0242ac120002", Objects: []*parleyv1.Object{{Type: "\xff"}}},
	} {
		if record, err := executor.KafkaRequest(t.Context(), new(route.Route), executor.Request{Call: call}); err == nil {
			t.Errorf("%s: %s", name, show(record))
		}
	}
}
