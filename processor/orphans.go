package processor

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/route"
	"parley/internal/token"
	"parley/processor/conversation"
	"parley/schemas"
)

// orphans sends what executions have to say of partitions that are not ours any more to whoever owns them, as answers.
// An attempt is then not repeated, or not declared lost, if its answer is there first.
type orphans struct {
	cfg    *Config
	client *kgo.Client
}

func newOrphans(cfg *Config) (*orphans, error) {
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0)}, cfg.Kafka...)...)
	if err != nil {
		return nil, fmt.Errorf("producer of answers: %w", err)
	}
	return &orphans{cfg: cfg, client: client}, nil
}

// orphansTimeout bounds the last sends at the end.
const orphansTimeout = 5 * time.Second

func (o *orphans) close() {
	ctx, cancel := context.WithTimeout(context.Background(), orphansTimeout)
	defer cancel()
	if err := o.client.Flush(ctx); err != nil {
		o.cfg.Log.Warn("outcomes of partitions that were lost are not sent; their calls are repeated, or declared unknown", "error", err)
	}
	o.client.Close()
}

// send sends an outcome that its partition's owner does not have. It does not wait.
func (o *orphans) send(f finished) {
	a := orphanAnswer(f)
	if a == nil {
		return
	}
	a.Token = o.cfg.Tokens.Sign(token.Token{Partition: f.work.partition, RequestID: f.id, Expires: f.at.Add(f.route.DeferTimeout)})
	value, err := schemas.EncodeAnswer(a)
	if err != nil {
		o.cfg.Log.LogAttrs(context.Background(), slog.LevelError, "an outcome cannot be sent as an answer: a defect of parley", about(f.work.partition, f.work.key, slog.Any("error", err))...)
		return
	}
	account, conversationID, _ := f.work.key.Split()
	r := &kgo.Record{
		Topic:     o.cfg.Topics.Calls,
		Partition: f.work.partition,
		Key:       []byte(schemas.RecordKey(account, conversationID, f.id)),
		Value:     value,
		Headers:   []kgo.RecordHeader{{Key: schemas.HeaderType, Value: []byte(schemas.RecordAnswer)}},
	}
	o.client.TryProduce(context.Background(), r, func(_ *kgo.Record, err error) {
		if err != nil {
			o.cfg.Log.LogAttrs(context.Background(), slog.LevelWarn, "an outcome of a partition that was lost is not sent; its call is repeated, or declared unknown",
				about(f.work.partition, f.work.key, slog.Any("error", err))...)
		}
	})
}

// orphanAnswer is an outcome as an answer; nil: the next owner does well without it.
func orphanAnswer(f finished) *schemas.Answer {
	if f.kind != attemptEnded || f.route == nil {
		return nil
	}
	switch o := f.outcome; {
	case o.Kind == conversation.Answered:
		a := &schemas.Answer{Results: make([]schemas.AnswerResult, len(o.Results))}
		for i, r := range o.Results {
			a.Results[i] = answerResult(int32(i), r)
		}
		return a
	case o.Kind == conversation.Failed:
		return &schemas.Answer{Failed: true, Code: o.Code, Message: o.Message}
	case o.Kind == conversation.Transient && f.route.Delivery == route.AtMostOnce && !o.Unsent:
		return &schemas.Answer{Failed: true, Code: schemas.OutcomeUnknown, Message: o.Message}
	}
	return nil
}

func answerResult(ordinal int32, r conversation.ObjectOutcome) schemas.AnswerResult {
	out := schemas.AnswerResult{Ordinal: &ordinal, Status: schemas.OK, Message: r.Message}
	switch {
	case r.Withheld:
		out.Status, out.ErrorCode = schemas.Error, schemas.Erased
	case r.Failed:
		out.Status, out.ErrorCode = schemas.Error, r.Code
	}
	return out
}
