package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/schemas"
)

// recordOverheadMax bounds what a record has beyond the bytes of its call: account, ids, digest, key and headers.
const recordOverheadMax = 4 << 10

// RecordBytesMax bounds the records that calls within the limits make; the topic's max.message.bytes is at least
// this.
func RecordBytesMax(l schemas.Limits) int { return l.CallBytesMax + recordOverheadMax }

// ProducerOptions are what the client of a Config is made with, beside the brokers and how to get at them. Its
// memory is bounded by Config.BytesInFlightMax, so its own bounds are out of the way. There is no linger: while a
// request is on its way to a broker the next batch gathers behind it. It tries again soon, at an even pace: a record
// that was given up is let go at the next try, and is waited for until then.
func ProducerOptions(l schemas.Limits) []kgo.Opt {
	return []kgo.Opt{
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerLinger(0),
		kgo.ProducerBatchMaxBytes(int32(RecordBytesMax(l))),
		kgo.MaxBufferedRecords(bufferedRecordsMax),
		kgo.RetryBackoffFn(func(int) time.Duration { return retryPause }),
		kgo.MetadataMinAge(retryPause),
	}
}

// retryPause is between the tries of the client, and between its questions where a partition's leader is.
const retryPause = 100 * time.Millisecond

// bufferedRecordsMax is far above what BytesInFlightMax lets through.
const bufferedRecordsMax = 4 << 20

// producer writes records to the log and knows how long to wait for it.
type producer struct {
	client *kgo.Client
	// timeout is how long the brokers may stay silent.
	timeout time.Duration
	log     *slog.Logger
	// took measures how long the brokers take.
	took prometheus.Observer
	// refused is when the brokers last refused something, in nanoseconds of the clock; 0: it has been said since that they take
	// everything.
	refused atomic.Int64
}

// fate is what became of a record.
type fate struct {
	// settled is false for a record that may yet reach the log.
	settled bool
	// err is why the record is not in the log; nil: it is, at Offset.
	err error
	schemas.Position
}

// acknowledged reports whether the brokers have the record.
func (f fate) acknowledged() bool { return f.settled && f.err == nil }

// batch follows the records of one request.
type batch struct {
	// over is waited for; it comes when all fates are settled, or nobody waits for the rest any more.
	over sync.WaitGroup

	mu    sync.Mutex
	fates []fate
	left  int
	// seen is what was left when patience was last looked at.
	seen     int
	patience *time.Timer
	giveUp   context.CancelFunc
	gaveUp   bool
	ended    bool
}

// settleMax is how long a record that was given up is waited for: until the client, which would have tried again,
// says that it has not and will not.
const settleMax = 2 * retryPause

// produce writes records, in order, and returns what became of each as soon as all are settled or the brokers have
// been silent for the timeout. The lease is held until the client has let go of every record.
func (p *producer) produce(ctx context.Context, records []*kgo.Record, l *lease) []fate {
	if len(records) == 0 {
		return nil
	}
	// A client that hangs up must not fail the records of others: kgo fails whole batches by their first context.
	ctx, giveUp := context.WithCancel(context.WithoutCancel(ctx))
	defer giveUp()
	l.hold()
	b := &batch{fates: make([]fate, len(records)), left: len(records), seen: len(records), giveUp: giveUp}
	b.over.Add(1)
	for i, r := range records {
		p.client.TryProduce(ctx, r, func(r *kgo.Record, err error) {
			if b.settle(i, fate{settled: true, err: err, Position: schemas.Position{Partition: r.Partition, Offset: r.Offset}}) {
				l.release()
			}
		})
	}
	began := time.Now()
	b.wait(p.timeout)
	p.took.Observe(time.Since(began).Seconds())
	fates := b.result()
	p.report(fates)
	return fates
}

// settle notes what became of a record, and returns whether it was the last.
func (b *batch) settle(i int, f fate) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fates[i] = f
	b.left--
	if b.left > 0 {
		return false
	}
	b.end()
	return true
}

// end lets go of who waits, once.
func (b *batch) end() {
	if !b.ended {
		b.ended = true
		b.over.Done()
	}
}

// wait returns when all are settled, or when none was for the whole of a timeout and they were given up.
func (b *batch) wait(timeout time.Duration) {
	b.mu.Lock()
	b.patience = time.AfterFunc(timeout, func() { b.look(timeout) })
	b.mu.Unlock()
	b.over.Wait()
	b.patience.Stop()
}

// look gives the rest up if none was settled since the last look, and ends the wait if that was of no use.
func (b *batch) look(timeout time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	progress := b.left < b.seen
	b.seen = b.left
	switch {
	case b.ended:
		return
	case !progress && b.gaveUp:
		b.end()
		return
	case !progress:
		b.gaveUp = true
		b.giveUp()
	}
	if b.gaveUp {
		timeout = settleMax
	}
	b.patience.Reset(timeout)
}

// result are the fates as they are: nothing is written any more to those that are all settled.
func (b *batch) result() []fate {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left == 0 {
		return b.fates
	}
	return slices.Clone(b.fates)
}

// calmMin is for how long nothing may have been refused until it is said that the queue is available again: one broker of
// several may be away, and requests then fare as their partitions do.
const calmMin = 5 * time.Second

// report logs when the brokers stop, and when they begin again, to take records, once for each outage.
func (p *producer) report(fates []fate) {
	for _, f := range fates {
		if f.acknowledged() || errors.Is(f.err, kerr.MessageTooLarge) {
			continue
		}
		if p.refused.Swap(time.Now().UnixNano()) == 0 {
			p.log.Warn("queue unavailable; calls are answered with 503 until the brokers take them again", slog.Any("error", f.reason(p.timeout)), slog.Bool("outcome_known", f.settled))
		}
		return
	}
	last := p.refused.Load()
	if last != 0 && time.Since(time.Unix(0, last)) >= calmMin && p.refused.CompareAndSwap(last, 0) {
		p.log.Info("queue available again")
	}
}

// reason is why a record was not acknowledged, for operators.
func (f fate) reason(timeout time.Duration) error {
	if !f.settled || errors.Is(f.err, context.Canceled) { // it was we who gave it up
		return fmt.Errorf("the brokers have said nothing for %s", timeout)
	}
	return f.err
}

// problem says why a record was not acknowledged.
func (f fate) problem() *schemas.Problem {
	switch {
	case !f.settled:
		return &schemas.Problem{
			Code: schemas.QueueUnavailable,
			Detail: "the queue did not answer in time, and the call may yet reach it; send it again: a part of a conversation, " +
				"or a request with the same Idempotency-Key, is executed once",
		}
	case errors.Is(f.err, kerr.MessageTooLarge):
		return &schemas.Problem{Code: schemas.TooLarge, Detail: "the queue takes no record of this size; send the call's objects in several calls"}
	}
	return &schemas.Problem{Code: schemas.QueueUnavailable, Detail: "the queue cannot take calls now; this one was not queued, send it again later"}
}
