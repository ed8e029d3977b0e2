package control_test

import (
	"sync"
	"testing"
	"time"

	"parley/internal/control"
	"parley/schemas"
)

func warehouse() control.Subscriber {
	return control.Subscriber{
		ID: 54, Account: "acme", Created: since, By: "acme",
		Subscriber: schemas.Subscriber{Name: "warehouse", TransactionTypes: []string{schemas.EventCallFailed}, MaxBlockCount: 9, WarnDepth: 1, FullDepth: 2},
		Begins:     []int64{0, 7},
	}
}

func TestEveryProcessHearsOfSubscribers(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	a, b := c.startProcess(t), c.startProcess(t)
	if b.Subscriber(54).Live() {
		t.Error("it is there before it is made")
	}
	s := warehouse()
	if err := a.PutSubscriber(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if err := b.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := b.Subscriber(54); !got.Live() || got.Name != "warehouse" || got.Begins[1] != 7 || !got.Created.Equal(since) {
		t.Errorf("the other process knows %+v", got)
	}
	s.Deleted = since.Add(time.Hour)
	if err := b.PutSubscriber(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if err := a.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a.Subscriber(54).Live() || len(a.Subscribers()) != 1 {
		t.Error("it is not deleted, or its number is forgotten")
	}
	c.put(t, "subscriber/55", `{"version":1,"id":54,"account":"acme"}`)
	c.put(t, "subscriber/56", `{"version":1,"id":56,"account":"no/account"}`)
	c.put(t, "queue/54", `{"version":1,"subscriber":54}`)
	c.put(t, "queue/54/x", `{"version":1,"subscriber":54,"acknowledged":2,"handedOut":1}`)
	if err := a.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "what is wrong is said", func() bool {
		return a.logged.count("subscriber not understood") == 2 && a.logged.count("position of a queue not understood") == 2
	})
}

// Several processes say how far a queue was read, at once and in any order: nothing that any has said is lost, also when the
// topic was compacted and all start again.
func TestQueuesOnlyAdvance(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	processes := []process{c.startProcessAs(t, "a"), c.startProcessAs(t, "b")}
	var saying sync.WaitGroup
	for i, p := range processes {
		for n := range int64(20) {
			saying.Go(func() {
				q := control.Queue{Subscriber: 54, Acknowledged: n * int64(i+1), HandedOut: n*int64(i+1) + 5, Dequeued: since}
				if err := p.AdvanceQueue(t.Context(), q); err != nil {
					t.Error(err)
				}
			})
		}
	}
	saying.Wait()
	late := control.Queue{Subscriber: 54, Acknowledged: 3, HandedOut: 43}
	if err := processes[0].AdvanceQueue(t.Context(), late); err != nil { // it takes nothing back
		t.Fatal(err)
	}
	check := func(p process) {
		t.Helper()
		if err := p.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := p.Queue(54); got.Acknowledged != 38 || got.HandedOut != 43 || !got.Dequeued.Equal(since) {
			t.Errorf("read up to %+v, want 38 of 43", got)
		}
	}
	for _, p := range processes {
		check(p)
		p.stop()
	}
	c.Compact()
	check(c.startProcessAs(t, "c"))
}

// What another process has written when CatchUp is called is known when it returns.
func TestCatchUp(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	a, b := c.startProcessAs(t, "a"), c.startProcessAs(t, "b")
	for n := range int64(50) {
		from, to := a, b
		if n%2 == 1 {
			from, to = b, a
		}
		if err := from.AdvanceQueue(t.Context(), control.Queue{Subscriber: 7, Acknowledged: n, HandedOut: n + 1}); err != nil {
			t.Fatal(err)
		}
		if err := to.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := to.Queue(7).HandedOut; got != n+1 {
			t.Fatalf("after %d: %d", n+1, got)
		}
	}
}
