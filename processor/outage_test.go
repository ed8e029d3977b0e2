package processor

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"parley/processor/conversation"
	"parley/processor/executor"
	"parley/processor/store"
	"parley/schemas"
)

// TestOutageOfARoute opens a circuit and closes it again by a call that is let through as the probe.
func TestOutageOfARoute(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, s *store.Store) {
		r := newRigOn(t, s, 100, oneRoute(fmt.Sprintf("concurrency: %d", circuitFailures))).owns(0)
		want := func(when string, want schemas.RouteOutage) {
			t.Helper()
			if got := r.metrics.outage("all", time.Now()); got != want {
				t.Errorf("%s: %+v, want %+v", when, got, want)
			}
		}
		want("before there was a call", schemas.RouteOutage{})
		r.gate.answer = func(req executor.Request) conversation.Outcome {
			if id := req.Call.GetOptions().GetConversationId(); id != "well" {
				return down(req)
			}
			return conversation.Outcome{Results: make([]conversation.ObjectOutcome, 1)}
		}
		es := entries(names("c", circuitFailures)...)
		r.releaseAll(r.ready(es...))
		for range circuitFailures - 1 {
			r.gate.open <- struct{}{}
			synctest.Wait()
		}
		want("while it may be chance", schemas.RouteOutage{})
		r.gate.open <- struct{}{}
		synctest.Wait()
		for _, f := range r.mailbox.take() { // they are tried again much later
			r.heard(f)
			r.ended(f.work.key)
		}
		want("at once", schemas.RouteOutage{Cause: schemas.OutageCircuit, For: circuitOpenMin})
		<-time.After(circuitOpenMin - time.Millisecond)
		want("a little before its time", schemas.RouteOutage{Cause: schemas.OutageCircuit, For: time.Millisecond})
		<-time.After(time.Millisecond)
		want("when nobody tries it", schemas.RouteOutage{})
		r.releaseAll(r.ready(entry{id: "well"}))
		synctest.Wait()
		want("while it is being tried", schemas.RouteOutage{Cause: schemas.OutageCircuit})
		r.gate.open <- struct{}{}
		synctest.Wait()
		want("when it works", schemas.RouteOutage{})
		r.turn(r.mailbox.take())
		r.wantEmpty()
	})
}
