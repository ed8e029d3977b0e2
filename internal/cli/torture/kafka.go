package torture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"parley/schemas"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/backend"
)

// kafkaWait bounds a question to Kafka.
const kafkaWait = 30 * time.Second

// makeTopics makes the topics of the kafka routes, with so many replicas; -1: as many as the cluster likes.
func makeTopics(ctx context.Context, brokers []string, t executorTopics, replication int16) error {
	c, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		return fmt.Errorf("open Kafka client: %w", err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, kafkaWait)
	defer cancel()
	made, err := kadm.NewClient(c).CreateTopics(ctx, 4, replication, nil, t.all()...)
	for _, topic := range made.Sorted() {
		err = errors.Join(err, topic.Err)
	}
	if err != nil {
		return fmt.Errorf("make topics: %w", err)
	}
	return nil
}

// request is what a kafka route has written, as a read_committed reader sees it.
type request struct {
	backend.Call
	key   string // Idempotency-Key
	fence int64
	topic string
}

// responder is the backend behind the kafka routes: it reads what is committed, and answers what wants an answer.
type responder struct {
	client *kgo.Client
	topics executorTopics

	mu       sync.Mutex
	requests []request
	err      error // a record that is no request
}

func newResponder(brokers []string, t executorTopics) (*responder, error) {
	c, err := kgo.NewClient(
		kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(t.asked, t.told), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.ProducerLinger(0), kgo.FetchMaxWait(100*time.Millisecond),
	)
	if err != nil {
		return nil, fmt.Errorf("open Kafka client: %w", err)
	}
	return &responder{client: c, topics: t}, nil
}

// run answers until ctx ends. Every eighth answer is given twice, every fiftieth never.
func (r *responder) run(ctx context.Context) {
	for n := 0; ctx.Err() == nil; {
		fetches := r.client.PollFetches(ctx)
		fetches.EachRecord(func(record *kgo.Record) {
			token := r.note(record)
			if record.Topic != r.topics.asked {
				return
			}
			n++
			for range answers(n) {
				r.client.Produce(ctx, &kgo.Record{
					Topic: r.topics.replies, Key: record.Key, Value: []byte(`{"results":[]}`),
					Headers: []kgo.RecordHeader{{Key: schemas.HeaderDeferredToken, Value: token}},
				}, nil) // an answer that is lost is one that is never given
			}
		})
	}
}

// answers is how often the n-th request is answered.
func answers(n int) int {
	switch {
	case n%50 == 0:
		return 0
	case n%8 == 0:
		return 2
	}
	return 1
}

// note writes a request down, and returns its token.
func (r *responder) note(record *kgo.Record) (token []byte) {
	q := request{topic: record.Topic}
	err := json.Unmarshal(record.Value, &q.Call)
	for _, h := range record.Headers {
		switch h.Key {
		case schemas.HeaderDeferredToken:
			token = h.Value
		case "idempotency-key":
			q.key = string(h.Value)
		case "parley-fence":
			var bad error
			q.fence, bad = strconv.ParseInt(string(h.Value), 10, 64)
			err = errors.Join(err, bad)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.err = fmt.Errorf("read request on %s: %w", record.Topic, err)
	}
	r.requests = append(r.requests, q)
	return token
}

// seen returns what was read so far.
func (r *responder) seen() ([]request, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.requests, r.err
}
