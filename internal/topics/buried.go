package topics

import (
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"

	"parley/schemas"
)

// buriedBytesMax bounds what is kept of a record on parley.dead; room is left for the headers that say why.
const buriedBytesMax = MessageBytesMax - 64<<10

// Buried is the record for the topic of the dead: r as it came, with the reason. Of one that is longer than the topic
// takes (compressed, it may have been short enough for where it stood) the reason alone is kept, and where it stands.
func Buried(dead string, r *kgo.Record, why *schemas.Problem) *kgo.Record {
	out := &kgo.Record{Topic: dead, Key: r.Key, Value: r.Value, Headers: make([]kgo.RecordHeader, 0, len(r.Headers)+5)}
	if RecordBytes(r) > buriedBytesMax {
		out.Key, out.Value = nil, nil
	} else {
		out.Headers = append(out.Headers, r.Headers...)
	}
	out.Headers = append(out.Headers,
		kgo.RecordHeader{Key: schemas.HeaderErrorCode, Value: []byte(why.Code)},
		kgo.RecordHeader{Key: schemas.HeaderErrorDetail, Value: []byte(why.Error())},
		kgo.RecordHeader{Key: schemas.HeaderSourceTopic, Value: []byte(r.Topic)},
		kgo.RecordHeader{Key: schemas.HeaderSourcePartition, Value: strconv.AppendInt(nil, int64(r.Partition), 10)},
		kgo.RecordHeader{Key: schemas.HeaderSourceOffset, Value: strconv.AppendInt(nil, r.Offset, 10)})
	return out
}

// RecordBytes is the length of a record's key, value and headers.
func RecordBytes(r *kgo.Record) int {
	n := len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		n += len(h.Key) + len(h.Value)
	}
	return n
}
