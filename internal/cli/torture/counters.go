package torture

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

const (
	ruleEquation rule = "states of a partition in which accepted = final + open + resent"
	ruleForward  rule = "states of a partition that did not go back: position, fence, sequence, counters"
	ruleDense    rule = "events on parley.results that came once, in order, without a gap"
	ruleDead     rule = "records on parley.dead, all of them answers that came too late"
)

// observer reads what the processors have committed, as it comes: the counters of every partition, and the events.
type observer struct {
	client *kgo.Client
	topics schemas.Topics
	checks *checks

	mu     sync.Mutex
	states map[int32]*parleyv1.PartitionState
	events map[string]int64 // the last sequence, by partition of the calls
	// tenures are the sequences at which a partition got a next owner.
	tenures map[int32][]int64
	err     error
	// expected are the blows from which a partition has not recovered, recoveries all that are measured.
	expected   map[int32][]expectation
	recoveries []*Recovery
}

func newObserver(brokers []string, t schemas.Topics, c *checks) (*observer, error) {
	o := &observer{
		topics: t, checks: c, states: make(map[int32]*parleyv1.PartitionState), events: make(map[string]int64),
		tenures: make(map[int32][]int64), expected: make(map[int32][]expectation),
	}
	var err error
	o.client, err = kgo.NewClient(
		kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(t.State, t.Results, t.Dead),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	)
	if err != nil {
		return nil, fmt.Errorf("open Kafka client: %w", err)
	}
	return o, nil
}

// run reads until ctx ends.
func (o *observer) run(ctx context.Context) {
	for ctx.Err() == nil {
		o.client.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			o.mu.Lock()
			defer o.mu.Unlock()
			switch {
			case r.Topic == o.topics.State && string(r.Key) == "m": // see processor/store, key.go
				o.state(r)
			case r.Topic == o.topics.State:
			case r.Topic == o.topics.Results:
				o.event(r)
			case schemas.Code(header(r, schemas.HeaderErrorCode)) == schemas.CodeExpired:
				o.checks.held(ruleDead)
			default:
				o.checks.broke(ruleDead, "%s: %s", r.Key, header(r, schemas.HeaderErrorDetail))
			}
		})
	}
}

func (o *observer) state(r *kgo.Record) {
	now := new(parleyv1.PartitionState)
	if err := proto.Unmarshal(r.Value[min(1, len(r.Value)):], now); err != nil { // behind the byte of the format
		o.err = fmt.Errorf("read state of partition %d: %w", r.Partition, err)
		return
	}
	if now.Open+now.Resent+ended(now) == now.Accepted {
		o.checks.held(ruleEquation)
	} else {
		o.checks.broke(ruleEquation, "partition %d: %v", r.Partition, now)
	}
	before := o.states[r.Partition]
	if before != nil && (now.NextOffset < before.NextOffset || now.Fence < before.Fence || now.Sequence < before.Sequence || now.Accepted < before.Accepted) {
		o.checks.broke(ruleForward, "partition %d: %v after %v", r.Partition, now, before)
	} else {
		o.checks.held(ruleForward)
	}
	if before != nil {
		for range now.Fence - before.Fence {
			o.tenures[r.Partition] = append(o.tenures[r.Partition], before.Sequence)
		}
	}
	o.states[r.Partition] = now
	o.progress(r.Partition, now)
}

// ended counts the calls of a partition that have ended.
func ended(s *parleyv1.PartitionState) (sum int64) {
	for n := range maps.Values(s.Final) {
		sum += n
	}
	return sum
}

func (o *observer) event(r *kgo.Record) {
	e := new(parleyv1.ResultEvent)
	if err := proto.Unmarshal(r.Value, e); err != nil {
		o.err = fmt.Errorf("read event at %d/%d: %w", r.Partition, r.Offset, err)
		return
	}
	partition := header(r, schemas.HeaderPartition)
	if want := o.events[partition] + 1; e.Sequence == want {
		o.checks.held(ruleDense)
	} else {
		o.checks.broke(ruleDense, "partition %s: sequence %d after %d", partition, e.Sequence, want-1)
	}
	o.events[partition] = e.Sequence
}

func header(r *kgo.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

// totals are the sums over all partitions.
type totals struct {
	accepted, resent, open, ended, events int64
	// untold are the deliveries that have not ended.
	untold int64
}

// total returns the sums of what was read so far.
func (o *observer) total() (t totals, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range o.states {
		t.accepted += s.Accepted
		t.resent += s.Resent
		t.open += s.Open
		t.events += s.Sequence
		t.untold += s.Deliveries
		t.ended += ended(s)
	}
	return t, o.err
}
