package processor

import (
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"parley/processor/store"
	"parley/schemas"
)

func TestThroughputIsThatOfBusyTime(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000, 0)
	var m throughput
	about := func(what string, want float64) {
		t.Helper()
		if got := m.perSecond(now); math.Abs(got-want) > want/100 {
			t.Errorf("%s: %.3f a second, want %.3f", what, got, want)
		}
	}
	about("before anything", 0)
	busy := func(every time.Duration, n int) {
		m.begin(now)
		for range n {
			now = now.Add(every)
			m.add(1, now)
		}
	}
	busy(20*time.Millisecond, 100)
	about("for two seconds", 50)
	now = now.Add(time.Hour) // nobody waits
	busy(20*time.Millisecond, 10)
	about("after an hour without anything to do", 50)
	busy(200*time.Millisecond, 1_000)
	about("after it has become slow", 5)
	busy(time.Minute, 5)
	about("when an attempt takes longer than what is remembered", 1./60)
	now = now.Add(time.Hour)
	if got := m.perSecond(now); got > 1./3600 {
		t.Errorf("%f a second while nothing has ended for an hour", got)
	}
}

func TestPlaceInLine(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, s *store.Store) {
		r := newRigOn(t, s, 100, oneRoute("concurrency: 1"))
		r.owns(0)
		r.releaseAll(r.ready(entries(names("c", 4)...)...))
		r.releaseAll(r.ready(entry{id: "first", priority: schemas.High}, entry{id: "other", account: "other"}))
		synctest.Wait()
		places := func(what string, want map[string]int) {
			t.Helper()
			for id, n := range want {
				e := entry{id: id}
				if id == "other" {
					e.account = "other"
				}
				a, ok := r.running.place(e.key(), time.Now())
				if ok != (n >= 0) || ok && a.others != n {
					t.Errorf("%s: %d are ahead of %s, %t, want %d", what, a.others, id, ok, n)
				}
			}
		}
		estimates := func(what string, want time.Duration) {
			t.Helper()
			if a, _ := r.running.place(keyOf("c3"), time.Now()); a.in.Round(time.Second) != want {
				t.Errorf("%s: in %s, want in %s", what, a.in, want)
			}
		}
		places("at first", map[string]int{"c0": -1, "first": 0, "c1": 1, "other": 2, "c2": 3, "c3": 4, "nobody": -1})
		estimates("before anything has ended", 0)
		through := func() {
			time.Sleep(10 * time.Second) //nolint:forbidigo // the clock of the bubble
			r.gate.open <- struct{}{}
			synctest.Wait()
			r.turn(r.mailbox.take())
		}
		through()
		places("then", map[string]int{"first": -1, "c1": 0, "other": 1, "c2": 2, "c3": 3})
		estimates("after ten seconds for one", 40*time.Second)
		r.paused.Store("all", true)
		estimates("in maintenance", 0)
		places("in maintenance", map[string]int{"c3": 3})
		r.paused.Delete("all")
		through()
		places("at last", map[string]int{"c1": -1, "other": 0, "c3": 2})
		estimates("after ten seconds for each", 30*time.Second)
		r.gate.opened()
	})
}

func TestPlaceIsShown(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		at   ahead
		want string
	}{
		{ahead{}, "1 -"},
		{ahead{others: 16, in: time.Millisecond}, "17 0.1"},
		{ahead{others: 1, in: 1234 * time.Millisecond}, "2 1.3"},
	} {
		var c schemas.CallResource
		tt.at.show(&c)
		got := fmt.Sprint(*c.Position, " -")
		if c.EstimatedSeconds != nil {
			got = fmt.Sprint(*c.Position, " ", *c.EstimatedSeconds)
		}
		if got != tt.want {
			t.Errorf("%+v is shown as %s, want %s", tt.at, got, tt.want)
		}
	}
}
