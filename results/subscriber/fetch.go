package subscriber

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"parley/schemas"
)

// fetcher reads queues from any place. A consumer of its own for each queue would have a place of its own, and what is asked
// for depends on the question alone.
type fetcher struct {
	client *kgo.Client
	topics schemas.Topics
	unzip  kgo.Decompressor
}

func newFetcher(client *kgo.Client, t schemas.Topics) *fetcher {
	return &fetcher{client: client, topics: t, unzip: kgo.DefaultDecompressor()}
}

// piece is what lies in a queue from a place on.
type piece struct {
	records []*kgo.Record
	// first is the offset from which on it was read.
	first int64
	// next is the offset behind what was read, end that behind everything that is committed.
	next, end int64
}

// atEnd reports whether there is nothing behind the piece.
func (p piece) atEnd() bool { return p.next >= p.end }

// metadataAge is how old what the client remembers of topics may be, metadataFresh when a broker has said that it is wrong.
const (
	metadataAge   = time.Minute
	metadataFresh = time.Millisecond
)

// triesMax bounds the attempts to find who leads a queue.
const triesMax = 3

// from reads about bytesMax bytes of a queue from an offset on, at least one batch if there is one. Records that are deleted
// are passed over. Its error wraps schemas.ErrUnavailable.
func (f *fetcher) from(ctx context.Context, id schemas.SubscriberID, offset int64, bytesMax int32) (piece, error) {
	topic := f.topics.Subscriber(id)
	age := metadataAge
	var err error
	for range triesMax {
		var p piece
		p, err = f.try(ctx, place{topic, offset, age}, bytesMax)
		switch {
		case err == nil:
			return p, nil
		case errors.Is(err, kerr.OffsetOutOfRange):
			start, end, failed := f.bounds(ctx, topic)
			if failed != nil || start <= offset {
				return piece{first: offset, next: offset, end: end}, failed
			}
			offset = start
		case !kerr.IsRetriable(err):
			return piece{}, fmt.Errorf("read %s: %w: %w", topic, schemas.ErrUnavailable, err)
		}
		age = metadataFresh
	}
	return piece{}, fmt.Errorf("read %s: %w: %w", topic, schemas.ErrUnavailable, err)
}

// place is where a queue is read, with what the client remembers of its topic if that is not older than age.
type place struct {
	topic  string
	offset int64
	age    time.Duration
}

// try asks the broker that leads the queue.
func (f *fetcher) try(ctx context.Context, at place, bytesMax int32) (piece, error) {
	leader, id, err := f.leader(ctx, at)
	if err != nil {
		return piece{}, err
	}
	answer, err := f.client.Broker(int(leader)).RetriableRequest(ctx, fetchRequest(at, id, bytesMax))
	if err != nil {
		return piece{}, err
	}
	resp, ok := answer.(*kmsg.FetchResponse)
	if !ok {
		return piece{}, fmt.Errorf("a fetch was answered with %T", answer)
	}
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		return piece{}, err
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return piece{}, errors.New("the broker says nothing of it")
	}
	got, next := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{
		Offset: at.offset, IsolationLevel: kgo.ReadCommitted(), Topic: at.topic,
	}, &resp.Topics[0].Partitions[0], f.unzip, nil)
	if got.Err != nil {
		return piece{}, got.Err
	}
	return piece{records: got.Records, first: at.offset, next: max(at.offset, next), end: got.LastStableOffset}, nil
}

// fetchRequest asks for one partition, outside of any session (KIP-227), without waiting. Its size is bounded as that of a partition, and
// not as that of the answer: where the latter bound ends a partition, kfake, which is the embedded broker, does not say which transactions
// in it were aborted.
func fetchRequest(at place, id [16]byte, bytesMax int32) *kmsg.FetchRequest {
	req := kmsg.NewPtrFetchRequest()
	req.ReplicaID, req.SessionEpoch, req.IsolationLevel, req.MaxBytes = -1, -1, 1, math.MaxInt32
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.TopicID = at.topic, id
	p := kmsg.NewFetchRequestTopicPartition()
	p.FetchOffset, p.PartitionMaxBytes = at.offset, bytesMax
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	return req
}

// leader returns who leads a queue, and the id of its topic, as the client remembers it.
func (f *fetcher) leader(ctx context.Context, at place) (broker int32, id [16]byte, _ error) {
	req := kmsg.NewPtrMetadataRequest()
	req.Topics = []kmsg.MetadataRequestTopic{{Topic: &at.topic}}
	resp, err := f.client.RequestCachedMetadata(ctx, req, at.age)
	switch {
	case err != nil:
		return 0, id, err
	case len(resp.Topics) != 1:
		return 0, id, kerr.UnknownTopicOrPartition
	}
	t := resp.Topics[0]
	if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
		return 0, id, err
	}
	if len(t.Partitions) != 1 {
		return 0, id, fmt.Errorf("topic %s has %d partitions, and must have one", at.topic, len(t.Partitions))
	}
	return t.Partitions[0].Leader, t.TopicID, kerr.ErrorForCode(t.Partitions[0].ErrorCode)
}

// bounds are the first offset of a queue, and that behind everything that is committed.
func (f *fetcher) bounds(ctx context.Context, topic string) (start, end int64, _ error) {
	admin := kadm.NewClient(f.client)
	starts, err := admin.ListStartOffsets(ctx, topic)
	if err == nil {
		err = starts.Error()
	}
	ends, failed := admin.ListCommittedOffsets(ctx, topic)
	if failed == nil {
		failed = ends.Error()
	}
	if err = errors.Join(err, failed); err != nil {
		return 0, 0, fmt.Errorf("list offsets of %s: %w: %w", topic, schemas.ErrUnavailable, err)
	}
	s, _ := starts.Lookup(topic, 0)
	e, _ := ends.Lookup(topic, 0)
	return s.Offset, e.Offset, nil
}
