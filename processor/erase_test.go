package processor_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"parley/internal/route"
	"parley/processor"
	"parley/processor/conversation"
	"parley/processor/executor"
	"parley/processor/notify"
	"parley/schemas"
)

// aboutBoth is a part with an object of ann and one of bob.
func aboutBoth(seq, of int) string {
	return strings.Replace(part("c", seq, of), `"objects":[`,
		fmt.Sprintf(`"objects":[{"type":"Row","correlationId":"ann-%d","customerKey":"row-of-ann","subscriberKey":"ann@example.com","properties":{"Phone":"555-0100"}},
			{"type":"Row","correlationId":"bob-%d","customerKey":"row-of-bob","subscriberKey":"bob@example.com","properties":{"Phone":"555-0199"}},`, seq, seq), 1)
}

// aboutAnn is a part with an object of ann alone.
func aboutAnn(seq, of int) string {
	return strings.Replace(part("c", seq, of), `"correlationId":`, `"customerKey":"row-of-ann","subscriberKey":"ann@example.com","properties":{"Phone":"555-0100"},"correlationId":`, 1)
}

// ofAnn are words of ann's data.
var ofAnn = []string{"ann@example.com", "row-of-ann", "555-0100"}

// erase asks every partition to erase ann, and returns what was found when all have.
func (c *cluster) erase(p *processor.Processor, dryRun bool) schemas.ErasureProgress {
	c.t.Helper()
	value, err := schemas.EncodeErase(&schemas.Erase{Account: "acme", Subject: schemas.SubjectHash(schemas.Subject("acme", "ann@example.com")), DryRun: dryRun})
	if err != nil {
		c.t.Fatal(err)
	}
	var q schemas.ErasureQuery
	for partition := range int32(partitions) {
		r := typed(schemas.RecordErase, value)
		r.Partition = partition
		q.Commands = append(q.Commands, c.put(r))
	}
	return erasedBy(c.t, p, q)
}

// erasedBy waits until erasures have ended, and sums up what they have found.
func erasedBy(t *testing.T, p *processor.Processor, q schemas.ErasureQuery) (sum schemas.ErasureProgress) {
	t.Helper()
	var err error
	if !within(20*time.Second, func() bool {
		var all []schemas.ErasureProgress
		if all, err = p.Erasures(t.Context(), q, everyPartition...); err != nil {
			return false
		}
		sum = schemas.ErasureProgress{Ended: true}
		for _, e := range all {
			sum.Ended = sum.Ended && e.Ended
			sum.Open, sum.Kept, sum.Objects = sum.Open+e.Open, sum.Kept+e.Kept, sum.Objects+e.Objects
		}
		return sum.Ended
	}) {
		t.Fatalf("erasure: %+v, %v", sum, err)
	}
	return sum
}

// remaining carries out what is left, as every executor does.
func remaining(req executor.Request) conversation.Outcome {
	return executor.Outcome(&schemas.Answer{}, req.Call)
}

// sent are the objects that go out with an attempt, by correlationId.
func sent(req executor.Request) string {
	var out []string
	for _, o := range req.Call.Objects {
		if o.Erased == 0 {
			out = append(out, o.CorrelationId)
		}
	}
	return strings.Join(out, " ")
}

// results are those of a call: the correlationId of each object, and how it ended.
func results(r schemas.CallResource) string {
	out := []string{string(r.Status)}
	for _, o := range r.Results {
		said := string(o.Status)
		if o.ErrorCode != "" {
			said += "/" + string(o.ErrorCode)
		}
		out = append(out, o.CorrelationID+":"+said)
	}
	return strings.Join(out, " ")
}

// isGone checks that neither the state, as a compaction leaves it, nor a result says anything of ann.
func (c *cluster) isGone() {
	c.t.Helper()
	left := make(map[string][]byte)
	for _, r := range c.read(c.topics.State) {
		left[fmt.Sprintf("state %d %q", r.Partition, r.Key)] = r.Value
	}
	for _, r := range c.read(c.topics.Results) {
		left[fmt.Sprintf("result %d/%d", r.Partition, r.Offset)] = r.Value
	}
	for name, value := range left {
		for _, word := range ofAnn {
			if bytes.Contains(value, []byte(word)) {
				c.t.Errorf("%s has %q", name, word)
			}
		}
	}
}

// What is erased of a call that waits does not go out, whatever it waits for; the rest does, and each object has its own
// result.
func TestErasedWhileWaiting(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		before []string
		// then are sent when all is erased; else the route, which was in maintenance, comes back.
		then     []string
		delivery string
		batch    string
		found    schemas.ErasureProgress
		sent     []string
		results  []string
	}{
		{
			name:   "for another part",
			before: []string{aboutBoth(2, 2)}, then: []string{part("c", 1, 2)},
			found: schemas.ErasureProgress{Ended: true, Open: 1, Objects: 1},
			sent:  []string{"c-1", "bob-2 c-2"}, results: []string{"OK c-1:OK", "OK ann-2:Cancelled/Erased bob-2:OK c-2:OK"},
		},
		{
			name:   "for its route",
			before: []string{aboutBoth(1, 2), aboutBoth(2, 2)},
			found:  schemas.ErasureProgress{Ended: true, Open: 2, Objects: 2},
			sent:   []string{"bob-1 c-1", "bob-2 c-2"}, results: []string{"OK ann-1:Cancelled/Erased bob-1:OK c-1:OK", "OK ann-2:Cancelled/Erased bob-2:OK c-2:OK"},
		},
		{
			name: "for a route that repeats nothing", delivery: "at-most-once",
			before: []string{aboutBoth(1, 1)},
			found:  schemas.ErasureProgress{Ended: true, Open: 1, Objects: 1},
			sent:   []string{"bob-1 c-1"}, results: []string{"OK ann-1:Cancelled/Erased bob-1:OK c-1:OK"},
		},
		{
			name: "for a batch", batch: "batch: {max: 4, linger: 1ms}",
			before: []string{aboutBoth(2, 2), aboutAnn(1, 2)},
			found:  schemas.ErasureProgress{Ended: true, Open: 2, Objects: 2},
			sent:   []string{"bob-2 c-2"}, results: []string{"Cancelled c-1:Cancelled/Erased", "OK ann-2:Cancelled/Erased bob-2:OK c-2:OK"},
		},
		{
			name:   "and nothing is left",
			before: []string{aboutAnn(1, 3), aboutAnn(2, 3), part("c", 3, 3)},
			found:  schemas.ErasureProgress{Ended: true, Open: 2, Objects: 2},
			sent:   []string{"c-3"}, results: []string{"Cancelled c-1:Cancelled/Erased", "Cancelled c-2:Cancelled/Erased", "OK c-3:OK"},
		},
		{
			name: "and nothing is left on a route that repeats nothing", delivery: "at-most-once",
			before: []string{aboutAnn(1, 1)},
			found:  schemas.ErasureProgress{Ended: true, Open: 1, Objects: 1},
			sent:   nil, results: []string{"Cancelled c-1:Cancelled/Erased"},
		},
		{
			name:   "for a time",
			before: []string{optioned(aboutBoth(1, 1), at("scheduledTime", soon(2*time.Second)))},
			found:  schemas.ErasureProgress{Ended: true, Open: 1, Objects: 1},
			sent:   []string{"bob-1 c-1"}, results: []string{"OK ann-1:Cancelled/Erased bob-1:OK c-1:OK"},
		},
		{
			name:   "and must begin in time",
			before: []string{optioned(aboutBoth(1, 1), at("startBy", soon(time.Hour)))},
			found:  schemas.ErasureProgress{Ended: true, Open: 1, Objects: 1},
			sent:   []string{"bob-1 c-1"}, results: []string{"OK ann-1:Cancelled/Erased bob-1:OK c-1:OK"},
		},
	}
	for _, tt := range tests {
		for _, restart := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, restart=%t", tt.name, restart), func(t *testing.T) {
				t.Parallel()
				c := newCluster(t)
				b := &backend{answer: remaining}
				var x processor.Executor = b
				var members []string
				if tt.delivery != "" {
					members = append(members, "delivery: "+tt.delivery)
				}
				if tt.batch != "" {
					members, x = append(members, tt.batch), batched{b}
				}
				m := new(maintenance)
				p, stop := c.start(x, t.TempDir(), by(t, members...), m.configure)
				for _, call := range tt.before {
					c.send("acme/c", call)
				}
				if got := c.erase(p, true); got != tt.found {
					t.Errorf("a dry run finds %+v, want %+v", got, tt.found)
				}
				if got := c.erase(p, false); got != tt.found {
					t.Errorf("it finds %+v, want %+v", got, tt.found)
				}
				if got := c.erase(p, false); got != (schemas.ErasureProgress{Ended: true}) {
					t.Errorf("a second time it finds %+v", got)
				}
				if restart {
					stop()
					p, _ = c.start(x, t.TempDir(), by(t, members...), m.configure)
				}
				for _, call := range slices.Concat(tt.then, tt.before) { // again: they are resends
					c.send("acme/c", call)
				}
				m.over.Store(true)
				r := await(t, p, "c")
				var got, went []string
				for _, call := range r.Calls {
					got = append(got, results(call))
				}
				if r.Status != schemas.ConversationComplete || !slices.Equal(got, tt.results) {
					t.Errorf("conversation %s, %q, want Complete, %q", r.Status, got, tt.results)
				}
				for _, req := range b.came() {
					went = append(went, sent(req))
				}
				if !slices.Equal(went, tt.sent) {
					t.Errorf("sent %q, want %q", went, tt.sent)
				}
				c.isGone()
			})
		}
	}
}

// batched is a backend that takes batches.
type batched struct{ *backend }

func (b batched) ExecuteBatch(ctx context.Context, r *route.Route, reqs []executor.Request) []conversation.Outcome {
	out := make([]conversation.Outcome, len(reqs))
	for i, req := range reqs {
		out[i] = b.Execute(ctx, r, req)
	}
	return out
}

// A call that comes when all is erased is a new one.
func TestCallAfterTheErasure(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	x := &backend{answer: remaining}
	p, _ := c.start(x, t.TempDir())
	c.send("acme/c", part("c", 2, 2))
	c.erase(p, false)
	c.send("acme/c", aboutAnn(1, 2))
	r := await(t, p, "c")
	if got, want := results(r.Calls[0]), "OK c-1:OK"; got != want || r.Calls[0].Results[0].CustomerKey != "row-of-ann" {
		t.Errorf("the call: %s, %+v, want %s, and ann's row", got, r.Calls[0], want)
	}
}

// What is being carried out is not touched: its results stand, without what they say of ann. A repetition goes without her.
func TestErasedWhileExecuting(t *testing.T) {
	t.Parallel()
	wrong := conversation.ObjectOutcome{Failed: true, Code: "NoSuchRow", Message: "no row of ann@example.com"}
	tests := []struct {
		name string
		// first is what comes of the first attempt, which had all objects.
		first   conversation.Outcome
		late    *schemas.Answer
		sent    []string
		results string
	}{
		{
			name: "and answered", first: conversation.Outcome{Results: []conversation.ObjectOutcome{wrong, {}, {}}},
			sent: []string{"ann-1 bob-1 c-1"}, results: "HasErrors ann-1:Error/NoSuchRow bob-1:OK c-1:OK",
		},
		{
			name: "and to be repeated", first: conversation.Outcome{Kind: conversation.Transient, Code: "Busy", Message: "ann@example.com"},
			sent: []string{"ann-1 bob-1 c-1", "bob-1 c-1"}, results: "OK ann-1:Cancelled/Erased bob-1:OK c-1:OK",
		},
		{
			name: "and deferred", first: conversation.Outcome{Kind: conversation.Deferred},
			late: &schemas.Answer{Results: []schemas.AnswerResult{{Status: schemas.Error, ErrorCode: "NoSuchRow", Message: wrong.Message}, {Status: schemas.OK}}},
			sent: []string{"ann-1 bob-1 c-1"}, results: "HasErrors ann-1:Error/NoSuchRow bob-1:OK c-1:OK",
		},
		{
			name: "and refused", first: conversation.Outcome{Kind: conversation.Failed, Code: "Closed", Message: wrong.Message},
			sent: []string{"ann-1 bob-1 c-1"}, results: "Error ann-1:Error/Closed bob-1:Error/Closed c-1:Error/Closed",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t)
			d := newDoor()
			defer d.open()
			var attempts atomic.Int32
			x := &backend{answer: d.behind(func(req executor.Request) conversation.Outcome {
				if attempts.Add(1) == 1 {
					return tt.first
				}
				return remaining(req)
			})}
			p, _ := c.start(x, t.TempDir(), by(t))
			c.send("acme/c", optioned(aboutBoth(1, 1), `"failOn":"Never"`))
			token := x.await(t, 1)[0].Token
			if got, want := c.erase(p, false), (schemas.ErasureProgress{Ended: true, Open: 1, Objects: 1}); got != want {
				t.Errorf("it finds %+v, want %+v", got, want)
			}
			d.open()
			if tt.late != nil {
				becomes(t, p, "c", "Processing 1:Deferred,1,0")
				tt.late.Token = token
				c.answer(*tt.late)
			}
			r := await(t, p, "c")
			if got := results(r.Calls[0]); got != tt.results {
				t.Errorf("results %s, want %s", got, tt.results)
			}
			var went []string
			for _, req := range x.came() {
				went = append(went, sent(req))
			}
			if !slices.Equal(went, tt.sent) {
				t.Errorf("sent %q, want %q", went, tt.sent)
			}
			c.isGone()
		})
	}
}

// The answer to a deferred call counts the objects that its attempt had.
func TestErasedBeforeAndAfterItIsDeferred(t *testing.T) {
	t.Parallel()
	for _, before := range []bool{false, true} {
		t.Run(fmt.Sprintf("before=%t", before), func(t *testing.T) {
			t.Parallel()
			c := newCluster(t)
			x := &backend{answer: deferred}
			m := new(maintenance)
			p, _ := c.start(x, t.TempDir(), m.configure)
			c.send("acme/c", optioned(aboutBoth(1, 1), `"failOn":"Never"`))
			want := "HasErrors ann-1:OK bob-1:Error/NoSuchRow c-1:OK"
			if before {
				c.erase(p, false)
				want = "HasErrors ann-1:Cancelled/Erased bob-1:OK c-1:Error/NoSuchRow"
			}
			m.over.Store(true)
			token := x.await(t, 1)[0].Token
			becomes(t, p, "c", "Processing 1:Deferred,1,0")
			c.erase(p, false)
			ordinal := int32(1)
			c.answer(schemas.Answer{Token: token, Results: []schemas.AnswerResult{{Ordinal: &ordinal, Status: schemas.Error, ErrorCode: "NoSuchRow"}}})
			if got := results(await(t, p, "c").Calls[0]); got != want {
				t.Errorf("results %s, want %s", got, want)
			}
			c.isGone()
		})
	}
}

// What is kept of a conversation that failed is erased too, and its resubmission runs without it.
func TestErasedWhileKept(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	p, stop := c.start(&backend{answer: refusing("c-1")}, t.TempDir())
	c.send("acme/c", part("c", 1, 3))
	c.send("acme/c", aboutBoth(2, 3))
	c.send("acme/c", aboutAnn(3, 3))
	await(t, p, "c")
	if got, want := c.erase(p, false), (schemas.ErasureProgress{Ended: true, Kept: 2, Objects: 2}); got != want {
		t.Errorf("it finds %+v, want %+v", got, want)
	}
	stop()
	x := &backend{answer: remaining}
	p, _ = c.start(x, t.TempDir())
	c.resubmit("c", "again", false)
	r := await(t, p, "again")
	if got := results(r.Calls[0]); got != "OK ann-2:Cancelled/Erased bob-2:OK c-2:OK" {
		t.Errorf("the first call of the new one: %s", got)
	}
	if got := results(r.Calls[1]); got != "Cancelled c-3:Cancelled/Erased" || r.Status != schemas.ConversationComplete {
		t.Errorf("the second: %s, and the conversation %s", got, r.Status)
	}
	if came := x.came(); len(came) != 1 || sent(came[0]) != "bob-2 c-2" {
		t.Errorf("executed %v, want part 2 without ann", x.executed())
	}
}

// A turn that takes a step of an erasure and is aborted has erased nothing, and takes it again.
func TestErasureSurvivesAbortedTurns(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	x := &backend{answer: remaining}
	m := new(maintenance)
	p, _ := c.start(x, t.TempDir(), m.configure)
	for i := range 20 {
		name := fmt.Sprintf("c%d", i)
		c.send("acme/"+name, strings.ReplaceAll(aboutBoth(1, 1), `"c"`, fmt.Sprintf("%q", name)))
	}
	refusals := c.refuseCommits(every(2))
	if got, want := c.erase(p, false), (schemas.ErasureProgress{Ended: true, Open: 20, Objects: 20}); got != want {
		t.Errorf("it finds %+v, want %+v", got, want)
	}
	m.over.Store(true)
	for i := range 20 {
		if r := await(t, p, fmt.Sprintf("c%d", i)); results(r.Calls[0]) != "OK ann-1:Cancelled/Erased bob-1:OK c-1:OK" {
			t.Errorf("conversation %d: %+v", i, r)
		}
	}
	refusals.Remove()
	if n := len(x.came()); n != 20 {
		t.Errorf("%d attempts, want 20", n)
	}
	c.isGone()
}

// What cannot be an erasure is buried, and one that was forgotten, or is asked of somebody else, is not told of.
func TestErasuresThatAreNone(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	p, _ := c.start(&backend{}, t.TempDir())
	at := c.put(typed(schemas.RecordErase, []byte(`{"account":"acme","subject":"0"}`)))
	c.send("acme/c", part("c", 1, 1))
	await(t, p, "c")
	if !within(20*time.Second, func() bool { return len(c.read(c.topics.Dead)) == 1 }) {
		t.Fatal("it is not on the topic of the dead")
	}
	if got, err := p.Erasures(t.Context(), schemas.ErasureQuery{Commands: []schemas.Position{at}}, everyPartition...); err == nil {
		t.Errorf("it is told of: %+v", got)
	}
}

// What is still to be told of a person is told without its data: the objects, their keys, and the texts of their results.
func TestErasureReachesWhatIsToBeTold(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	var there atomic.Bool
	told := &receiver{verdict: func(*notify.Notification) notify.Verdict {
		if there.Load() {
			return notify.Verdict{Kind: notify.Taken}
		}
		return notify.Verdict{Kind: notify.Again, Code: "Unavailable"}
	}}
	refuse := func(req executor.Request) conversation.Outcome {
		out := make([]conversation.ObjectOutcome, len(req.Call.Objects))
		for i, o := range req.Call.Objects {
			out[i] = conversation.ObjectOutcome{Failed: strings.HasPrefix(o.CorrelationId, "ann"), Code: "NoSuchRow", Message: "nobody has " + o.CustomerKey}
		}
		return conversation.Outcome{Results: out}
	}
	opened := newDoor()
	t.Cleanup(opened.open)
	second := func(req executor.Request) conversation.Outcome {
		if req.Call.GetOptions().GetSequenceCode() == 2 {
			<-opened.ch
		}
		return refuse(req)
	}
	p, _ := c.start(&backend{answer: second}, t.TempDir(), told.posted)
	targets := func(call string) string {
		all := `,"includeResults":true,"includeObjects":true`
		return strings.Replace(call, `"options":{`, `"options":{"failOn":"Never","sendResponseTo":[`+target("x", schemas.RespondOnCallComplete, all)+","+target("x", schemas.RespondOnConversationComplete, all)+`],`, 1)
	}
	c.send("acme/c", targets(aboutBoth(1, 2)))
	c.send("acme/c", targets(aboutBoth(2, 2)))
	told.await(t, 1) // of the first part; the other waits for its backend
	if body := string(told.came()[0].Body); !strings.Contains(body, "555-0100") || !strings.Contains(body, "nobody has row-of-ann") {
		t.Errorf("before the erasure: %s", body)
	}
	c.erase(p, false)
	before := len(told.came())
	there.Store(true)
	opened.open()
	await(t, p, "c")
	if !within(patience, func() bool { return len(names(told.came()[before:])) == 3 }) {
		t.Fatalf("told %v", names(told.came()[before:]))
	}
	for _, n := range told.came()[before:] {
		for _, word := range ofAnn {
			if bytes.Contains(n.Body, []byte(word)) {
				t.Errorf("%q is told: %s", word, n.Body)
			}
		}
		for _, word := range []string{"bob@example.com", "row-of-bob", "555-0199"} {
			if !bytes.Contains(n.Body, []byte(word)) {
				t.Errorf("%q is not told: %s", word, n.Body)
			}
		}
	}
}
