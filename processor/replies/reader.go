// Package replies reads what backends answer by Kafka. A route of the kafka executor may name a reply topic; each record
// there becomes an answer record on parley.calls, on the partition that its token names, where the call's owner finds
// it. A reply that is none, or whose token is not good, goes to parley.dead with the reason.
//
// An offset is committed after the brokers have acknowledged what was made of the record, so that no reply is lost. One
// may become two answers: the second one changes nothing.
package replies

import (
	"context"
	"fmt"
	"slices"
	"time"

	"parley/internal/relay"
	"parley/internal/route"
)

// Reader reads the reply topics of all routes, as a member of a consumer group.
type Reader struct {
	cfg     Config
	metrics *metrics
	relay   *relay.Relay
	// topics are those that are read. One that no route names any more is read on until the process ends: it may hold
	// answers to calls that were sent before.
	topics []string
}

// New returns a Reader that does nothing until Run. The error is that of Config.Validate.
func New(cfg Config) (*Reader, error) {
	cfg = cfg.withDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("check config of replies: %w", err)
	}
	r := &Reader{cfg: cfg, metrics: newMetrics(cfg.Metrics)}
	var err error
	r.relay, err = relay.New(relay.Config{
		Kafka:    cfg.Kafka,
		Group:    cfg.Group,
		Dead:     cfg.Topics.Dead,
		Make:     r.answer,
		Count:    r.metrics.count,
		More:     r.more,
		Interval: cfg.Interval,
		Log:      cfg.Log,
	})
	return r, err
}

// Run reads until ctx ends, and then returns nil. It is called once. Brokers that are away are waited for; the error is
// that of a client that cannot be made.
func (r *Reader) Run(ctx context.Context) error { return r.relay.Run(ctx) }

// became is what an answer is counted as.
const became = "answer"

// answer makes of a reply what is to be written.
func (r *Reader) answer(reply relay.Record) relay.Made {
	made, problem := r.cfg.answer(reply.Record, time.Now())
	return relay.Made{Record: made, Became: became, Dead: problem}
}

// more adds the reply topics of the table in force to those that are read, and returns the new ones.
func (r *Reader) more() []string {
	var found []string
	for _, rt := range r.cfg.Routes.Table().Routes() {
		name := rt.Executor.ReplyTopic
		if rt.Executor.Type == route.Kafka && name != "" && !slices.Contains(r.topics, name) {
			r.topics = append(r.topics, name)
			found = append(found, name)
		}
	}
	if len(found) > 0 {
		r.cfg.Log.Info("replies are read", "topics", found)
	}
	return found
}
