package executor

import (
	"context"
	"fmt"
	"strconv"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/route"
	"parley/internal/telemetry"
	"parley/internal/topics"
	"parley/schemas"
)

// The headers of a request on Kafka, beside content-type and schemas.HeaderDeferredToken. The token and the last are there
// when an answer is waited for.
const (
	recordIdempotencyKey = "idempotency-key"
	recordFence          = "parley-fence"
	recordReplyTopic     = "reply-topic"
)

// KafkaRequest is the record that carries a call out by a route of the kafka executor. Its value is the body that the
// http executor sends, its key that of the call's own record, so that the requests of a conversation stay in order; the
// partition is for the producer to find, by the key. It has the trace that ctx is in. The error is a defect: every valid call can be encoded.
func KafkaRequest(ctx context.Context, r *route.Route, req Request) (*kgo.Record, error) {
	id, err := uuid.Parse(req.Call.RequestId)
	if err != nil {
		return nil, fmt.Errorf("read request id: %w", err)
	}
	value, err := req.body()
	if err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	record := &kgo.Record{
		Topic: r.Executor.Topic,
		Key:   []byte(schemas.RecordKey(req.Call.Account, req.Call.GetOptions().GetConversationId(), id)),
		Value: value,
		Headers: []kgo.RecordHeader{
			{Key: schemas.HeaderContentType, Value: []byte(schemas.ContentJSON)},
			{Key: recordIdempotencyKey, Value: []byte(req.Call.RequestId)},
			{Key: recordFence, Value: strconv.AppendInt(nil, req.Fence, 10)},
		},
	}
	if r.Executor.ReplyTopic != "" {
		record.Headers = append(record.Headers,
			kgo.RecordHeader{Key: schemas.HeaderDeferredToken, Value: []byte(req.Token)},
			kgo.RecordHeader{Key: recordReplyTopic, Value: []byte(r.Executor.ReplyTopic)})
	}
	return topics.WithTrace(record, telemetry.TraceOf(ctx)), nil
}
