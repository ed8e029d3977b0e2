package processor

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/topics"
)

// UnwritableError says that a topic refuses a record for what it is: the turn that it belongs to cannot be committed
// until the topic takes such records. Nothing is lost: the calls of the turn stay in the log.
type UnwritableError struct {
	Topic     string
	Partition int32
	// Bytes is the length of the record.
	Bytes int
	// Err is the broker's reason.
	Err error
}

func (e *UnwritableError) Error() string {
	return fmt.Sprintf("topic %s partition %d refuses a record of %d bytes, or the batch that it came in: %v; its calls wait in the log: set max.message.bytes of the topic to %d or more",
		e.Topic, e.Partition, e.Bytes, e.Err, topics.MessageBytesMax)
}

func (e *UnwritableError) Unwrap() error { return e.Err }

// undelivered is the error for a record that was not taken: the turn may be taken again unless the record was refused
// for what it is.
func undelivered(r *kgo.Record, err error) error {
	for _, refusal := range []error{kerr.MessageTooLarge, kerr.RecordListTooLarge, kerr.InvalidRecord} {
		if errors.Is(err, refusal) {
			return &UnwritableError{Topic: r.Topic, Partition: r.Partition, Bytes: topics.RecordBytes(r), Err: err}
		}
	}
	return fmt.Errorf("%s partition %d: %w: %w", r.Topic, r.Partition, err, errAbortable)
}
