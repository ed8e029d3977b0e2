package processor_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"parley/internal/testkit"
	"parley/processor"
	"parley/processor/conversation"
	"parley/processor/executor"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// calls are the events of calls, as "correlationId status code", in the order of their partitions' sequences.
func calls(events []*parleyv1.ResultEvent) []string {
	var out []string
	for _, e := range events {
		if c := e.GetCall(); c != nil {
			out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s", c.Results[0].CorrelationId, c.Status, c.ErrorCode)))
		}
	}
	return out
}

// once fails the test unless every event is there once, and each partition's sequence has no gap.
func once(t *testing.T, events []*parleyv1.ResultEvent) {
	t.Helper()
	next := make(map[int32]int64)
	for _, e := range events {
		if next[e.Partition]++; e.Sequence != next[e.Partition] {
			t.Errorf("partition %d: event %d follows %d", e.Partition, e.Sequence, next[e.Partition]-1)
			next[e.Partition] = e.Sequence
		}
	}
}

func TestWhatIsRefusedHasAResult(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		send []string
		want []string
		// conversations counts those that end.
		conversations int
	}{
		{
			name:          "resent parts change nothing",
			send:          []string{part("c", 1, 2), part("c", 1, 2), part("c", 2, 2), part("c", 2, 2)},
			want:          []string{"c-1 OK", "c-2 OK"},
			conversations: 1,
		},
		{
			name:          "two contents for one sequence code",
			send:          []string{part("c", 1, 2), strings.Replace(part("c", 1, 2), "Create", "Update", 1)},
			want:          []string{"c-1 Rejected SequenceCodeConflict", "c-1 NotProcessed SequenceCodeConflict"},
			conversations: 1,
		},
		{
			name:          "parts that disagree on their number",
			send:          []string{part("c", 1, 3), part("c", 2, 4)},
			want:          []string{"c-2 Rejected CallsInConversationMismatch", "c-1 NotProcessed CallsInConversationMismatch"},
			conversations: 1,
		},
		{
			name:          "a call that is not valid",
			send:          []string{strings.Replace(part("c", 1, 1), `"Create"`, `"Destroy"`, 1), part("c", 1, 1)},
			want:          []string{"c-1 Rejected UnknownMethod", "c-1 OK"},
			conversations: 1,
		},
		{
			name:          "a resend spelt otherwise",
			send:          []string{part("c", 1, 2), strings.ReplaceAll(part("c", 1, 2), `"type":"Row"`, `"type": "\u0052ow"`), part("c", 2, 2)},
			want:          []string{"c-1 OK", "c-2 OK"},
			conversations: 1,
		},
		{
			name: "mail where no server takes it",
			send: []string{strings.Replace(part("c", 1, 1), `"options":{`, `"options":{"sendResponseTo":[{"responseType":"email","responseAddress":"user@example.com"}],`, 1)},
			want: []string{"c-1 Rejected InvalidParameter"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t)
			c.start(new(recorder), t.TempDir())
			for _, v := range tt.send {
				c.send("acme/c", v)
			}
			events := c.events(len(tt.want) + tt.conversations)
			once(t, events)
			if got := calls(events); !slices.Equal(got, tt.want) {
				t.Errorf("events %q, want %q", got, tt.want)
			}
		})
	}
}

func TestUsedConversationIsRefusedOnce(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	p, _ := c.start(new(recorder), t.TempDir())
	c.send("acme/c", part("c", 1, 1))
	await(t, p, "c")
	late := strings.Replace(part("c", 1, 1), "Create", "Delete", 1)
	c.send("acme/c", late)
	c.send("acme/c", late)
	c.send("acme/d", part("d", 1, 1))
	await(t, p, "d")
	events := c.events(5)
	got := calls(events)
	slices.Sort(got)
	if want := []string{"c-1 OK", "c-1 Rejected ConversationIdUsed", "d-1 OK"}; !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
}

func TestUndecodableRecordGoesToDeadAndThePartitionGoesOn(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	p, _ := c.start(new(recorder), t.TempDir())
	c.send("acme/c", `{"account":"acme"`)
	c.send("acme/c", `{"account":"no/such","method":"Create"}`)
	c.send("acme/c", part("c", 1, 1))
	await(t, p, "c")
	client := c.newClient(kgo.ConsumeTopics(c.topics.Dead), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	var dead []*kgo.Record
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
	defer cancel()
	for len(dead) < 2 && ctx.Err() == nil {
		dead = append(dead, client.PollFetches(ctx).Records()...)
	}
	var codes []string
	for _, r := range dead {
		for _, h := range r.Headers {
			if h.Key == schemas.HeaderErrorCode {
				codes = append(codes, string(h.Value))
			}
		}
	}
	if want := []string{"InvalidBody", "InvalidParameter"}; !slices.Equal(codes, want) {
		t.Errorf("dead: %q, want %q", codes, want)
	}
}

func TestMissingPartTimesOutInLogTime(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	short := func(cfg *processor.Config) {
		cfg.PartTimeout, cfg.ForwardGrace = 300*time.Millisecond, 50*time.Millisecond
	}
	p, _ := c.start(new(recorder), t.TempDir(), short)
	c.send("acme/c", part("c", 2, 2))
	r := await(t, p, "c")
	if r.Status != schemas.ConversationError || r.ErrorCode != schemas.PartTimeout || r.Received != 1 {
		t.Errorf("conversation: %+v, want Error PartTimeout with one part", r)
	}
	c.send("acme/c", part("c", 1, 2))
	events := c.events(3)
	if got, want := calls(events), []string{"c-2 NotProcessed PartTimeout", "c-1 Rejected ConversationIdUsed"}; !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
}

func TestPartOnTheWrongPartitionIsForwarded(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	x := new(recorder)
	p, _ := c.start(x, t.TempDir())
	for seq := range partitions {
		c.sendTo(int32(seq), "whatever", part("c", seq+1, partitions))
	}
	if r := await(t, p, "c"); r.Status != schemas.ConversationComplete {
		t.Errorf("conversation: %+v, want Complete", r)
	}
	if got, want := x.executed(), []string{"c-1", "c-2", "c-3", "c-4"}; !slices.Equal(got, want) {
		t.Errorf("executed %v, want %v", got, want)
	}
}

func TestFailureEndsTheConversation(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	x := &recorder{answer: func(req executor.Request) conversation.Outcome {
		if req.Call.Objects[0].CorrelationId == "c-2" {
			return conversation.Outcome{Kind: conversation.Failed, Code: "NoSuchRow", Message: "no"}
		}
		return conversation.Outcome{Results: make([]conversation.ObjectOutcome, 1)}
	}}
	p, _ := c.start(x, t.TempDir())
	for seq := range 3 {
		c.send("acme/c", part("c", seq+1, 3))
	}
	r := await(t, p, "c")
	if r.Status != schemas.ConversationError || r.ErrorCode != schemas.CallFailed {
		t.Errorf("conversation: %+v, want Error CallFailed", r)
	}
	want := []string{"c-1 OK", "c-2 Error NoSuchRow", "c-3 NotProcessed CallFailed"}
	if got := calls(c.events(4)); !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
}

func TestTransientFailureIsTriedAgain(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	x := &recorder{answer: func(req executor.Request) conversation.Outcome {
		if req.Attempt < 3 {
			return conversation.Outcome{Kind: conversation.Transient}
		}
		return conversation.Outcome{Results: make([]conversation.ObjectOutcome, 1)}
	}}
	p, _ := c.start(x, t.TempDir())
	c.send("acme/c", part("c", 1, 1))
	r := await(t, p, "c")
	if r.Status != schemas.ConversationComplete || r.Calls[0].Attempts != 3 {
		t.Errorf("conversation: %+v, want Complete in 3 attempts", r)
	}
}

// workload sends conversations of three parts, shuffled among each other, and returns how many events they make.
func (c *cluster) workload(conversations int) int {
	for seq := 3; seq > 0; seq-- {
		for i := range conversations {
			id := fmt.Sprintf("c%d", i)
			c.send("acme/"+id, part(id, seq, 3))
		}
	}
	return 4 * conversations
}

// inOrder fails the test unless each conversation's parts were begun in order; a part may have been repeated.
func inOrder(t *testing.T, executed []string) {
	t.Helper()
	last := make(map[string]int)
	for _, e := range executed {
		id, seq, _ := strings.Cut(e, "-")
		n := int(seq[0] - '0')
		if n != last[id] && n != last[id]+1 {
			t.Errorf("%s ran after part %d", e, last[id])
		}
		last[id] = n
	}
}

func TestRestartLosesNothingAndDoublesNothing(t *testing.T) {
	t.Parallel()
	for _, wiped := range []bool{false, true} {
		t.Run(fmt.Sprintf("wiped=%t", wiped), func(t *testing.T) {
			t.Parallel()
			c := newCluster(t)
			x := new(recorder)
			dir := t.TempDir()
			_, stop := c.start(x, dir)
			want := c.workload(50)
			for range 3 {
				stop()
				if wiped {
					dir = t.TempDir()
				}
				_, stop = c.start(x, dir)
			}
			events := c.events(want)
			once(t, events)
			inOrder(t, x.executed())
			p, _ := c.start(x, t.TempDir(), func(cfg *processor.Config) { cfg.Instance = "b" })
			stop()
			if r := await(t, p, "c7"); r.Status != schemas.ConversationComplete || len(r.Calls) != 3 {
				t.Errorf("after a rebuild from the log: %+v, want Complete with its calls", r)
			}
		})
	}
}

// TestEndOfTransactionThatIsNotHeard cuts the connection at ends of transactions: before the broker has carried them
// out, or after. Either way the processor must find out what is committed, and go on from there.
func TestEndOfTransactionThatIsNotHeard(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	var ends atomic.Int64
	c.kafka.Fake().ControlKey(int16(kmsg.EndTxn), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.kafka.Fake().KeepControl()
		if ends.Add(1)%5 == 0 {
			return nil, errors.New("cut"), true
		}
		return nil, nil, false
	})
	x := new(recorder)
	c.start(x, t.TempDir())
	events := c.events(c.workload(30))
	once(t, events)
	inOrder(t, x.executed())
	if ends.Load() < 5 {
		t.Errorf("%d transactions ended, too few for one to be cut", ends.Load())
	}
}

func TestMembersShareThePartitions(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	x := new(recorder)
	_, stop := c.start(x, t.TempDir())
	var wg sync.WaitGroup
	var want int
	wg.Go(func() { want = c.workload(60) })
	for _, name := range []string{"b", "c"} {
		c.start(x, t.TempDir(), func(cfg *processor.Config) { cfg.Instance = name })
	}
	wg.Wait()
	stop()
	events := c.events(want)
	once(t, events)
	inOrder(t, x.executed())
}
