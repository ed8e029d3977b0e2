package torture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"parley/internal/cli/client"
	"parley/internal/topics"
	"parley/schemas"
)

const (
	ruleAccepted rule = "calls that were acknowledged"
	ruleSameID   rule = "resends in the same bytes that were given the same request id"
)

const (
	// batchMax bounds the calls of a request, senders the requests that are under way.
	batchMax = 10
	senders  = 16
)

// load sends everything in its time, or, when nobody takes it, later. It returns when all is acknowledged.
func (r *run) load(ctx context.Context) error {
	var group errgroup.Group
	group.SetLimit(senders)
	all := r.plan.sendings
	for len(all) > 0 {
		if !pause(ctx, time.Until(r.began.Add(all[0].at))) {
			break
		}
		now := time.Since(r.began)
		batch := make(map[string][]sending) // by account
		for ; len(all) > 0 && all[0].at <= now; all = all[1:] {
			s := all[0]
			switch account := s.call.account; {
			case s.spelling.toKafka:
				group.Go(func() error { return r.produce(ctx, s) })
			case s.call.conversation == "": // its Idempotency-Key is its own
				group.Go(func() error { return r.post(ctx, []sending{s}, s.call.single) })
			default:
				if batch[account] = append(batch[account], s); len(batch[account]) == batchMax {
					full := batch[account]
					group.Go(func() error { return r.post(ctx, full, r.key()) })
					batch[account] = nil
				}
			}
		}
		for _, some := range batch {
			if len(some) > 0 {
				group.Go(func() error { return r.post(ctx, some, r.key()) })
			}
		}
	}
	return group.Wait()
}

// key is an Idempotency-Key that no other request has.
func (r *run) key() string { return fmt.Sprintf("torture-%d", r.keys.Add(1)) }

// post sends calls of one account until a member has acknowledged them.
func (r *run) post(ctx context.Context, some []sending, key string) error {
	lines, err := r.lines(some)
	if err != nil {
		return err
	}
	var receipts []client.Receipt
	err = r.ask(ctx, func(m *member) error {
		receipts, err = m.clients[some[0].call.account].Post(ctx, lines, len(some), key)
		return err
	})
	if errors.Is(err, errNobody) {
		r.checks.broke(ruleAccepted, "%s and %d more after %s: %v", some[0].call.name(), len(some)-1, r.age(), err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("send calls: %w", err)
	}
	for i, s := range some {
		if got := receipts[i]; got.Accepted() {
			r.checks.held(ruleAccepted)
			r.ledger.acknowledged(s.call, got.RequestID, got.Receipt)
		} else {
			r.checks.broke(ruleAccepted, "%s: %s %s", s.call.name(), got.Code, got.Detail)
		}
	}
	return nil
}

// lines spells calls, and notes that they are sent.
func (r *run) lines(some []sending) ([]byte, error) {
	var all bytes.Buffer
	for _, s := range some {
		line, err := s.call.json(s.spelling, r.receiver.at)
		if err != nil {
			return nil, err
		}
		r.ledger.sending(s.call, line)
		all.Write(line)
		all.WriteByte('\n')
	}
	return all.Bytes(), nil
}

// produce writes a call to the log itself.
func (r *run) produce(ctx context.Context, s sending) error {
	value, err := s.call.json(s.spelling, r.receiver.at)
	if err != nil {
		return err
	}
	r.ledger.sending(s.call, value)
	id := uuid.Nil
	if s.call.conversation == "" {
		id = uuid.MustParse(s.call.single)
	}
	key := schemas.RecordKey(s.call.account, s.call.conversation, id)
	partition := topics.Partition(key, partitions)
	if s.astray {
		partition = (partition + 1 + rand.Int32N(partitions-1)) % partitions
	}
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	record := &kgo.Record{Topic: schemas.TopicsOf(r.group.prefix).Calls, Partition: partition, Key: []byte(key), Value: value}
	if err := r.kafka.ProduceSync(ctx, record).FirstErr(); err != nil {
		r.checks.broke(ruleAccepted, "%s by Kafka after %s: %v", s.call.name(), r.age(), err)
		return nil
	}
	r.checks.held(ruleAccepted)
	r.ledger.acknowledged(s.call, "", "")
	return nil
}

// anyMember is some member that takes calls.
func (r *run) anyMember() *member {
	for {
		if m := r.group.members[rand.IntN(len(r.group.members))]; m.has("ingest") {
			return m
		}
	}
}

// unavailable reports whether it is of use to ask again.
func unavailable(err error) bool {
	_, is := errors.AsType[*client.UnavailableError](err)
	return is
}
