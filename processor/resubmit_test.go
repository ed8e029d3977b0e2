package processor_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	"parley/processor"
	"parley/processor/conversation"
	"parley/processor/executor"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// resubmit asks for a conversation to be run again as another.
func (c *cluster) resubmit(id, as string, includeFailed bool) schemas.Position {
	c.t.Helper()
	return c.command(schemas.RecordResubmit, "acme/"+id, fmt.Sprintf(`{"account":"acme","conversationId":%q,"as":%q,"includeFailed":%t}`, id, as, includeFailed))
}

// chain is what a conversation continues, and what continues it.
func chain(r schemas.ConversationResource) string {
	text := func(s *string) string {
		if s == nil {
			return "none"
		}
		return *s
	}
	return text(r.Continues) + " > " + r.ConversationID + " > " + text(r.ContinuedBy)
}

func TestUnfinishedPartsRunAgain(t *testing.T) {
	t.Parallel()
	for _, includeFailed := range []bool{false, true} {
		t.Run(fmt.Sprintf("includeFailed=%t", includeFailed), func(t *testing.T) {
			t.Parallel()
			c := newCluster(t)
			dir := t.TempDir()
			p, stop := c.start(&backend{answer: refusing("c-2")}, dir)
			for _, seq := range []int{4, 2, 1, 3} {
				c.send("acme/c", part("c", seq, 4))
			}
			await(t, p, "c")
			stop()

			x := new(backend) // by now it takes part 2
			p, _ = c.start(x, t.TempDir())
			c.resubmit("c", "again", includeFailed)
			want := []string{"c-2", "c-3", "c-4"}
			if !includeFailed {
				want = want[1:]
			}
			again := await(t, p, "again")
			if again.Status != schemas.ConversationComplete || int(again.CallsInConversation) != len(want) || chain(again) != "c > again > none" {
				t.Errorf("the new one: %+v, %s; want Complete with %d calls", again, chain(again), len(want))
			}
			for i, call := range again.Calls {
				if call.SequenceCode != int32(i+1) || call.ConversationID != "again" {
					t.Errorf("call %d of the new one: %+v", i, call)
				}
			}
			if got := x.executed(); !slices.Equal(got, want) {
				t.Errorf("executed %v, want %v", got, want)
			}
			old := await(t, p, "c")
			if old.Status != schemas.ConversationError || chain(old) != "none > c > again" || old.Kept != nil {
				t.Errorf("the old one: %+v, %s; want it Error, continued and with nothing kept", old, chain(old))
			}
			for _, call := range again.Calls {
				if slices.ContainsFunc(old.Calls, func(o schemas.CallResource) bool { return o.RequestID == call.RequestID }) {
					t.Errorf("the new call %+v has the request id of an old one", call)
				}
			}
			c.seeContinued("c", "again")
		})
	}
}

// seeContinued fails the test unless one event says that a conversation is continued, and one that the other continues it.
func (c *cluster) seeContinued(old, by string) {
	c.t.Helper()
	var got []string
	for _, r := range c.read(c.topics.Results) {
		var e parleyv1.ResultEvent
		if err := proto.Unmarshal(r.Value, &e); err != nil {
			c.t.Fatal(err)
		}
		if v := e.GetConversation(); v.GetContinues() != "" || v.GetContinuedBy() != "" {
			got = append(got, fmt.Sprintf("%s: %s%s > %s > %s", header(r, schemas.HeaderType), v.Continues, v.ConversationId, v.RequestId, v.ContinuedBy))
		}
	}
	slices.Sort(got)
	want := []string{
		"conversation.completed: " + old + by + " >  > ",
		"conversation.continued: " + old + " >  > " + by,
	}
	if !slices.Equal(got, want) {
		c.t.Errorf("events %q, want %q", got, want)
	}
}

func TestResubmissionIsMadeOnce(t *testing.T) {
	t.Parallel()
	for _, wiped := range []bool{false, true} {
		t.Run(fmt.Sprintf("wiped=%t", wiped), func(t *testing.T) {
			t.Parallel()
			c := newCluster(t)
			x := &backend{answer: refusing("c-1")}
			p, stop := c.start(x, t.TempDir())
			c.send("acme/c", part("c", 1, 2))
			c.send("acme/c", part("c", 2, 2))
			await(t, p, "c")
			c.resubmit("c", "again", false)
			await(t, p, "again")
			if wiped {
				stop()
				p, _ = c.start(x, t.TempDir())
				await(t, p, "c")
			}
			c.resubmit("c", "again", false)
			c.resubmit("c", "again", true)
			if r := told(t, p, "c", c.resubmit("c", "other", true)); chain(r) != "none > c > again" {
				t.Errorf("asked again: %s, want it continued as it was", chain(r))
			}
			if r, err := p.Conversation(t.Context(), schemas.ConversationQuery{Account: "acme", ID: "other"}); err == nil {
				t.Errorf("a second conversation: %+v, want none", r)
			}
			if got, want := x.executed(), []string{"c-1", "c-2"}; !slices.Equal(got, want) {
				t.Errorf("executed %v, want %v", got, want)
			}
			if got := len(c.read(c.topics.Results)); got != 3+1+2 {
				t.Errorf("%d events, want three of the failure, one that it is continued, two of the new conversation", got)
			}
		})
	}
}

func TestPayloadsAreKeptForAWhile(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	p, _ := c.start(&backend{answer: refusing("c-1")}, t.TempDir(), func(cfg *processor.Config) { cfg.KeepFailed = 300 * time.Millisecond })
	c.send("acme/c", part("c", 1, 2))
	c.send("acme/c", part("c", 2, 2))
	if r := await(t, p, "c"); r.Status != schemas.ConversationError {
		t.Errorf("conversation: %+v, want Error", r)
	}
	if !within(20*time.Second, func() bool { return await(t, p, "c").Kept == nil }) {
		t.Fatal("the payloads are kept for ever")
	}
	if r := told(t, p, "c", c.resubmit("c", "again", true)); chain(r) != "none > c > none" {
		t.Errorf("asked too late: %s, want that nothing continues it", chain(r))
	}
	if r, err := p.Conversation(t.Context(), schemas.ConversationQuery{Account: "acme", ID: "again"}); err == nil {
		t.Errorf("a new conversation: %+v, want none", r)
	}
	c.send("acme/c", strings.Replace(part("c", 1, 2), "Create", "Delete", 1))
	if got := calls(c.events(4)); got[len(got)-1] != "c-1 Rejected ConversationIdUsed" {
		t.Errorf("events %q, want that the ConversationID stays used", got)
	}
}

// TestGapsAreClosed resubmits a conversation of which some parts never came.
func TestGapsAreClosed(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	x := new(backend)
	p, _ := c.start(x, t.TempDir(), func(cfg *processor.Config) {
		cfg.PartTimeout, cfg.ForwardGrace = 200*time.Millisecond, time.Millisecond
	})
	c.send("acme/c", part("c", 5, 6))
	c.send("acme/c", part("c", 2, 6))
	c.send("acme/c", part("c", 4, 6))
	await(t, p, "c")
	c.resubmit("c", "again", false)
	if r := await(t, p, "again"); short(r) != "Complete 1:OK,1,1 2:OK,1,1 3:OK,1,1" {
		t.Errorf("the new one: %s, want three parts in sequence", short(r))
	}
	if got, want := x.executed(), []string{"c-2", "c-4", "c-5"}; !slices.Equal(got, want) {
		t.Errorf("executed %v, want %v", got, want)
	}
}

func TestUnknownOutcomeIsNotRepeated(t *testing.T) {
	t.Parallel()
	tests := []struct {
		calls int
		// continued says that there is something to run again.
		continued bool
		want      []string
	}{
		{calls: 3, continued: true, want: []string{"c-1", "c-2", "c-3"}},
		{calls: 1, want: []string{"c-1"}},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("calls=%d", tt.calls), func(t *testing.T) {
			t.Parallel()
			c := newCluster(t)
			x := &backend{answer: unknown("c-1")}
			p, _ := c.start(x, t.TempDir(), by(t, atMostOnce))
			for seq := range tt.calls {
				c.send("acme/c", part("c", seq+1, tt.calls))
			}
			if r := await(t, p, "c"); r.Calls[0].ErrorCode != schemas.OutcomeUnknown {
				t.Fatalf("conversation: %+v, want OutcomeUnknown", r)
			}
			r := told(t, p, "c", c.resubmit("c", "again", true))
			if continued := r.ContinuedBy != nil; continued != tt.continued {
				t.Errorf("resubmitted: %t, want %t", continued, tt.continued)
			}
			if tt.continued {
				await(t, p, "again")
			}
			if got := x.executed(); !slices.Equal(got, tt.want) {
				t.Errorf("executed %v, want %v", got, tt.want)
			}
		})
	}
}

// unknown breaks off the calls with these names after they were handed over.
func unknown(names ...string) func(executor.Request) conversation.Outcome {
	return func(req executor.Request) conversation.Outcome {
		if slices.Contains(names, nameOf(req)) {
			return conversation.Outcome{Kind: conversation.Transient, Message: "the connection broke off"}
		}
		return well(req)
	}
}

func TestSingleCallRunsAgain(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	id := uuid.MustParse("018f4c1e-7c1a-7b5e-9d55-0242ac12000a").String()
	x := &backend{answer: func(req executor.Request) conversation.Outcome {
		if req.Call.GetOptions().GetConversationId() == "" {
			return refusing("x")(req)
		}
		return well(req)
	}}
	p, _ := c.start(x, t.TempDir())
	c.send("acme/"+id, withID(uuid.MustParse(id), single))
	await(t, p, id)
	ask := func(as string, includeFailed bool) schemas.ConversationResource {
		t.Helper()
		value := fmt.Sprintf(`{"account":"acme","requestId":%q,"as":%q,"includeFailed":%t}`, id, as, includeFailed)
		return told(t, p, id, c.command(schemas.RecordResubmit, "acme/"+id, value))
	}
	if r := ask("nothing", false); r.ContinuedBy != nil {
		t.Errorf("without the failed one: %+v, want that nothing is left to run", r)
	}
	if r := ask("again", true); r.ContinuedBy == nil || *r.ContinuedBy != "again" {
		t.Errorf("with the failed one: %+v, want it continued", r)
	}
	if r := await(t, p, "again"); r.Status != schemas.ConversationComplete || r.Continues == nil || *r.Continues != id {
		t.Errorf("the new one: %+v, want that it continues the call", r)
	}
}
