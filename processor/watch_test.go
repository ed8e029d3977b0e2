package processor_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/route"
	"parley/internal/testkit"
	"parley/internal/topics"
	"parley/processor"
	"parley/processor/conversation"
	"parley/processor/executor"
	"parley/schemas"
)

// doorman is an executor whose attempts wait until each is let in; all that is about "warm" goes through.
type doorman struct{ door chan struct{} }

func (d doorman) Execute(ctx context.Context, _ *route.Route, req executor.Request) conversation.Outcome {
	if req.Call.GetOptions().GetConversationId() != "warm" {
		select {
		case <-d.door:
		case <-ctx.Done():
			return conversation.Outcome{Kind: conversation.Transient}
		}
	}
	return conversation.Outcome{Results: make([]conversation.ObjectOutcome, len(req.Call.Objects))}
}

// followed is what one who follows a status has seen of it.
type followed struct {
	t    *testing.T
	seen chan string
}

// follow asks again and again for another status than the last, and never for the sake of time: each is heard of by
// its change.
func follow[R schemas.Resource](t *testing.T, short func(R) string, ask func(ctx context.Context, seen string) (R, error)) followed {
	f := followed{t, make(chan string, 100)}
	go func() {
		defer close(f.seen)
		for seen := ""; ; {
			r, err := ask(t.Context(), seen)
			if err != nil {
				f.seen <- err.Error()
				return
			}
			tag := r.ETag()
			if tag == seen {
				f.seen <- "the same again"
				return
			}
			seen = tag
			f.seen <- short(r)
			if r.Final() {
				return
			}
		}
	}()
	return f
}

// until fails the test unless a status comes.
func (f followed) until(want string) {
	f.t.Helper()
	var passed []string
	late := time.After(testkit.Patience)
	for {
		select {
		case got, ok := <-f.seen:
			if got == want {
				return
			}
			if passed = append(passed, got); !ok {
				f.t.Fatalf("saw %q and no more, want %q", passed, want)
			}
		case <-late:
			f.t.Fatalf("saw %q, want %q", passed, want)
		}
	}
}

func followCall(t *testing.T, p *processor.Processor, q schemas.RequestQuery) followed {
	return follow(t, func(r schemas.CallResource) string { return fmt.Sprint(r.Status, r.Missing) }, func(ctx context.Context, seen string) (schemas.CallResource, error) {
		q.Seen, q.Wait = seen, time.Minute
		if seen == "" {
			q.Wait = 0
		}
		return p.Request(ctx, q)
	})
}

func followConversation(t *testing.T, p *processor.Processor, id string) followed {
	return follow(t, short, func(ctx context.Context, seen string) (schemas.ConversationResource, error) {
		q := schemas.ConversationQuery{Account: "acme", ID: id, Seen: seen, Wait: time.Minute}
		if seen == "" {
			q.Wait = 0
		}
		return p.Conversation(ctx, q)
	})
}

func TestWaitEndsWithEveryChange(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	x := doorman{make(chan struct{})}
	p, _ := c.started(x, t.TempDir())

	first := part("c", 1, 3)
	c.send("acme/c", first)
	call := followCall(t, p, schemas.RequestQuery{Account: "acme", ID: idOf(first)})
	all := followConversation(t, p, "c")
	call.until("Staged[2 3]")
	all.until("Staging 1:Staged,0,0")
	c.send("acme/c", part("c", 3, 3))
	call.until("Staged[2]")
	all.until("Staging 1:Staged,0,0 3:Staged,0,0")
	c.send("acme/c", part("c", 2, 3))
	call.until("Executing[]")
	all.until("Processing 1:Executing,1,0 2:Waiting,0,0 3:Waiting,0,0")
	x.door <- struct{}{}
	call.until("OK[]")
	all.until("Processing 1:OK,1,1 2:Executing,1,0 3:Waiting,0,0")
	x.door <- struct{}{}
	all.until("Processing 1:OK,1,1 2:OK,1,1 3:Executing,1,0")
	close(x.door)
	all.until("Complete 1:OK,1,1 2:OK,1,1 3:OK,1,1")
}

// A call is followed from its receipt on, before it was read, and to its time.
func TestWaitFollowsACallFromItsReceipt(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	x := doorman{make(chan struct{})}
	p, _ := c.started(x, t.TempDir())
	for _, tt := range []struct {
		name    string
		options func() string
		want    []string
	}{
		{"at once", func() string { return "" }, []string{"Executing[]"}},
		{"scheduled", func() string {
			return fmt.Sprintf(`"options":{"scheduledTime":%q},`, time.Now().Add(3*time.Second).Format(time.RFC3339Nano))
		}, []string{"Scheduled[]", "Executing[]"}},
	} {
		id := uuid.New()
		partition := topics.OfRequest("acme", id, partitions)
		end := c.end(partition)
		f := followCall(t, p, schemas.RequestQuery{Account: "acme", ID: id, Accepted: &schemas.Position{Partition: partition, Offset: end}})
		f.until("Queued[]")
		for ahead := range int64(3) {
			r, err := p.Request(t.Context(), schemas.RequestQuery{Account: "acme", ID: id, Accepted: &schemas.Position{Partition: partition, Offset: end + ahead}})
			if err != nil || r.Position == nil || *r.Position != ahead+1 {
				t.Errorf("with %d records ahead: %+v, %v", ahead, r, err)
			}
		}
		r := &kgo.Record{Topic: c.topics.Calls, Partition: partition, Value: fmt.Appendf(nil, `{"account":"acme","requestId":%q,%s"method":"Create","objects":[{"type":"Row"}]}`, id, tt.options())}
		if err := c.client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
		for _, want := range tt.want {
			f.until(want)
		}
		x.door <- struct{}{}
		f.until("OK[]")
	}
}

// Who waits for another status is told of it by the end of the wait at the latest: that it is the same.
func TestWaitWithoutAChange(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	p, _ := c.started(new(recorder), t.TempDir())
	c.send("acme/c", part("c", 1, 2))
	q := schemas.ConversationQuery{Account: "acme", ID: "c"}
	r, err := p.Conversation(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	q.Seen = r.ETag()
	q.Wait = 300 * time.Millisecond
	began := time.Now()
	r, err = p.Conversation(t.Context(), q)
	if err != nil || r.ETag() != q.Seen || time.Since(began) < q.Wait {
		t.Errorf("after %s: %s, %v", time.Since(began), short(r), err)
	}
	q.Seen, q.Wait = "another", time.Minute
	began = time.Now()
	if _, err := p.Conversation(t.Context(), q); err != nil || time.Since(began) > 20*time.Second {
		t.Errorf("after %s: %v, want the other status at once", time.Since(began), err)
	}
}

// end is the offset that the next record of a partition of the calls gets.
func (c *cluster) end(partition int32) int64 {
	c.t.Helper()
	ends, err := kadm.NewClient(c.client).ListEndOffsets(c.t.Context(), c.topics.Calls)
	if err != nil {
		c.t.Fatal(err)
	}
	end, _ := ends.Lookup(c.topics.Calls, partition)
	return end.Offset
}

// What waits for a route says how many go before it, and what has no place there says nothing.
func TestPositionOfWhatWaits(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	x := doorman{make(chan struct{})}
	table, err := route.Parse([]byte(`routes: [{name: all, executor: {type: http, url: "http://127.0.0.1:1/"}, concurrency: 1}]`))
	if err != nil {
		t.Fatal(err)
	}
	p, _ := c.start(x, t.TempDir(), func(cfg *processor.Config) { cfg.Routes = route.NewCurrent(table) })
	positions := func(id string) string {
		r, err := p.Conversation(t.Context(), schemas.ConversationQuery{Account: "acme", ID: id})
		if err != nil {
			return err.Error()
		}
		s := ""
		for _, c := range r.Calls {
			at := "-"
			if c.Position != nil {
				at = fmt.Sprint(*c.Position)
			}
			if c.EstimatedSeconds != nil {
				at += " in time"
			}
			s += fmt.Sprintf("%s %s, ", c.Status, at)
		}
		return s
	}
	sees := func(id, want string) {
		t.Helper()
		got := ""
		if !within(20*time.Second, func() bool { got = positions(id); return got == want }) {
			t.Errorf("%s is %q, want %q", id, got, want)
		}
	}
	c.send("acme/a", part("a", 1, 1))
	sees("a", "Executing -, ")
	for i, id := range []string{"b", "c", "d"} {
		c.send("acme/"+id, part(id, 2, 2))
		sees(id, "Staged -, ")
		c.send("acme/"+id, part(id, 1, 2))
		sees(id, fmt.Sprintf("Waiting %d, Waiting -, ", i+1))
	}
	c.send("acme/urgent", optioned(part("urgent", 1, 1), `"priority":"High"`))
	sees("urgent", "Waiting 1, ")
	sees("d", "Waiting 4, Waiting -, ")
	x.door <- struct{}{}
	sees("urgent", "Executing -, ")
	sees("d", "Waiting 3 in time, Waiting -, ")
	close(x.door)
	for _, id := range []string{"a", "b", "c", "d", "urgent"} {
		await(t, p, id)
	}
}
