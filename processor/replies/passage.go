package replies

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/topics"
	"parley/schemas"
)

// passage is a reply on its way.
type passage struct {
	reply *kgo.Record
	// made is what is written of it: an answer, or the reason why there is none.
	made *kgo.Record
	// became counts it when it is written.
	became prometheus.Counter
	// err is why the brokers do not have it; nil: they do.
	err error
}

// passageOf makes of a reply what is to be written.
func (r *Reader) passageOf(reply *kgo.Record, now time.Time) *passage {
	made, problem := r.cfg.answer(reply, now)
	if problem != nil {
		return r.buried(reply, reply, problem)
	}
	return &passage{reply: reply, made: made, became: r.metrics.answers}
}

// buried is the end of a reply of which nothing can be made; kept is what is kept of it.
func (r *Reader) buried(reply, kept *kgo.Record, why *schemas.Problem) *passage {
	r.cfg.Log.Warn("reply is no answer", "topic", reply.Topic, "partition", reply.Partition, "offset", reply.Offset, "error", why)
	return &passage{reply: reply, made: topics.Buried(r.cfg.Topics.Dead, kept, why), became: r.metrics.dead}
}

// pause is before what was refused is tried again.
const pause = time.Second

// pass writes what is made of the replies, and returns when the brokers have all of it; false: ctx ended before.
func (r *Reader) pass(ctx context.Context, client *kgo.Client, replies []*kgo.Record) bool {
	now := time.Now()
	left := make([]*passage, len(replies))
	for i, reply := range replies {
		left[i] = r.passageOf(reply, now)
	}
	for left = write(ctx, client, left...); len(left) > 0; left = r.writeEach(ctx, client, left) {
		r.cfg.Log.Warn("what was made of replies is refused", "records", len(left), "error", left[0].err)
		if !wait(ctx, pause) {
			return false
		}
	}
	return true
}

// write returns those that the brokers refuse.
func write(ctx context.Context, client *kgo.Client, all ...*passage) (refused []*passage) {
	var group sync.WaitGroup
	group.Add(len(all))
	for _, p := range all {
		client.Produce(ctx, p.made, func(_ *kgo.Record, err error) {
			p.err = err
			group.Done()
		})
	}
	group.Wait()
	for _, p := range all {
		if p.err != nil {
			refused = append(refused, p)
			continue
		}
		p.became.Inc()
	}
	return refused
}

// writeEach is write, one after the other: of those that are together too long for their topic each one may be short
// enough. One that is not is buried without its content.
func (r *Reader) writeEach(ctx context.Context, client *kgo.Client, all []*passage) (refused []*passage) {
	for _, p := range all {
		write(ctx, client, p)
		if errors.Is(p.err, kerr.MessageTooLarge) {
			where := &kgo.Record{Topic: p.reply.Topic, Partition: p.reply.Partition, Offset: p.reply.Offset}
			p = r.buried(p.reply, where, &schemas.Problem{Code: schemas.TooLarge, Detail: "longer than a record of " + p.made.Topic + " may be"})
			write(ctx, client, p)
		}
		if p.err != nil {
			refused = append(refused, p)
		}
	}
	return refused
}
