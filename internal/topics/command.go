package topics

import (
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/schemas"
)

// Command is a record of the calls that is no call: a command of a kind, in JSON, for the owner of a partition.
func Command(topic string, partition int32, kind, key string, value []byte) *kgo.Record {
	return &kgo.Record{
		Topic:     topic,
		Partition: partition,
		Key:       []byte(key),
		Value:     value,
		Headers: []kgo.RecordHeader{
			{Key: schemas.HeaderType, Value: []byte(kind)},
			{Key: schemas.HeaderContentType, Value: []byte(schemas.ContentJSON)},
		},
	}
}
