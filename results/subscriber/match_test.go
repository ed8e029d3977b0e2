package subscriber

import (
	"testing"
	"time"

	"parley/internal/control"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

func TestWants(t *testing.T) {
	t.Parallel()
	call := func(types ...string) *parleyv1.ResultEvent {
		e := &parleyv1.CallEvent{}
		for _, o := range types {
			e.Results = append(e.Results, &parleyv1.ObjectResult{ObjectType: o})
		}
		return &parleyv1.ResultEvent{Event: &parleyv1.ResultEvent_Call{Call: e}}
	}
	conversation := &parleyv1.ResultEvent{Event: &parleyv1.ResultEvent_Conversation{Conversation: &parleyv1.ConversationEvent{}}}
	completed, failed, ended := schemas.EventCallCompleted, schemas.EventCallFailed, schemas.EventConversationCompleted
	tests := []struct {
		name    string
		types   []string
		objects []string
		begins  []int64
		event   event
		want    bool
	}{
		{"its type", []string{completed}, nil, nil, event{account: "acme", kind: completed, body: call("Order")}, true},
		{"another type", []string{completed}, nil, nil, event{account: "acme", kind: failed, body: call("Order")}, false},
		{"one of two types", []string{completed, failed}, nil, nil, event{account: "acme", kind: failed, body: call("Order")}, true},
		{"another account", []string{completed}, nil, nil, event{account: "globex", kind: completed, body: call("Order")}, false},
		{"its object", []string{completed}, []string{"Order"}, nil, event{account: "acme", kind: completed, body: call("Order")}, true},
		{"one of its objects", []string{completed}, []string{"Order"}, nil, event{account: "acme", kind: completed, body: call("Row", "Order")}, true},
		{"another object", []string{completed}, []string{"Order"}, nil, event{account: "acme", kind: completed, body: call("Row")}, false},
		{"a conversation has no objects", []string{ended}, []string{"Order"}, nil, event{account: "acme", kind: ended, body: conversation}, true},
		{"a resubmission is no end", schemas.TransactionTypes(), nil, nil, event{account: "acme", kind: schemas.EventConversationContinued, body: conversation}, false},
		{"from before the subscriber", []string{completed}, nil, []int64{0, 5}, event{partition: 1, offset: 4, account: "acme", kind: completed, body: call("Order")}, false},
		{"the first behind it", []string{completed}, nil, []int64{0, 5}, event{partition: 1, offset: 5, account: "acme", kind: completed, body: call("Order")}, true},
		{"of a partition that was not there", []string{completed}, nil, []int64{0, 5}, event{partition: 2, offset: 0, account: "acme", kind: completed, body: call("Order")}, true},
	}
	for _, tt := range tests {
		s := &control.Subscriber{Account: "acme", Subscriber: schemas.Subscriber{TransactionTypes: tt.types, ObjectTypes: tt.objects}, Begins: tt.begins}
		if got := wants(s, tt.event); got != tt.want {
			t.Errorf("%s: %t, want %t", tt.name, got, tt.want)
		}
		if tt.want && !audienceOf([]*control.Subscriber{s}).mayWant(tt.event.account, tt.event.kind) {
			t.Errorf("%s: it is not even read", tt.name)
		}
		s.Deleted = time.Unix(1, 0)
		if wants(s, tt.event) || len(audienceOf([]*control.Subscriber{s})) != 0 {
			t.Errorf("%s: wanted by a subscriber that is deleted", tt.name)
		}
	}
}

func TestAcknowledge(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name             string
		acknowledged, to int64
		id, want         int64
	}{
		{"nothing", 3, 10, 0, 3},
		{"all that was handed out", 3, 10, 10, 10},
		{"some of it", 3, 10, 7, 7},
		{"what was acknowledged before", 3, 10, 3, 3},
		{"less than before", 3, 10, 1, 3},
		{"what was never handed out stands for the last that was", 3, 10, 11, 10},
		{"far beyond", 3, 10, 1 << 60, 10},
		{"when nothing was handed out", 0, 0, 5, 0},
	}
	for _, tt := range tests {
		got := acknowledge(control.Queue{Acknowledged: tt.acknowledged, HandedOut: tt.to}, tt.id)
		if got.Acknowledged != tt.want || got.HandedOut != tt.to {
			t.Errorf("%s: %+v, want %d acknowledged", tt.name, got, tt.want)
		}
	}
}
