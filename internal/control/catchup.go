package control

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// CatchUp returns when this process has heard of everything that any process had written when it was called. Without it, what
// another has written a moment ago may be missing. It needs Run.
func (c *Control) CatchUp(ctx context.Context) error {
	end, err := c.end(ctx)
	if err != nil {
		return fmt.Errorf("list end of %s: %w", c.topic, err)
	}
	if err := c.read.await(ctx, end-1); err != nil {
		return fmt.Errorf("read %s up to offset %d: %w", c.topic, end, err)
	}
	return nil
}

// end is the offset behind the last record of the topic. Its last record is never compacted away, so it is read.
func (c *Control) end(ctx context.Context) (int64, error) {
	req := kmsg.NewPtrListOffsetsRequest()
	topic := kmsg.NewListOffsetsRequestTopic()
	topic.Topic = c.topic
	partition := kmsg.NewListOffsetsRequestTopicPartition()
	partition.Timestamp = -1 // the end
	topic.Partitions = append(topic.Partitions, partition)
	req.Topics = append(req.Topics, topic)
	resp, err := req.RequestWith(ctx, c.client)
	switch {
	case err != nil:
		return 0, err
	case len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1:
		return 0, errors.New("the broker says nothing of it")
	}
	p := resp.Topics[0].Partitions[0]
	return p.Offset, kerr.ErrorForCode(p.ErrorCode)
}
