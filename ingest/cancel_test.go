package ingest

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/topics"
	"parley/schemas"
)

// owner is a live state that holds conversations by id, and applies what it hears of the commands to them.
type owner struct {
	conversations map[string]schemas.ConversationResource
	// err, if it is set, is the answer about an id.
	err map[string]error
	// silent is the answer to a question about a command; nil: it is answered.
	silent error
	// apply changes what the owner holds when it is asked about a command.
	apply func(o *owner, id string)
	// places are those of the commands that it was asked about.
	places []schemas.Position
}

// owns makes the server's live state an owner.
func (h *harness) owns(o *owner) {
	h.live.tell(func(f *fakeSource) {
		f.answers.conversation = func(q schemas.ConversationQuery) (schemas.ConversationResource, error) {
			if q.Accepted != nil {
				if o.silent != nil {
					return schemas.ConversationResource{}, o.silent
				}
				o.places = append(o.places, *q.Accepted)
				o.apply(o, q.ID)
			}
			if err := o.err[q.ID]; err != nil {
				return schemas.ConversationResource{}, err
			}
			r, ok := o.conversations[q.ID]
			if !ok {
				return r, fmt.Errorf("look up: %w", schemas.ErrUnknown)
			}
			return r, nil
		}
	})
}

// standing is a conversation of three calls with a status.
func standing(id string, status schemas.ConversationStatus) schemas.ConversationResource {
	call := schemas.CallResource{RequestID: someID, Account: "acme", ConversationID: id, SequenceCode: 1, CallsInConversation: 3, Status: schemas.Waiting}
	return schemas.ConversationResource{ConversationID: id, Account: "acme", Status: status, CallsInConversation: 3, Received: 3, Total: 3, Calls: []schemas.CallResource{call}}
}

// alone is a call without a ConversationID.
func alone(id string, status schemas.ConversationStatus) schemas.ConversationResource {
	r := standing(id, status)
	r.Calls[0].RequestID, r.Calls[0].ConversationID = id, ""
	return r
}

// becomes has a conversation change its status when the command about it is applied.
func becomes(status schemas.ConversationStatus) func(*owner, string) {
	return func(o *owner, id string) {
		r := o.conversations[id]
		r.Status = status
		o.conversations[id] = r
	}
}

// held is an owner of one conversation.
func held(r schemas.ConversationResource, apply func(*owner, string)) *owner {
	return &owner{conversations: map[string]schemas.ConversationResource{r.ConversationID: r}, apply: apply}
}

func (h *harness) cancel(t testing.TB, id string) reply {
	t.Helper()
	return h.do(t, http.MethodDelete, conversationsPath+url.PathEscape(id), nil, "Parley-Account", "acme")
}

func TestCancel(t *testing.T) {
	t.Parallel()
	inLog := schemas.LogRequestID("acme", 5, 77).String()
	for _, tt := range []struct {
		name      string
		r         schemas.ConversationResource
		key       string
		partition int32
		value     string
	}{
		{"a conversation", standing("order/1", schemas.ConversationStaging), "acme/order/1", topics.Partition("acme/order/1", partitions), `{"account":"acme","conversationId":"order/1"}`},
		{"a call alone", alone(someID, schemas.ConversationScheduled), "acme/" + someID, topics.Partition("acme/"+someID, partitions), `{"account":"acme","requestId":"` + someID + `"}`},
		{"a call alone whose id says its partition", alone(inLog, schemas.ConversationProcessing), "acme/" + inLog, 5, `{"account":"acme","requestId":"` + inLog + `"}`},
		{"a conversation whose id looks like a request's", standing(inLog, schemas.ConversationProcessing), "acme/" + inLog, topics.Partition("acme/"+inLog, partitions), `{"account":"acme","conversationId":"` + inLog + `"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := start(t)
			o := held(tt.r, becomes(schemas.ConversationCancelled))
			h.owns(o)
			r := h.cancel(t, tt.r.ConversationID)
			if r.status != http.StatusAccepted || !strings.Contains(string(r.body), `"status":"Cancelled"`) {
				t.Fatalf("%d %s", r.status, r.body)
			}
			record := h.log(t, 1)[0]
			if string(record.Key) != tt.key || record.Partition != tt.partition || string(record.Value) != tt.value {
				t.Errorf("record %s on partition %d: %s, want %s on %d: %s", record.Key, record.Partition, record.Value, tt.key, tt.partition, tt.value)
			}
			if got := headers(record); got != "type=cancel content-type=application/json" {
				t.Errorf("headers %s", got)
			}
			if want := (schemas.Position{Partition: record.Partition, Offset: record.Offset}); len(o.places) != 1 || o.places[0] != want {
				t.Errorf("the owner was asked about %v, want %v", o.places, want)
			}
		})
	}
}

func headers(r *kgo.Record) string {
	var all []string
	for _, h := range r.Headers {
		all = append(all, h.Key+"="+string(h.Value))
	}
	return strings.Join(all, " ")
}

func TestCancelRefused(t *testing.T) {
	t.Parallel()
	unavailable := fmt.Errorf("no owner: %w", schemas.ErrUnavailable)
	gone := &schemas.RecordedError{Part: schemas.Part{ConversationID: "c"}}
	tests := []struct {
		name    string
		owner   *owner
		record  schemas.ConversationStatus // of the record; empty: it knows nothing
		code    schemas.Code               // empty: accepted
		written int64
	}{
		{"it has begun", held(standing("c", schemas.ConversationProcessing), becomes(schemas.ConversationProcessing)), "", schemas.AlreadyStarted, 1},
		{"it ended meanwhile", held(standing("c", schemas.ConversationProcessing), becomes(schemas.ConversationComplete)), "", schemas.AlreadyStarted, 1},
		{"it has ended", held(standing("c", schemas.ConversationError), nil), "", schemas.AlreadyStarted, 0},
		{"it was cancelled", held(standing("c", schemas.ConversationCancelled), nil), "", "", 0},
		{"it was cancelled long ago", &owner{err: map[string]error{"c": gone}}, schemas.ConversationCancelled, "", 0},
		{"it ended long ago", &owner{err: map[string]error{"c": gone}}, schemas.ConversationComplete, schemas.AlreadyStarted, 0},
		{"it ended long ago, and the record is behind", &owner{err: map[string]error{"c": gone}}, "", schemas.OwnerUnavailable, 0},
		{"it is unknown", &owner{}, "", schemas.NotFound, 0},
		{"nobody owns it", &owner{err: map[string]error{"c": unavailable}}, "", schemas.OwnerUnavailable, 0},
		{"nobody owns it, and the record has an end", &owner{err: map[string]error{"c": unavailable}}, schemas.ConversationComplete, schemas.OwnerUnavailable, 0},
		{"the owner has gone", &owner{conversations: held(standing("c", schemas.ConversationStaging), nil).conversations, silent: unavailable}, "", schemas.OwnerUnavailable, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := start(t)
			h.owns(tt.owner)
			if tt.record != "" {
				h.record.tell(func(f *fakeSource) { f.err, f.conversation = nil, standing("c", tt.record) })
			}
			r := h.cancel(t, "c")
			if tt.code == "" {
				if r.status != http.StatusAccepted {
					t.Errorf("%d %s", r.status, r.body)
				}
			} else if d := r.problem(t); d.Code != tt.code {
				t.Errorf("%s, want %s: %s", d.Code, tt.code, d.Detail)
			}
			if tt.code == schemas.OwnerUnavailable && r.header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			if got := h.logEnd(t); got != tt.written {
				t.Errorf("%d records were written, want %d", got, tt.written)
			}
		})
	}
}

func TestCancelWithoutQueue(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.owns(held(standing("c", schemas.ConversationStaging), nil))
	h.broker.Close()
	if d := h.cancel(t, "c").problem(t); d.Code != schemas.QueueUnavailable || !strings.Contains(d.Detail, "safe") {
		t.Errorf("%+v", d)
	}
}
