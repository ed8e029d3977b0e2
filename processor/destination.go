package processor

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/topics"
	"parley/processor/conversation"
	"parley/schemas"
)

// destinations are the topics of kafka routes, as far as they were looked up. A request that its topic would refuse
// must not get into a turn: it would hold up all others with it.
type destinations struct {
	client *kgo.Client
	mu     sync.Mutex // the client asks for batchBytes
	known  map[string]destination
}

// batchBytes is how long a batch of records for a topic may be. Only what a topic of ours takes is known beforehand.
func (d *destinations) batchBytes(topic string) int32 {
	d.mu.Lock()
	defer d.mu.Unlock()
	if to, ok := d.known[topic]; ok && to.err == nil {
		return int32(min(max(to.bytesMax, requestOverhead), producerBatchBytes))
	}
	return producerBatchBytes
}

type destination struct {
	id         kadm.TopicID
	partitions int32
	bytesMax   int
	err        error
	looked     time.Time
}

const (
	// destinationFresh is how long what is known of a topic is taken for true, destinationRetry how long a failure is.
	destinationFresh = time.Minute
	destinationRetry = 2 * time.Second
	// destinationWait bounds the wait for the broker.
	destinationWait = time.Second
	// requestOverhead is what a record's frame adds to its key, value and headers.
	requestOverhead = 512
)

// place gives a request its partition. What it returns instead of nil is the outcome of an attempt that cannot be made.
func (d *destinations) place(r *kgo.Record) *conversation.Outcome {
	fresh := destinationFresh
	if r.Context != nil { // it was in a turn that came to nothing, perhaps because of it
		fresh = destinationRetry
	}
	to := d.lookUp(r.Topic, fresh)
	switch n := topics.RecordBytes(r) + requestOverhead; {
	case to.err != nil:
		return &conversation.Outcome{Kind: conversation.Transient, Unsent: true, Code: schemas.CallFailed, Message: fmt.Sprintf("topic %s: %v", r.Topic, to.err)}
	case n > to.bytesMax:
		return &conversation.Outcome{Kind: conversation.Failed, Code: schemas.TooLarge, Message: fmt.Sprintf("topic %s takes records of at most %d bytes, this request has %d", r.Topic, to.bytesMax, n)}
	}
	r.Partition = topics.Partition(string(r.Key), to.partitions)
	r.Context = nil // else it keeps that of a turn which came to nothing, and is refused by the client
	return nil
}

// lookUp returns what is known of a topic, if it was looked up so short a time ago, or what the broker says now.
func (d *destinations) lookUp(topic string, fresh time.Duration) destination {
	d.mu.Lock()
	to, ok := d.known[topic]
	d.mu.Unlock()
	if to.err != nil {
		fresh = destinationRetry
	}
	if ok && time.Since(to.looked) < fresh {
		return to
	}
	ctx, cancel := context.WithTimeout(context.Background(), destinationWait)
	defer cancel()
	now, err := d.describe(ctx, topic)
	if _, said := errors.AsType[*kerr.Error](err); err != nil && !said && ok && to.err == nil {
		now = to // it was there: the broker is slow to tell
	} else {
		now.err = err
	}
	now.looked = time.Now()
	if ok && now.id != to.id { // the client would go on with the topic that is gone
		d.client.PurgeTopicsFromProducing(topic)
	}
	d.mu.Lock()
	d.known[topic] = now
	d.mu.Unlock()
	return now
}

func (d *destinations) describe(ctx context.Context, topic string) (destination, error) {
	var to destination
	admin := kadm.NewClient(d.client)
	listed, err := admin.ListTopics(ctx, topic)
	if err == nil {
		err = listed[topic].Err
	}
	if err != nil {
		return to, err
	}
	to.id, to.partitions = listed[topic].ID, int32(len(listed[topic].Partitions))
	configs, err := admin.DescribeTopicConfigs(ctx, topic)
	if err != nil {
		return to, err
	}
	config, err := configs.On(topic, nil)
	if err == nil {
		err = config.Err
	}
	if err != nil {
		return to, err
	}
	to.bytesMax = producerBatchBytes
	for _, c := range config.Configs {
		if c.Key == "max.message.bytes" && c.Value != nil {
			if to.bytesMax, err = strconv.Atoi(*c.Value); err != nil {
				return to, fmt.Errorf("max.message.bytes: %w", err)
			}
		}
	}
	return to, nil
}
