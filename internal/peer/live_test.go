package peer

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"parley/internal/topics"
	"parley/schemas"
)

// ask is Request for an id on a partition, and how long it took.
func ask(ctx context.Context, l *Live, id uuid.UUID, wait time.Duration) (schemas.CallStatus, time.Duration, error) {
	began := time.Now()
	r, err := l.Request(ctx, schemas.RequestQuery{Account: "acme", ID: id, Wait: wait})
	return r.Status, time.Since(began), err
}

func TestWhatIsOursIsNotAskedElsewhere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, g := newNetwork(), &group{owners: all("other")}
		n.put("other", handler(t, owner(nil)))
		l := newLive(t, owner(map[int32]schemas.CallStatus{3: schemas.Executing}, 3), n, g)
		if status, took, err := ask(t.Context(), l, idOn(3), 0); status != schemas.Executing || took > 0 || err != nil {
			t.Errorf("got %s, %v after %s, want Executing", status, err, took)
		}
		if n.asked("other") > 0 {
			t.Error("another node was asked")
		}
	})
}

func TestOwnerElsewhereIsAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := owner(map[int32]schemas.CallStatus{3: schemas.OK}, 2, 3)
		n := newNetwork()
		n.put("other", handler(t, o))
		l := newLive(t, nobody{}, n, &group{owners: owners{2: "other", 3: "other"}})
		id := idOn(3)
		r, err := l.Request(t.Context(), schemas.RequestQuery{Account: "acme", ID: id})
		if want := (schemas.CallResource{Account: "acme", RequestID: id.String(), Status: schemas.OK, Results: []schemas.ResultResource{}}); err != nil || !reflect.DeepEqual(r, want) {
			t.Errorf("got %+v, %v, want %+v", r, err, want)
		}
		at := schemas.Position{Partition: 2, Offset: 7}
		if v, err := l.Answer(t.Context(), schemas.AnswerQuery{ID: id, Accepted: at, Digest: 1<<64 - 1}); v != schemas.AnswerTaken || err != nil {
			t.Errorf("answer: %v, %v, want AnswerTaken", v, err)
		}
		o.change(func(f *fakeOwner) {
			f.verdict, f.calls = schemas.AnswerConflict, map[int32]schemas.CallStatus{2: schemas.OK}
		})
		if v, err := l.Answer(t.Context(), schemas.AnswerQuery{ID: id, Accepted: at}); v != schemas.AnswerConflict || err != nil {
			t.Errorf("answer: %v, %v, want AnswerConflict", v, err)
		}
		c, err := l.Conversation(t.Context(), schemas.ConversationQuery{Account: "acme", ID: "whatever", Accepted: &at})
		if err != nil || c.Account != "acme" || c.Status != schemas.ConversationComplete || !slices.Equal(c.InRecord, []int32{7}) {
			t.Errorf("conversation: %+v, %v, want it Complete, with what only the record has", c, err)
		}
		down := schemas.RouteOutage{Cause: schemas.OutageCircuit, For: 1500 * time.Millisecond}
		o.change(func(f *fakeOwner) { f.outages = map[string]schemas.RouteOutage{"crm": down} })
		for name, want := range map[string]schemas.RouteOutage{"crm": down, "mail": {}} {
			if got, err := l.RouteOutage(t.Context(), schemas.RouteQuery{Partition: 2, Route: name}); got != want || err != nil {
				t.Errorf("outage of %s: %+v, %v, want %+v", name, got, err, want)
			}
		}
		pending := []schemas.EndDeliveries{{Sequence: 7, Deliveries: []schemas.DeliveryResource{{ResponseAddress: "https://one", Status: schemas.DeliveryPending}}}}
		o.change(func(f *fakeOwner) { f.deliveries = pending })
		if got, err := l.Deliveries(t.Context(), schemas.DeliveriesQuery{Partition: 2, Sequences: []int64{7}}); err != nil || !reflect.DeepEqual(got, pending) {
			t.Errorf("deliveries: %+v, %v, want %+v", got, err, pending)
		}
		for _, q := range o.asked() {
			if len(q.in) != 1 || q.in[0] != 2 && q.in[0] != 3 {
				t.Errorf("asked %+v, want of the one partition", q)
			}
		}
	})
}

// What an owner says comes to the asker as it is.
func TestFailuresAreCarried(t *testing.T) {
	t.Parallel()
	as := uuid.New()
	for name, said := range map[string]error{
		"unknown":     schemas.ErrUnknown,
		"unavailable": schemas.ErrUnavailable,
		"recorded":    &schemas.RecordedError{As: as, Part: schemas.Part{ConversationID: "c", SequenceCode: 3}},
		"fault":       errors.New("disk is broken"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := owner(nil)
				o.err = said
				n := newNetwork()
				n.put("other", handler(t, o))
				l := newLive(t, nobody{}, n, &group{owners: all("other")})
				_, err := l.Request(t.Context(), schemas.RequestQuery{Account: "acme", ID: idOn(1), Accepted: &schemas.Position{Partition: 1}})
				if name == "unknown" {
					_, err = l.Conversation(t.Context(), schemas.ConversationQuery{Account: "acme", ID: "c"})
				}
				if errors.Is(err, schemas.ErrUnknown) != (name == "unknown") || errors.Is(err, schemas.ErrUnavailable) == (name == "unknown") {
					t.Errorf("got %v, want %v", err, said)
				}
				if e, ok := errors.AsType[*schemas.RecordedError](err); name == "recorded" && (!ok || e.As != as || e.Part.ConversationID != "c" || e.Part.SequenceCode != 3) {
					t.Errorf("got %v, want %v", err, said)
				}
			})
		})
	}
}

func TestUnknownIsSaidByAll(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		// b and c are the owners of two other nodes; nil: the node is gone.
		b, c      *fakeOwner
		status    schemas.CallStatus
		err       error
		unreached []int32
	}{
		{name: "nobody knows", b: owner(nil, 2, 3, 4), c: owner(nil, 5, 6, 7), err: schemas.ErrUnknown},
		{name: "under another partition", b: owner(nil, 2, 3, 4), c: owner(map[int32]schemas.CallStatus{6: schemas.OK}, 5, 6, 7), status: schemas.OK},
		{name: "its home is gone", c: owner(map[int32]schemas.CallStatus{6: schemas.OK}, 5, 6, 7), err: schemas.ErrUnavailable},
		{name: "another node is gone", b: owner(nil, 2, 3, 4), err: schemas.ErrUnavailable},
		{name: "one partition has no owner", b: owner(nil, 2, 3), c: owner(nil, 5, 6, 7), err: schemas.ErrUnavailable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork()
				if tt.b != nil {
					n.put("b", handler(t, tt.b))
				}
				if tt.c != nil {
					n.put("c", handler(t, tt.c))
				}
				g := &group{owners: owners{0: "self", 1: "self", 2: "b", 3: "b", 4: "b", 5: "c", 6: "c", 7: "c"}}
				l := newLive(t, owner(nil, 0, 1), n, g)
				status, _, err := ask(t.Context(), l, idOn(2), 0)
				if status != tt.status || !errors.Is(err, tt.err) || (tt.err == nil) != (err == nil) {
					t.Errorf("got %s, %v, want %s, %v", status, err, tt.status, tt.err)
				}
			})
		})
	}
}

// A text that is a request id may be a ConversationID as well, on a partition of another node.
func TestConversationMayHaveTwoHomes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		id := idOn(1)
		named := schemas.ConversationQuery{Account: "acme", ID: id.String()}
		for topics.OfConversation(named.Keys()[1], partitions) == 1 {
			id = idOn(1)
			named.ID = id.String()
		}
		home := topics.OfConversation(named.Keys()[1], partitions)
		b, c := owner(nil, 1), owner(map[int32]schemas.CallStatus{home: schemas.OK}, home)
		n := newNetwork()
		n.put("b", handler(t, b))
		n.put("c", handler(t, c))
		l := newLive(t, nobody{}, n, &group{owners: owners{1: "b", home: "c"}})
		if r, err := l.Conversation(t.Context(), named); err != nil || r.Status != schemas.ConversationComplete {
			t.Errorf("got %+v, %v, want Complete", r, err)
		}
		c.change(func(f *fakeOwner) { f.calls = nil })
		if _, err := l.Conversation(t.Context(), named); !errors.Is(err, schemas.ErrUnknown) {
			t.Errorf("got %v, want ErrUnknown of both", err)
		}
	})
}

func TestLongPollIsAskedInSlices(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := owner(map[int32]schemas.CallStatus{3: schemas.Executing}, 3)
		n := newNetwork()
		n.put("other", handler(t, o))
		l := newLive(t, nobody{}, n, &group{owners: all("other")})
		if status, took, err := ask(t.Context(), l, idOn(3), 12*time.Second); status != schemas.Executing || took != 12*time.Second || err != nil {
			t.Errorf("got %s, %v after %s, want Executing after 12 s", status, err, took)
		}
		var waits []time.Duration
		for _, q := range o.asked() {
			waits = append(waits, q.wait)
		}
		if want := []time.Duration{5 * time.Second, 5 * time.Second, 2 * time.Second}; !slices.Equal(waits, want) {
			t.Errorf("waits %v, want %v", waits, want)
		}
		go func() {
			time.Sleep(7 * time.Second) //nolint:forbidigo // the clock of the bubble
			o.change(func(f *fakeOwner) { f.calls[3] = schemas.OK })
		}()
		if status, took, err := ask(t.Context(), l, idOn(3), 12*time.Second); status != schemas.OK || took != 7*time.Second || err != nil {
			t.Errorf("got %s, %v after %s, want OK after 7 s", status, err, took)
		}
	})
}

func TestRebalanceDuringLongPoll(t *testing.T) {
	t.Parallel()
	for _, to := range []string{"c", "self"} {
		t.Run("to "+to, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b, c := owner(map[int32]schemas.CallStatus{3: schemas.Executing}, 3), owner(nil)
				n, g := newNetwork(), &group{owners: all("b")}
				n.put("b", handler(t, b))
				l := newLive(t, nobody{}, n, g)
				if to == "self" {
					l.owner = c
				} else {
					n.put("c", handler(t, c))
				}
				go func() {
					time.Sleep(2 * time.Second) //nolint:forbidigo // the clock of the bubble
					g.set(nil, errors.New("group is PreparingRebalance"))
					b.change(func(f *fakeOwner) { f.owned = nil })
					time.Sleep(time.Second) //nolint:forbidigo // as above
					g.set(all(to), nil)
					time.Sleep(500 * time.Millisecond) //nolint:forbidigo // as above; it catches up
					c.change(func(f *fakeOwner) { f.owned, f.calls = []int32{3}, map[int32]schemas.CallStatus{3: schemas.Executing} })
					time.Sleep(10 * time.Second) //nolint:forbidigo // as above
					c.change(func(f *fakeOwner) { f.calls[3] = schemas.OK })
				}()
				if status, took, err := ask(t.Context(), l, idOn(3), time.Minute); status != schemas.OK || took != 13500*time.Millisecond || err != nil {
					t.Errorf("got %s, %v after %s, want OK after 13.5 s", status, err, took)
				}
			})
		})
	}
}

// A wait for another status ends with the first one, whoever owns the partition by then.
func TestWaitForAChangeDuringARebalance(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, c := owner(map[int32]schemas.CallStatus{3: schemas.Waiting}, 3), owner(map[int32]schemas.CallStatus{3: schemas.Waiting}, 3)
		n, g := newNetwork(), &group{owners: all("b")}
		n.put("b", handler(t, b))
		n.put("c", handler(t, c))
		l := newLive(t, nobody{}, n, g)
		q := schemas.RequestQuery{Account: "acme", ID: idOn(3)}
		r, err := l.Request(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		q.Wait, q.Seen = time.Minute, r.ETag()
		go func() {
			time.Sleep(2 * time.Second) //nolint:forbidigo // the clock of the bubble
			g.set(all("c"), nil)
			b.change(func(f *fakeOwner) { f.owned = nil })
			time.Sleep(10 * time.Second) //nolint:forbidigo // as above
			c.change(func(f *fakeOwner) { f.calls[3] = schemas.Executing })
		}()
		began := time.Now()
		if r, err = l.Request(t.Context(), q); r.Status != schemas.Executing || err != nil || time.Since(began) != 12*time.Second {
			t.Errorf("got %s, %v after %s, want Executing after 12 s", r.Status, err, time.Since(began))
		}
	})
}

// An owner that is gone, or says nothing, is given up in a bounded time; who can tell then is asked by ingest.
func TestOwnerThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	silent := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	tests := []struct {
		name   string
		node   http.Handler // nil: gone
		wait   time.Duration
		within time.Duration
	}{
		{"gone", nil, 0, 0},
		{"gone, with a wait", nil, time.Minute, ownerWait + 2*ownerPause},
		{"silent", silent, 0, silence},
		{"silent, with a wait", silent, time.Minute, sliceMax + silence},
		{"silent, with a short wait", silent, time.Second, time.Second + silence},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork()
				n.put("other", tt.node)
				l := newLive(t, nobody{}, n, &group{owners: all("other")})
				_, took, err := ask(t.Context(), l, idOn(3), tt.wait)
				if !errors.Is(err, schemas.ErrUnavailable) || took > tt.within {
					t.Errorf("got %v after %s, want ErrUnavailable within %s", err, took, tt.within)
				}
				if got := counted(t, l.questions.WithLabelValues("unreachable")); got == 0 {
					t.Error("not counted")
				}
			})
		})
	}
}

// One that dies while it is asked is replaced by the next owner, if there is one in time.
func TestOwnerThatDiesDuringLongPoll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, c := owner(map[int32]schemas.CallStatus{3: schemas.Executing}, 3), owner(map[int32]schemas.CallStatus{3: schemas.OK}, 3)
		n, g := newNetwork(), &group{owners: all("b")}
		n.put("b", handler(t, b))
		n.put("c", handler(t, c))
		l := newLive(t, nobody{}, n, g)
		go func() {
			time.Sleep(7 * time.Second) //nolint:forbidigo // the clock of the bubble
			n.put("b", nil)
			g.set(all("c"), nil)
		}()
		if status, took, err := ask(t.Context(), l, idOn(3), time.Minute); status != schemas.OK || took != 10*time.Second || err != nil {
			t.Errorf("got %s, %v after %s, want OK of the next slice, after 10 s", status, err, took)
		}
	})
}

// An owner that is being stopped answers waits at once: it is not asked as fast as it can answer.
func TestOwnerThatStops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := owner(map[int32]schemas.CallStatus{3: schemas.Executing}, 3)
		stopping, stop := context.WithCancel(t.Context())
		stop()
		n := newNetwork()
		h := handler(t, o)
		n.put("other", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(w, r.WithContext(stopping)) }))
		l := newLive(t, nobody{}, n, &group{owners: all("other")})
		if status, took, err := ask(t.Context(), l, idOn(3), time.Second); status != schemas.Executing || took < time.Second || err != nil {
			t.Errorf("got %s, %v after %s, want Executing after a second", status, err, took)
		}
		if got, most := n.asked("other"), int(time.Second/ownerPause)+1; got > most {
			t.Errorf("asked %d times, want at most %d", got, most)
		}
	})
}

func TestQuestionEndsWithItsClient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan time.Time, 1)
		n := newNetwork()
		n.put("other", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			ended <- time.Now()
		}))
		l := newLive(t, nobody{}, n, &group{owners: all("other")})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if _, took, err := ask(ctx, l, idOn(3), time.Minute); err == nil || took != time.Second {
			t.Errorf("got %v after %s, want an error after 1 s", err, took)
		}
		if at := <-ended; at.Sub(began) != time.Second {
			t.Errorf("the owner is asked for %s, want 1 s", at.Sub(began))
		}
	})
}

// However wrong two nodes are about each other, a question goes to one of them, and not on.
func TestQuestionIsNotForwardedTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		n.put("a", handler(t, owner(nil)))
		n.put("b", handler(t, owner(nil)))
		a := newLive(t, owner(nil), n, &group{owners: all("b")})
		a.self = "a"
		b := newLive(t, owner(nil), n, &group{owners: all("a")})
		b.self = "b"
		for i, l := range []*Live{a, b} {
			if _, _, err := ask(t.Context(), l, idOn(3), 0); !errors.Is(err, schemas.ErrUnavailable) {
				t.Errorf("got %v, want ErrUnavailable", err)
			}
			asked := []int{n.asked("b"), n.asked("a")}
			if want := []int{1, i}; !slices.Equal(asked, want) {
				t.Errorf("b and a were asked %v times, want %v", asked, want)
			}
		}
	})
}

// A node whose address another one advertises as well does not ask itself.
func TestNodeDoesNotAskItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		n.put("self", handler(t, owner(nil)))
		l := newLive(t, owner(nil), n, &group{owners: all("self")})
		if _, _, err := ask(t.Context(), l, idOn(3), time.Second); !errors.Is(err, schemas.ErrUnavailable) {
			t.Errorf("got %v, want ErrUnavailable", err)
		}
		if got := n.asked("self"); got > 0 {
			t.Errorf("asked itself %d times", got)
		}
	})
}
