package relay

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/pause"
	"parley/internal/topics"
	"parley/schemas"
)

// passage is a record on its way.
type passage struct {
	source *kgo.Record
	// made is written in its place.
	made   *kgo.Record
	became string
	// err is why the brokers do not have what was made; nil: they do.
	err error
}

// passages makes of the records what is to be written.
func (r *Relay) passages(fetches kgo.Fetches) []*passage {
	var all []*passage
	for _, f := range fetches {
		for _, t := range f.Topics {
			t.EachRecord(func(record *kgo.Record) {
				made := r.cfg.Make(Record{Record: record, TopicID: t.TopicID})
				if made.Dead != nil {
					all = append(all, r.buried(record, record, made.Dead))
					return
				}
				all = append(all, &passage{source: record, made: made.Record, became: made.Became})
			})
		}
	}
	return all
}

// buried is the end of a record of which nothing can be made; kept is what is kept of it.
func (r *Relay) buried(record, kept *kgo.Record, why *schemas.Problem) *passage {
	r.cfg.Log.Warn("nothing can be made of a record", "topic", record.Topic, "partition", record.Partition, "offset", record.Offset, "error", why)
	return &passage{source: record, made: topics.Buried(r.cfg.Dead, kept, why), became: BecameDead}
}

// refusedPause is before what was refused is tried again.
const refusedPause = time.Second

// pass writes what is made of the records. true: there are some, and the brokers have all of it. false: there is
// nothing, or ctx ended before.
func (r *Relay) pass(ctx context.Context, client *kgo.Client, fetches kgo.Fetches) bool {
	all := r.passages(fetches)
	write(ctx, client, all...)
	for left := again(all); len(left) > 0; left = r.writeEach(ctx, client, left) {
		if ctx.Err() != nil {
			return false
		}
		r.cfg.Log.Warn("what was made of records is refused; it is tried again", "group", r.cfg.Group, "records", len(left), "error", left[0].err)
		if pause.For(ctx, refusedPause) != nil {
			return false
		}
	}
	for _, p := range all {
		r.cfg.Count(p.source.Topic, p.became)
	}
	return len(all) > 0
}

// write writes all, and returns when it is known what came of each.
func write(ctx context.Context, client *kgo.Client, all ...*passage) {
	var group sync.WaitGroup
	group.Add(len(all))
	for _, p := range all {
		client.Produce(ctx, p.made, func(_ *kgo.Record, err error) {
			p.err = err
			group.Done()
		})
	}
	group.Wait()
}

// again returns those that were refused and, behind one of them, all that goes to the same partition: what has been
// written there has overtaken it.
func again(all []*passage) []*passage {
	type place struct {
		topic     string
		partition int32
	}
	refused := make(map[place]bool)
	var left []*passage
	for _, p := range all {
		at := place{p.made.Topic, p.made.Partition}
		refused[at] = refused[at] || p.err != nil
		if refused[at] {
			left = append(left, p)
		}
	}
	return left
}

// writeEach writes one after the other, and returns those that are left when one is refused: of those that are together
// too long for their topic each may be short enough. One that is not is buried without its content.
func (r *Relay) writeEach(ctx context.Context, client *kgo.Client, all []*passage) []*passage {
	for i, p := range all {
		write(ctx, client, p)
		if unwritable(p.err) {
			where := &kgo.Record{Topic: p.source.Topic, Partition: p.source.Partition, Offset: p.source.Offset}
			*p = *r.buried(p.source, where, &schemas.Problem{Code: schemas.TooLarge, Detail: "longer than a record of " + p.made.Topic + " may be"})
			write(ctx, client, p)
		}
		if p.err != nil {
			return all[i:]
		}
	}
	return nil
}

// unwritable reports whether a topic refuses a record for what it is.
func unwritable(err error) bool {
	return errors.Is(err, kerr.MessageTooLarge) || errors.Is(err, kerr.RecordListTooLarge) || errors.Is(err, kerr.InvalidRecord)
}
