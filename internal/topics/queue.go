package topics

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/schemas"
)

// ErrThere says that there is a topic of that name.
var ErrThere = errors.New("the topic is there already")

// MakeQueue makes the topic that is the queue of a subscriber, and returns when all brokers know it. Of several who make the
// same, one does; the error of the others is ErrThere.
func (s Spec) MakeQueue(ctx context.Context, client *kgo.Client, id schemas.SubscriberID) error {
	name := s.Topics.Subscriber(id)
	r, err := kadm.NewClient(client).CreateTopic(ctx, 1, s.Replication, s.configs(name), name)
	if err = errors.Join(err, r.Err); errors.Is(err, kerr.TopicAlreadyExists) {
		return ErrThere
	}
	if err == nil {
		err = await(ctx, client, []string{name})
	}
	if err != nil {
		return fmt.Errorf("create topic %s: %w", name, err)
	}
	return nil
}

// DropQueue deletes a topic with all that is in it. That there is none is fine.
func DropQueue(ctx context.Context, admin *kadm.Client, topic string) error {
	r, err := admin.DeleteTopic(ctx, topic)
	if err = errors.Join(err, r.Err); err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) {
		return fmt.Errorf("delete topic %s: %w", topic, err)
	}
	return nil
}
