package processor_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/topics"
	"parley/processor"
	"parley/processor/conversation"
	"parley/processor/executor"
	"parley/schemas"
)

// command appends a command to the partition of a key, and returns its place.
func (c *cluster) command(kind, key, value string) schemas.Position {
	c.t.Helper()
	r := &kgo.Record{
		Topic: c.topics.Calls, Partition: topics.Partition(key, partitions), Key: []byte(key), Value: []byte(value),
		Headers: []kgo.RecordHeader{{Key: schemas.HeaderType, Value: []byte(kind)}},
	}
	if err := c.client.ProduceSync(c.t.Context(), r).FirstErr(); err != nil {
		c.t.Fatal(err)
	}
	return schemas.Position{Partition: r.Partition, Offset: r.Offset}
}

// optioned is a call with more options.
func optioned(call, options string) string {
	return strings.Replace(call, `"options":{`, `"options":{`+options+`,`, 1)
}

// told asks for a conversation as soon as a command about it has been applied.
func told(t *testing.T, p *processor.Processor, id string, at schemas.Position) schemas.ConversationResource {
	t.Helper()
	var r schemas.ConversationResource
	var err error
	within(patience, func() bool { // who cannot tell in time is asked again
		r, err = p.Conversation(t.Context(), schemas.ConversationQuery{Account: "acme", ID: id, Accepted: &at})
		return !errors.Is(err, schemas.ErrUnavailable)
	})
	if err != nil {
		t.Fatalf("conversation %s: %v", id, err)
	}
	return r
}

// short is a conversation in a line: its status, and its calls'.
func short(r schemas.ConversationResource) string {
	s := string(r.Status)
	for _, c := range r.Calls {
		s += fmt.Sprintf(" %d:%s,%d,%d", c.SequenceCode, c.Status, c.Attempts, c.Processed)
	}
	return s
}

// becomes waits until a conversation looks so in short.
func becomes(t *testing.T, p *processor.Processor, id, want string) {
	t.Helper()
	var got string
	if !within(20*time.Second, func() bool {
		r, err := p.Conversation(t.Context(), schemas.ConversationQuery{Account: "acme", ID: id})
		if got = short(r); err != nil {
			got = err.Error()
		}
		return got == want
	}) {
		t.Errorf("conversation %s is %s, want %s", id, got, want)
	}
}

// answers is an executor that defers "later", asks to be left alone by "busy", fails "bad", and does all else. It
// remembers the tokens.
func answers(tokens *sync.Map) *recorder {
	return &recorder{answer: func(req executor.Request) conversation.Outcome {
		name := req.Call.Objects[0].CorrelationId
		tokens.Store(name, req.Token)
		switch {
		case strings.HasPrefix(name, "later"):
			return conversation.Outcome{Kind: conversation.Deferred}
		case strings.HasPrefix(name, "busy"):
			return conversation.Outcome{Kind: conversation.Transient, Code: "Busy", Message: "later", RetryAfter: time.Hour}
		case strings.HasPrefix(name, "bad"):
			return conversation.Outcome{Kind: conversation.Failed, Code: "Bad", Message: "no"}
		}
		return conversation.Outcome{Results: make([]conversation.ObjectOutcome, len(req.Call.Objects))}
	}}
}

// named is a part whose object has another name than the part.
func named(name, call string) string {
	i := strings.Index(call, `"correlationId":"`) + len(`"correlationId":"`)
	return call[:i] + name + call[i+strings.IndexByte(call[i:], '"'):]
}

func TestStatusOfThePartInTurn(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	var tokens sync.Map
	p, _ := c.started(answers(&tokens), t.TempDir())
	tomorrow := fmt.Sprintf(`"scheduledTime":%q`, time.Now().Add(24*time.Hour).Format(time.RFC3339))

	c.send("acme/s", optioned(part("s", 1, 2), tomorrow))
	c.send("acme/s", part("s", 2, 2))
	becomes(t, p, "s", "Scheduled 1:Scheduled,0,0 2:Waiting,0,0")
	c.send("acme/l", optioned(part("l", 2, 2), tomorrow))
	c.send("acme/l", part("l", 1, 2))
	becomes(t, p, "l", "Processing 1:OK,1,1 2:Scheduled,0,0")
	c.send("acme/b", named("busy", part("b", 1, 1)))
	becomes(t, p, "b", "Processing 1:Waiting,1,0")
	c.send("acme/d", named("later", part("d", 1, 2)))
	c.send("acme/d", part("d", 2, 2))
	becomes(t, p, "d", "Processing 1:Deferred,1,0 2:Waiting,0,0")
	token, _ := tokens.Load("later")
	at := c.command(schemas.RecordAnswer, "acme/d", fmt.Sprintf(`{"token":%q,"processed":7}`, token))
	if got, want := short(told(t, p, "d", at)), "Processing 1:Deferred,1,1 2:Waiting,0,0"; got != want {
		t.Errorf("with progress beyond its objects: %s, want %s", got, want)
	}
}

// Who wrote a command to the log is answered from the state in which it has been applied.
func TestCommandIsAppliedBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	var tokens sync.Map
	p, _ := c.started(answers(&tokens), t.TempDir())
	c.send("acme/c", part("c", 1, 2))
	at := c.command(schemas.RecordCancel, "acme/c", `{"account":"acme","conversationId":"c"}`)
	if got, want := short(told(t, p, "c", at)), "Cancelled 1:Cancelled,0,0"; got != want {
		t.Errorf("cancelled: %s, want %s", got, want)
	}
	c.send("acme/f", named("bad", part("f", 1, 2)))
	c.send("acme/f", part("f", 2, 2))
	if r := await(t, p, "f"); r.Kept == nil || r.Kept.From != 2 || r.Kept.Failed != 1 || r.ContinuedBy != nil {
		t.Errorf("failed: %+v, want parts 1 and 2 kept", r)
	}
	at = c.command(schemas.RecordResubmit, "acme/f", `{"account":"acme","conversationId":"f","as":"f2"}`)
	if r := told(t, p, "f", at); r.ContinuedBy == nil || *r.ContinuedBy != "f2" || r.Kept != nil {
		t.Errorf("resubmitted: %+v, want it continued by f2", r)
	}
	r, err := p.Conversation(t.Context(), schemas.ConversationQuery{Account: "acme", ID: "f2"})
	if err != nil || r.Continues == nil || *r.Continues != "f" || r.CallsInConversation != 1 {
		t.Errorf("the new one: %+v, %v, want it to continue f", r, err)
	}
}

func TestCommandAheadOfTheOwner(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	p, _ := c.started(new(recorder), t.TempDir())
	at := schemas.Position{Partition: topics.Partition("acme/warm", partitions), Offset: 1_000_000}
	if _, err := p.Conversation(t.Context(), schemas.ConversationQuery{Account: "acme", ID: "warm", Accepted: &at}); !errors.Is(err, schemas.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
}

// sunk says that the record has every event there is.
func (c *cluster) sunk() {
	c.t.Helper()
	admin := kadm.NewClient(c.client)
	ends, err := admin.ListEndOffsets(c.t.Context(), c.topics.Results)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := admin.CommitAllOffsets(c.t.Context(), c.groups.sink, ends.Offsets()); err != nil {
		c.t.Fatal(err)
	}
}

// What only the record has is named, so that it can be asked there.
func TestWhatOnlyTheRecordHasIsNamed(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	var tokens sync.Map
	p, stop := c.started(answers(&tokens), t.TempDir())
	first := part("c", 1, 1)
	early, late := first+" ", first+"  "
	c.send("acme/c", first)
	await(t, p, "c")
	c.send("acme/c", early)
	c.send("acme/open", part("open", 1, 3))
	c.send("acme/open", named("later", part("open", 2, 3)))
	c.send("acme/open", part("open", 3, 3))
	becomes(t, p, "open", "Processing 1:OK,1,1 2:Deferred,1,0 3:Waiting,0,0")
	c.send("acme/f", part("f", 1, 3))
	c.send("acme/f", named("bad", part("f", 2, 3)))
	c.send("acme/f", part("f", 3, 3))
	await(t, p, "f")
	stop()
	c.sunk()
	p, _ = c.start(answers(&tokens), t.TempDir()) // with another store
	c.send("acme/new", part("new", 1, 1))
	await(t, p, "new")
	c.send("acme/c", late)

	recorded := func(id uuid.UUID) schemas.RecordedError {
		t.Helper()
		r, err := p.Request(t.Context(), schemas.RequestQuery{Account: "acme", ID: id})
		e, ok := errors.AsType[*schemas.RecordedError](err)
		if !ok || !errors.Is(err, schemas.ErrUnavailable) {
			t.Fatalf("request: %+v, %v, want a RecordedError", r, err)
		}
		return *e
	}
	place := schemas.Part{ConversationID: "c", SequenceCode: 1}
	if got, want := recorded(idOf(early)), (schemas.RecordedError{As: idOf(first), Part: place}); got != want {
		t.Errorf("the resend of then is %+v, want %+v", got, want)
	}
	if got, want := recorded(idOf(late)), (schemas.RecordedError{Part: place}); got != want {
		t.Errorf("the resend of now is %+v, want %+v", got, want)
	}
	r, err := p.Conversation(t.Context(), schemas.ConversationQuery{Account: "acme", ID: "open"})
	if got, want := short(r), "Processing 2:Deferred,1,0 3:Waiting,0,0"; err != nil || got != want || !slices.Equal(r.InRecord, []int32{1}) {
		t.Errorf("the open one is %s without %v, %v; want %s without 1", got, r.InRecord, err, want)
	}
	r, err = p.Conversation(t.Context(), schemas.ConversationQuery{Account: "acme", ID: "f"})
	if err != nil || r.Status != schemas.ConversationError || r.ErrorCode != schemas.CallFailed || r.Kept == nil || len(r.Calls) > 0 || !slices.Equal(r.InRecord, []int32{1, 2, 3}) {
		t.Errorf("the failed one is %+v, %v; want it without its calls", r, err)
	}
	if _, err := p.Conversation(t.Context(), schemas.ConversationQuery{Account: "acme", ID: "c"}); !errors.As(err, new(*schemas.RecordedError)) {
		t.Errorf("the complete one is %v, want a RecordedError", err)
	}
}
