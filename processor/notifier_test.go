package processor

import (
	"context"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/processor/delivery"
	"parley/processor/notify"
	"parley/processor/store"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// tellRig is a notifier whose turns the test makes.
type tellRig struct {
	*notifier
	t     *testing.T
	woken chan struct{}
}

func newTellRig(t *testing.T, send notify.Sender, leased func(time.Time) bool) *tellRig {
	r := &tellRig{t: t, woken: make(chan struct{}, 1)}
	cfg := &Config{Partitions: 3, Senders: map[string]notify.Sender{schemas.ResponseHTTPPost: send}}
	wake := func() {
		select {
		case r.woken <- struct{}{}:
		default:
		}
	}
	r.notifier = newNotifier(cfg, newStore(t), leased, wake, newDeliveryMetrics(prometheus.NewRegistry()))
	t.Cleanup(r.close)
	return r
}

// tell commits and releases the end of a call of a partition that is to be told to https://r.
func (r *tellRig) tell(partition int32, sequence int64) {
	r.t.Helper()
	now := time.Now()
	n := &parleyv1.NoticeState{
		Event: &parleyv1.ResultEvent{Account: "a", Partition: partition, Sequence: sequence, Event: &parleyv1.ResultEvent_Call{Call: &parleyv1.CallEvent{
			Status: string(schemas.OK), RequestId: "0197b2b0-0000-7000-8000-000000000000", CompletedAtMs: now.UnixMilli(),
		}}},
		Counts: []*parleyv1.NoticeCounts{{}},
		Cursor: schemas.Cursor{Since: now}.String(),
	}
	d := store.Delivery{
		Account: "a", State: delivery.Begin(now),
		Target: &parleyv1.ResponseTarget{ResponseType: schemas.ResponseHTTPPost, ResponseAddress: "https://r/", RespondWhen: string(schemas.RespondAlways)},
	}
	tx := r.store.Begin(partition, store.Meta{})
	if err := tx.PutNotice(sequence, n, []store.Delivery{d}); err != nil {
		r.t.Fatal(err)
	}
	if err := tx.Apply(store.Applied{}, nil); err != nil {
		r.t.Fatal(err)
	}
	r.release(partition, telling{id: store.DeliveryID{Sequence: sequence}, receiver: d.Receiver(), due: now})
}

// A line that was forgotten with its partition while something still waited for it is not looked at instead of the one that its
// receiver has got since: that would be forgotten, with what it holds.
func TestLineThatWasForgottenIsNoOther(t *testing.T) {
	t.Parallel()
	began, answer := make(chan struct{}, 2), make(chan struct{})
	send := func(ctx context.Context, _ *notify.Notification) notify.Verdict {
		began <- struct{}{}
		select {
		case <-answer:
		case <-ctx.Done():
		}
		return notify.Verdict{Kind: notify.Taken}
	}
	holds := false // under mu: begin asks
	r := newTellRig(t, send, func(time.Time) bool { return holds })
	r.adopt(1, time.Now())
	r.adopt(2, time.Now())
	r.tell(1, 1) // waits for the lease
	r.drop(1)
	r.mu.Lock()
	holds = true
	r.mu.Unlock()
	r.tell(2, 1)
	<-began
	for range 2 { // what waited for the lease is looked at; then the delivery that is under way is found in the store
		r.again()
		if err := r.fill(); err != nil {
			t.Fatal(err)
		}
	}
	r.mu.Lock()
	lines, underway := len(r.receivers), r.underway
	r.mu.Unlock()
	if lines != 1 || underway != 1 {
		t.Errorf("%d lines of one receiver, %d attempts at one delivery", lines, underway)
	}
	close(answer)
	<-r.woken
	if told := r.take(); len(told) != 1 {
		t.Errorf("%d attempts have something to say", len(told))
	}
}

// again has fill look at all that waits, and at all deliveries in the store.
func (r *tellRig) again() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lookAt = time.Now()
	for _, t := range r.owned {
		t.due, t.passed = t.begun, store.DueDelivery{}
	}
}
