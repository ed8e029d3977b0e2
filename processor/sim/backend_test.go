package sim

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/route"
	"parley/processor/conversation"
	"parley/processor/executor"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// backend carries the calls out, for all processes. It is not touched by what goes wrong with them.
type backend struct {
	world *world
	// client sends late answers.
	client *kgo.Client

	mu sync.Mutex
	// came counts the requests of each call.
	came map[string]int
}

// backendOf is the backend as one process reaches it.
type backendOf struct {
	*backend
	process *process
}

// Execute takes an attempt down, takes its time over it, and answers as the plan says.
func (b backendOf) Execute(ctx context.Context, r *route.Route, req executor.Request) conversation.Outcome {
	return b.ExecuteBatch(ctx, r, []executor.Request{req})[0]
}

// ExecuteBatch takes as long as the slowest of its calls.
func (b backendOf) ExecuteBatch(ctx context.Context, r *route.Route, reqs []executor.Request) []conversation.Outcome {
	p := b.process
	if p.isDead() || p.springs(crashEffect) {
		<-ctx.Done() // it never left
		return unheardOf(reqs)
	}
	var takes time.Duration
	attempts := make([]*attempt, len(reqs))
	outcomes := make([]conversation.Outcome, len(reqs))
	for i, req := range reqs {
		t := b.world.plan.tempers[req.Call.Objects[0].CorrelationId]
		attempts[i] = b.world.history.begin(b.attempt(r, req))
		n := b.comes(req, t)
		outcomes[i] = t.outcome(n)
		for j := range outcomes[i].Results {
			outcomes[i].Results[j].Withheld = req.Call.Objects[j].Erased > 0
		}
		takes = max(takes, t.takes+time.Duration(b.world.dice.hash(req.Call.RequestId, n)%uint64(time.Millisecond)))
	}
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		for _, a := range attempts {
			b.world.history.end(a, time.Now(), cancelled)
		}
		return unheardOf(reqs)
	}
	if p.isDead() || p.springs(crashOutcome) {
		<-ctx.Done()
		return unheardOf(reqs)
	}
	for i, a := range attempts {
		b.world.history.end(a, time.Now(), wordsOf(outcomes[i]))
	}
	return outcomes
}

// unheardOf is what a process is told that is over.
func unheardOf(reqs []executor.Request) []conversation.Outcome {
	return slices.Repeat([]conversation.Outcome{{Kind: conversation.Transient, Code: schemas.Internal, Message: "cancelled"}}, len(reqs))
}

// attempt is a request as the backend sees it come.
func (b backendOf) attempt(r *route.Route, req executor.Request) attempt {
	return attempt{
		conversation: nameOf(req),
		content:      req.Call.Objects[0].CorrelationId,
		seq:          req.Call.GetOptions().GetSequenceCode(),
		requestID:    req.Call.RequestId,
		number:       req.Attempt,
		fence:        req.Fence,
		process:      b.process,
		route:        r.Name,
		about:        slices.ContainsFunc(req.Call.Objects, func(o *parleyv1.Object) bool { return o.SubscriberKey == person }),
		begun:        time.Now(),
		unleased:     time.Since(b.process.nic.lastHeard()) > sessionTimeout,
	}
}

// comes counts a request of a call. The first has the call answered later, if the backend defers it.
func (b backendOf) comes(req executor.Request, t temper) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.came[req.Call.RequestId]++
	n := b.came[req.Call.RequestId]
	if t.defers && t.after > 0 && n == t.busy+1 {
		b.world.tasks.Go(func() {
			b.world.wait(t.after)
			b.answer(req, t)
		})
	}
	return n
}

// answer sends what the backend has to say of a call that it deferred.
func (b backendOf) answer(req executor.Request, t temper) {
	w := b.world
	to, err := w.tokens.Verify(req.Token, time.Now())
	if err != nil {
		w.history.note(nameOf(req), "the answer to %s comes too late: %v", req.Call.Objects[0].CorrelationId, err)
		return
	}
	a := &schemas.Answer{Token: req.Token, Failed: t.refused}
	if t.refused {
		a.Code = "NoSuchRow"
	}
	for i := range t.failing {
		ordinal := int32(i)
		a.Results = append(a.Results, schemas.AnswerResult{Ordinal: &ordinal, Status: schemas.Error, ErrorCode: "BadRow"})
	}
	if t.refused {
		a.Results = nil
	}
	value, err := schemas.EncodeAnswer(a)
	if err != nil {
		w.fail("an answer can be sent", nameOf(req), "%v", err)
		return
	}
	w.history.note(nameOf(req), "the answer to %s is sent", req.Call.Objects[0].CorrelationId)
	r := &kgo.Record{
		Topic:     w.broker.names.Calls,
		Partition: to.Partition,
		Value:     value,
		Headers:   []kgo.RecordHeader{{Key: schemas.HeaderType, Value: []byte(schemas.RecordAnswer)}},
	}
	if err := b.client.ProduceSync(context.Background(), r).FirstErr(); err != nil {
		w.fail("an answer can be sent", nameOf(req), "%v", err)
	}
}

// nameOf is the conversation of a request, as the plan calls it.
func nameOf(req executor.Request) string {
	if id := req.Call.GetOptions().GetConversationId(); id != "" {
		return id
	}
	return singleName(req.Call.Objects[0].CorrelationId)
}

// How attempts end that have no status: their process gave them up, the backend wants them to come again (and may have
// taken them, or not), or answers later.
const (
	cancelled = "cancelled"
	comeAgain = "busy"
	unsent    = "busy, not handed over"
	later     = "deferred"
)

// outcome is what the backend says the n-th time that it is asked.
func (t temper) outcome(n int) conversation.Outcome {
	switch {
	case n <= t.busy:
		return conversation.Outcome{Kind: conversation.Transient, Code: "Busy", Message: "come again", Unsent: t.unsent}
	case t.defers:
		return conversation.Outcome{Kind: conversation.Deferred}
	case t.refused:
		return conversation.Outcome{Kind: conversation.Failed, Code: "NoSuchRow", Message: "no"}
	}
	out := make([]conversation.ObjectOutcome, t.objects)
	for i := range t.failing {
		out[i] = conversation.ObjectOutcome{Failed: true, Code: "BadRow", Message: "no"}
	}
	return conversation.Outcome{Results: out}
}

func wordsOf(o conversation.Outcome) string {
	switch {
	case o.Kind == conversation.Deferred:
		return later
	case o.Kind == conversation.Transient && o.Unsent:
		return unsent
	case o.Kind == conversation.Transient:
		return comeAgain
	}
	return string(o.Status())
}
