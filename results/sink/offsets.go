package sink

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// offsets keeps marks in the consumer group. The group's coordinator fences: it refuses the commit of a member
// that it has replaced.
type offsets struct {
	client *kgo.Client
	topic  string
}

// commit writes marks, by partition. After an error, any of them may have been written.
func (o offsets) commit(ctx context.Context, marks map[int32]mark) error {
	at := make(map[int32]kgo.EpochOffset, len(marks))
	for id, m := range marks {
		at[id] = kgo.EpochOffset{Epoch: -1, Offset: m.offset}
	}
	ctx = kgo.PreCommitFnContext(ctx, func(req *kmsg.OffsetCommitRequest) error {
		describe(req, marks)
		return nil
	})
	var refused error
	o.client.CommitOffsetsSync(ctx, map[string]map[int32]kgo.EpochOffset{o.topic: at},
		func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, err error) {
			if refused = err; err == nil {
				refused = firstRefusal(resp, len(marks))
			}
		})
	if refused != nil {
		return fmt.Errorf("commit offsets: %w", refused)
	}
	return nil
}

// describe puts the metadata of each mark in the request.
func describe(req *kmsg.OffsetCommitRequest, marks map[int32]mark) {
	for _, t := range req.Topics {
		for i := range t.Partitions {
			metadata := marks[t.Partitions[i].Partition].metadata()
			t.Partitions[i].Metadata = &metadata
		}
	}
}

// firstRefusal is nil when the response confirms every one of the partitions that were asked for.
func firstRefusal(resp *kmsg.OffsetCommitResponse, asked int) error {
	confirmed := 0
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return fmt.Errorf("partition %d: %w", p.Partition, err)
			}
			confirmed++
		}
	}
	if confirmed != asked {
		return fmt.Errorf("%d of %d partitions were confirmed", confirmed, asked)
	}
	return nil
}
