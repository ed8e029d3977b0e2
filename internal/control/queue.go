package control

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/schemas"
)

// Queue is how far the queue of a subscriber was read. The zero value but for its subscriber: not at all.
type Queue struct {
	Subscriber schemas.SubscriberID
	// Acknowledged is the last transaction that was acknowledged, HandedOut the last that was handed out:
	// Acknowledged <= HandedOut.
	Acknowledged, HandedOut int64
	// Dequeued is when that was said.
	Dequeued time.Time
}

// max is what two say together: neither number ever falls.
func (q Queue) max(other Queue) Queue {
	q.Acknowledged = max(q.Acknowledged, other.Acknowledged)
	q.HandedOut = max(q.HandedOut, other.HandedOut)
	if other.Dequeued.After(q.Dequeued) {
		q.Dequeued = other.Dequeued
	}
	return q
}

// covers reports whether q says all that other says of transactions.
func (q Queue) covers(other Queue) bool {
	return q.Acknowledged >= other.Acknowledged && q.HandedOut >= other.HandedOut
}

// queues are what all processes say of the queues. Each process has a key of its own for each queue, and what it says there
// only rises; what holds is the most that any has said. So it does not matter who writes first, or what is compacted away.
type queues struct {
	log *slog.Logger

	mu    sync.RWMutex
	heard map[schemas.SubscriberID]Queue

	// writing has what this process says of a queue rise: one after the other is handed to the client.
	writing sync.Mutex
	// said is the last that was. It may have failed.
	said map[schemas.SubscriberID]Queue
}

const queuePrefix = "queue/"

func (*queues) begins() string { return queuePrefix }

// apply implements follower. Nobody needs to read about it in the log.
func (q *queues) apply(name string, r *kgo.Record) (logChange func()) {
	if len(r.Value) == 0 {
		return nil
	}
	said, err := decodeQueue(name, r.Value)
	if err != nil {
		q.log.Warn("position of a queue not understood; what others said of it stays in force", slog.String("queue", name), slog.Int64("offset", r.Offset), slog.Any("error", err))
		return nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.heard == nil {
		q.heard = make(map[schemas.SubscriberID]Queue)
	}
	q.heard[said.Subscriber] = said.max(q.heard[said.Subscriber])
	return nil
}

// Queue returns how far the queue of a subscriber was read, as far as this process has heard: see CatchUp.
func (c *Control) Queue(id schemas.SubscriberID) Queue {
	c.queues.mu.RLock()
	defer c.queues.mu.RUnlock()
	if q, ok := c.queues.heard[id]; ok {
		return q
	}
	return Queue{Subscriber: id}
}

// AdvanceQueue notes that a queue was read so far, unless that is known. The error says that this may not have been
// written; to say it again is safe.
func (c *Control) AdvanceQueue(ctx context.Context, q Queue) error {
	if c.Queue(q.Subscriber).covers(q) {
		return nil
	}
	begun, err := c.beginQueue(ctx, q)
	if err != nil {
		return err
	}
	_, err = c.written(ctx, begun)
	return err
}

// beginQueue begins to write the most of what is heard, said and given.
func (c *Control) beginQueue(ctx context.Context, q Queue) (<-chan written, error) {
	c.queues.writing.Lock()
	defer c.queues.writing.Unlock()
	q = q.max(c.Queue(q.Subscriber)).max(c.queues.said[q.Subscriber])
	value, err := encodeQueue(q)
	if err != nil {
		return nil, err
	}
	if c.queues.said == nil {
		c.queues.said = make(map[schemas.SubscriberID]Queue)
	}
	c.queues.said[q.Subscriber] = q
	return c.begin(ctx, &kgo.Record{Key: []byte(queuePrefix + q.Subscriber.String() + "/" + c.instance), Value: value}, c.hearOwn), nil
}

// queueVersion is the version of queueJSON that this package writes, and the latest that it reads.
const queueVersion = 1

// queueJSON is how far a queue was read as it is written.
type queueJSON struct {
	Version      int                  `json:"version"`
	Subscriber   schemas.SubscriberID `json:"subscriber"`
	Acknowledged int64                `json:"acknowledged"`
	HandedOut    int64                `json:"handedOut"`
	Dequeued     time.Time            `json:"dequeued"`
}

func encodeQueue(q Queue) ([]byte, error) {
	b, err := json.Marshal(queueJSON{
		Version: queueVersion, Subscriber: q.Subscriber, Acknowledged: q.Acknowledged, HandedOut: q.HandedOut, Dequeued: q.Dequeued.UTC(),
	})
	if err != nil {
		return nil, fmt.Errorf("encode position of queue %s: %w", q.Subscriber, err)
	}
	return b, nil
}

// decodeQueue reads the value of a queue and whoever said it.
func decodeQueue(name string, value []byte) (Queue, error) {
	said, err := decodeVersion[queueJSON](value, queueVersion)
	if err != nil {
		return Queue{}, err
	}
	id, _, ok := strings.Cut(name, "/")
	if parsed, err := schemas.ParseSubscriberID(id); !ok || err != nil || parsed != said.Subscriber {
		return Queue{}, fmt.Errorf("the value is of subscriber %s", said.Subscriber)
	}
	if said.Acknowledged < 0 || said.HandedOut < said.Acknowledged {
		return Queue{}, fmt.Errorf("up to %d of %d is acknowledged", said.Acknowledged, said.HandedOut)
	}
	return Queue{Subscriber: said.Subscriber, Acknowledged: said.Acknowledged, HandedOut: said.HandedOut, Dequeued: said.Dequeued}, nil
}
