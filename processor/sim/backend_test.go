package sim

import (
	"context"
	"sync"
	"time"

	"parley/internal/route"
	"parley/processor/conversation"
	"parley/processor/executor"
	"parley/schemas"
)

// backend carries the calls out, for all processes. It is not touched by what goes wrong with them.
type backend struct {
	world *world

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
	p := b.process
	if p.isDead() || p.springs(crashEffect) {
		<-ctx.Done() // it never left
		return conversation.Outcome{Kind: conversation.Transient, Code: schemas.Internal}
	}
	content := req.Call.Objects[0].CorrelationId
	t := b.world.plan.tempers[content]
	a := b.world.history.begin(attempt{
		conversation: nameOf(req),
		content:      content,
		seq:          req.Call.GetOptions().GetSequenceCode(),
		requestID:    req.Call.RequestId,
		number:       req.Attempt,
		fence:        req.Fence,
		process:      p.name,
		route:        r.Name,
		begun:        time.Now(),
		unleased:     time.Since(p.nic.lastHeard()) > sessionTimeout,
	})
	b.mu.Lock()
	b.came[req.Call.RequestId]++
	came := b.came[req.Call.RequestId]
	b.mu.Unlock()
	select {
	case <-time.After(t.takes + time.Duration(b.world.dice.hash(req.Call.RequestId, came)%uint64(time.Millisecond))):
	case <-ctx.Done():
		b.world.history.end(a, time.Now(), cancelled)
		return conversation.Outcome{Kind: conversation.Transient, Code: schemas.Internal, Message: "cancelled"}
	}
	if p.isDead() || p.springs(crashOutcome) {
		<-ctx.Done()
		return conversation.Outcome{Kind: conversation.Transient, Code: schemas.Internal}
	}
	o := t.outcome(came)
	b.world.history.end(a, time.Now(), wordsOf(o))
	return o
}

// nameOf is the conversation of a request, as the plan calls it.
func nameOf(req executor.Request) string {
	if id := req.Call.GetOptions().GetConversationId(); id != "" {
		return id
	}
	return req.Call.Objects[0].CorrelationId
}

// cancelled is how an attempt ends whose process gave it up.
const cancelled = "cancelled"

// outcome is what the backend says the n-th time that it is asked.
func (t temper) outcome(n int) conversation.Outcome {
	switch {
	case n <= t.busy:
		return conversation.Outcome{Kind: conversation.Transient, Code: "Busy", Message: "come again"}
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
	if o.Kind == conversation.Transient {
		return "busy"
	}
	return string(o.Status())
}
