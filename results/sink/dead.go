package sink

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"

	"parley/schemas"
)

// deadRecord is a record whose event ClickHouse cannot hold, and the reason.
type deadRecord struct {
	*kgo.Record
	reason error
}

// letter is what parley.dead receives: the record as it came, with headers that say where from and why.
func (d deadRecord) letter(topic string) *kgo.Record {
	header := func(key, value string) kgo.RecordHeader { return kgo.RecordHeader{Key: key, Value: []byte(value)} }
	return &kgo.Record{
		Topic: topic,
		Key:   d.Key,
		Value: d.Value,
		Headers: append(slices.Clip(d.Headers),
			header(schemas.HeaderErrorCode, string(schemas.InvalidBody)),
			header(schemas.HeaderErrorDetail, d.reason.Error()),
			header(schemas.HeaderSourceTopic, d.Topic),
			header(schemas.HeaderSourcePartition, strconv.Itoa(int(d.Partition))),
			header(schemas.HeaderSourceOffset, strconv.FormatInt(d.Offset, 10)),
		),
	}
}

// bury writes the dead records of a block. A block that is written again buries them again.
func (m *member) bury(ctx context.Context, b *block) error {
	var letters []*kgo.Record
	for _, d := range b.dead {
		letters = append(letters, d.letter(m.cfg.Topics.Dead))
	}
	if len(letters) == 0 {
		return nil
	}
	first := b.dead[0]
	m.log.Error("events cannot be stored", "count", len(letters), "topic", first.Topic, "partition", first.Partition, "offset", first.Offset,
		"error", first.reason, "remedy", "they are in "+m.cfg.Topics.Dead+", each with its reason: see parley dead")
	if err := m.client.ProduceSync(ctx, letters...).FirstErr(); err != nil {
		return fmt.Errorf("produce to %s: %w", m.cfg.Topics.Dead, kafkaError{err})
	}
	m.metrics.dead.Add(float64(len(letters)))
	return nil
}
