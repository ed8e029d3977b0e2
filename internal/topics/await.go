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

// await waits until the brokers show all of the topics: they hear of them only after their controller has said that they
// are made, one later than the other.
func await(ctx context.Context, client *kgo.Client, topics []string) error {
	return retry(ctx, func() error { return shown(ctx, client, topics) })
}

// retry asks until the answer is not an error that passes by itself.
func retry(ctx context.Context, ask func() error) error {
	for {
		err := ask()
		if !kerr.IsRetriable(err) {
			return err
		}
		if ended := pause.For(ctx, awaitPause); ended != nil {
			return errors.Join(ended, err)
		}
	}
}

// shown asks the brokers, and not the client's memory, which would say for seconds that there is no such topic.
func shown(ctx context.Context, client *kgo.Client, topics []string) error {
	if err := shownBy(ctx, client, topics); err != nil {
		return err
	}
	for _, b := range client.DiscoveredBrokers() {
		askCtx, cancel := context.WithTimeout(ctx, askMax)
		err := shownBy(askCtx, b, topics)
		cancel()
		if _, refused := errors.AsType[*kerr.Error](err); refused {
			return err
		} // else it cannot be asked now, by nobody else either
	}
	return nil
}

// askMax bounds the wait for one of several brokers.
const askMax = 5 * time.Second

func shownBy(ctx context.Context, by kmsg.Requestor, topics []string) error {
	for i, name := range topics {
		req := kmsg.NewPtrMetadataRequest()
		req.Topics = []kmsg.MetadataRequestTopic{{Topic: &topics[i]}}
		resp, err := req.RequestWith(ctx, by)
		if err == nil && len(resp.Topics) == 1 {
			err = kerr.ErrorForCode(resp.Topics[0].ErrorCode)
		}
		if err != nil {
			return fmt.Errorf("look for topic %s: %w", name, err)
		}
	}
	return nil
}
