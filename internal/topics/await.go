package topics

import (
	"context"
	"errors"
	"fmt"
	"time"

	"parley/internal/pause"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// awaitPause is the time between two looks for a topic that a broker does not show yet.
const awaitPause = 50 * time.Millisecond

// await waits until a broker shows all of the topics: it hears of them only after its controller has said that they
// are made.
func await(ctx context.Context, client *kgo.Client, topics []topic) error {
	for {
		err := shown(ctx, client, topics)
		if !kerr.IsRetriable(err) {
			return err
		}
		if ended := pause.For(ctx, awaitPause); ended != nil {
			return errors.Join(ended, err)
		}
	}
}

// shown asks a broker, and not the client's memory, which would say for seconds that there is no such topic.
func shown(ctx context.Context, client *kgo.Client, topics []topic) error {
	for _, t := range topics {
		req := kmsg.NewPtrMetadataRequest()
		req.Topics = []kmsg.MetadataRequestTopic{{Topic: &t.name}}
		resp, err := req.RequestWith(ctx, client)
		if err == nil && len(resp.Topics) == 1 {
			err = kerr.ErrorForCode(resp.Topics[0].ErrorCode)
		}
		if err != nil {
			return fmt.Errorf("look for topic %s: %w", t.name, err)
		}
	}
	return nil
}
