package processor_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"parley/internal/topics"
	"parley/processor/conversation"
	"parley/processor/executor"
	"parley/schemas"
)

const idempotent = "idempotent: true"

// whole appends all parts of a conversation at once.
func (c *cluster) whole(id string, parts int) {
	c.t.Helper()
	records := make([]*kgo.Record, parts)
	for i := range records {
		records[i] = &kgo.Record{Topic: c.topics.Calls, Partition: topics.Partition("acme/"+id, partitions), Value: []byte(part(id, i+1, parts))}
	}
	if err := c.client.ProduceSync(c.t.Context(), records...).FirstErr(); err != nil {
		c.t.Fatal(err)
	}
}

// inChangelog reports whether the changelog has ever had the payload of a part.
func (c *cluster) inChangelog(name string) bool {
	c.t.Helper()
	return slices.ContainsFunc(c.read(c.topics.State), func(r *kgo.Record) bool { return bytes.Contains(r.Value, []byte(name)) })
}

// TestWholeConversationInOneTransaction sends conversations until one has run within one turn: on a machine that is busy
// with other things, an attempt may take longer than a turn waits for it.
func TestWholeConversationInOneTransaction(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	x := new(backend)
	p, _ := c.start(x, t.TempDir(), by(t, idempotent))
	c.send("acme/staged", part("staged", 1, 2))
	becomes(t, p, "staged", "Staging 1:Staged,0,0")
	if !c.inChangelog("staged-1") {
		t.Fatal("the payload of a part that waits is not found in the changelog: this test would not see one")
	}
	commits := c.kafka.Fake().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.TxnOffsetCommit}, Group: c.groups.processor, Observe: true, Count: -1})
	const tries = 300
	for i := range tries {
		id := fmt.Sprintf("c%d", i)
		before := commits.Hits()
		c.whole(id, 3)
		if r := await(t, p, id); short(r) != "Complete 1:OK,1,1 2:OK,1,1 3:OK,1,1" {
			t.Fatalf("conversation: %s, %+v", short(r), r)
		}
		if commits.Hits()-before > 1 {
			continue
		}
		for k := range 3 {
			if name := fmt.Sprintf("%s-%d", id, k+1); c.inChangelog(name) {
				t.Errorf("the payload of %s was written to the changelog, though it came and went within one turn", name)
			}
		}
		return
	}
	t.Errorf("none of %d conversations ran within one transaction", tries)
}

// TestAttemptsOfAnAbortedTurnAreRepeated has turns be aborted that have begun attempts: these come again, as if for the
// first time, and the call has one result.
func TestAttemptsOfAnAbortedTurnAreRepeated(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	x := new(backend)
	p, _ := c.start(x, t.TempDir(), by(t, idempotent))
	c.send("acme/warm", part("warm", 1, 1))
	await(t, p, "warm") // its partition is ours beyond doubt: attempts may begin early
	refused := 0
	refusals := c.refuseCommits(func() bool { refused++; return refused <= 2 })
	id := alongside("warm")
	c.send("acme/"+id, part(id, 1, 1))
	r := await(t, p, id)
	for _, a := range x.await(t, 3)[1:] {
		if a.Attempt != 1 || a.Call.RequestId != r.Calls[0].RequestID {
			t.Errorf("attempt %d at %s, want the first at %s, again", a.Attempt, a.Call.RequestId, r.Calls[0].RequestID)
		}
	}
	if refusals.Hits() == 0 {
		t.Error("no turn was refused")
	}
	if got, want := calls(c.events(4)), []string{"warm-1 OK", id + "-1 OK"}; !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
	if n := len(c.read(c.topics.Results)); n != 4 {
		t.Errorf("%d events, want four", n)
	}
}

// TestAttemptThatMayBeMadeAgainHoldsWhatFollows has turns be aborted in which a part on a route that is not idempotent has
// ended: the part behind it, on a route that is, begins when the end is committed. Else a new owner, which knows of no end,
// would make the first attempt again behind the second.
func TestAttemptThatMayBeMadeAgainHoldsWhatFollows(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	var begun atomic.Bool
	x := &backend{answer: func(req executor.Request) conversation.Outcome {
		if !strings.HasPrefix(nameOf(req), "warm") {
			begun.Store(true)
		}
		return well(req)
	}}
	const executes = `executor: {type: http, url: "http://127.0.0.1:1/"}`
	p, _ := c.start(x, t.TempDir(), byRoutes(t, `{name: plain, match: {objectType: Row}, `+executes+`}`, `{name: quick, `+executes+`, `+idempotent+`}`))
	c.send("acme/warm", part("warm", 1, 1))
	await(t, p, "warm") // its partition is ours beyond doubt: attempts may begin early
	refused := 0
	refusals := c.refuseCommits(func() bool {
		if begun.Load() {
			refused++
		}
		return 0 < refused && refused <= 3
	})
	id := alongside("warm")
	c.send("acme/"+id, part(id, 1, 2))
	c.send("acme/"+id, strings.Replace(part(id, 2, 2), "Row", "Quick", 1))
	becomes(t, p, id, "Complete 1:OK,1,1 2:OK,1,1")
	if refusals.Hits() == 0 {
		t.Error("no turn was refused")
	}
	if got, want := x.executed(), []string{"warm-1", id + "-1", id + "-2"}; !slices.Equal(got, want) {
		t.Errorf("executed %v, want %v", got, want)
	}
}

// alongside is another conversation on the partition of one.
func alongside(id string) string {
	for i := 0; ; i++ {
		other := fmt.Sprintf("c%d", i)
		if topics.Partition("acme/"+other, partitions) == topics.Partition("acme/"+id, partitions) {
			return other
		}
	}
}

// TestSlowBackendDoesNotHoldATurnOpen has an attempt that began early last and last: its turn is committed all the same,
// and others go on.
func TestSlowBackendDoesNotHoldATurnOpen(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	d := newDoor()
	defer d.open()
	slow := alongside("warm")
	x := &backend{answer: func(req executor.Request) conversation.Outcome {
		if nameOf(req) == slow+"-1" {
			<-d.ch
		}
		return well(req)
	}}
	p, _ := c.start(x, t.TempDir(), by(t, idempotent))
	c.send("acme/warm", part("warm", 1, 1))
	await(t, p, "warm")
	c.whole(slow, 2)
	becomes(t, p, slow, "Processing 1:Executing,1,0 2:Waiting,0,0")
	c.whole("other", 2)
	await(t, p, "other")
	d.open()
	if r := await(t, p, slow); r.Status != schemas.ConversationComplete {
		t.Errorf("conversation: %+v, want Complete", r)
	}
	if n := len(x.executed()); n != 5 {
		t.Errorf("executed %v, want each call once", x.executed())
	}
}
