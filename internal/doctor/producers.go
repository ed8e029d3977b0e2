package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/topics"
	"parley/schemas"
)

const (
	// sampledPerPartition is how many of the last records of a partition are looked at.
	sampledPerPartition = 100
	// sampledMax is how many are in all, sampleWait how long they are read.
	sampledMax = 5_000
	sampleWait = 3 * time.Second
)

// sample is what the last records of the calls are.
type sample struct {
	calls int
	// astray are calls in another partition than that of their identity, misnamed those whose key is not that of their
	// identity, forwarded those that were sent on because of it.
	astray, misnamed, forwarded int
	// accounts are those of astray and misnamed calls.
	accounts []string
}

// add looks at one record, which is one of n partitions.
func (s *sample) add(r *kgo.Record, n int32) {
	if kind := header(r, schemas.HeaderType); r.Attrs.IsControl() || kind != "" && kind != schemas.RecordCall {
		return
	}
	s.calls++
	if header(r, schemas.HeaderForwardedFrom) != "" {
		s.forwarded++
		return
	}
	call, problem := schemas.DecodeRecord(header(r, schemas.HeaderContentType), r.Value)
	if problem != nil || call.GetOptions().GetConversationId() == "" {
		if len(r.Key) > 0 && topics.Partition(string(r.Key), n) != r.Partition {
			s.note(&s.astray, accountOf(r.Key))
		}
		return
	}
	key := schemas.RecordKey(call.Account, call.Options.GetConversationId(), schemas.RequestID{})
	if topics.Partition(key, n) != r.Partition {
		s.note(&s.astray, call.Account)
	} else if string(r.Key) != key {
		s.note(&s.misnamed, call.Account)
	}
}

func (s *sample) note(count *int, account string) {
	*count++
	if !slices.Contains(s.accounts, account) {
		s.accounts = append(s.accounts, account)
	}
}

func accountOf(key []byte) string {
	account, _, _ := strings.Cut(string(key), "/")
	return account
}

func header(r *kgo.Record, name string) string {
	for _, h := range r.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}

func judgeSample(s sample) Finding {
	f := Finding{Check: Producers, Subject: "the last calls", Verdict: OK}
	wrong := s.astray + s.misnamed + s.forwarded
	if wrong == 0 {
		f.Found = fmt.Sprintf("%d, all where they belong", s.calls)
		return f
	}
	slices.Sort(s.accounts)
	f.Verdict = Warning
	f.Found = fmt.Sprintf("of %d, %d are in another partition than their own, %d have another key, %d were forwarded", s.calls, s.astray, s.misnamed, s.forwarded)
	if len(s.accounts) > 0 {
		f.Found += "; accounts " + strings.Join(s.accounts[:min(len(s.accounts), 10)], ", ")
	}
	f.Meaning = "they are forwarded to their own partition: it costs a commit, and they may come behind later ones"
	f.Remedy = "give them the key account/conversationId, and producers made with librdkafka partitioner=murmur2_random"
	return f
}

// checkProducers looks at the last records of the calls.
func (k Kafka) checkProducers(ctx context.Context, c topics.Cluster) Report {
	calls := c.Topic(k.Spec.Topics.Calls)
	if calls.Err != nil {
		return nil
	}
	s, err := k.sampled(ctx, int32(len(calls.Partitions)))
	if err != nil {
		return Report{{Check: Producers, Subject: "the last calls", Verdict: Unknown, Found: err.Error(), Meaning: "whether calls are where they belong is not known"}}
	}
	return Report{judgeSample(s)}
}

// sampled reads the ends of n partitions, as far as they come in time.
func (k Kafka) sampled(ctx context.Context, n int32) (s sample, err error) {
	ends, err := kadm.NewClient(k.Client).ListEndOffsets(ctx, k.Spec.Topics.Calls)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return s, fmt.Errorf("list ends of %s: %w", k.Spec.Topics.Calls, err)
	}
	from, left := make(map[int32]kgo.Offset), make(map[int32]int64)
	share := max(1, min(sampledPerPartition, sampledMax/int64(n)))
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			from[o.Partition], left[o.Partition] = kgo.NewOffset().At(max(0, o.Offset-share)), o.Offset
		}
	})
	if len(from) == 0 {
		return s, nil
	}
	reader, err := kgo.NewClient(append(slices.Clip(k.Options), kgo.KeepControlRecords(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{k.Spec.Topics.Calls: from}))...)
	if err != nil {
		return s, fmt.Errorf("read %s: %w", k.Spec.Topics.Calls, err)
	}
	defer reader.Close()
	ctx, cancel := context.WithTimeout(ctx, sampleWait)
	defer cancel()
	for len(left) > 0 {
		fetches := reader.PollFetches(ctx)
		if ctx.Err() != nil {
			return s, nil // what has come is a sample, too
		}
		if err := fetches.Err(); err != nil {
			return s, fmt.Errorf("read %s: %w", k.Spec.Topics.Calls, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if end, reading := left[r.Partition]; reading && r.Offset < end {
				s.add(r, n)
			}
			if r.Offset >= left[r.Partition]-1 {
				delete(left, r.Partition)
			}
		})
	}
	return s, nil
}
