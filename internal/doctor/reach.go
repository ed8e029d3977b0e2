package doctor

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"parley/internal/grants"
	"parley/internal/kafka"
	"parley/internal/pause"
)

// reachTimeout bounds a second try to get in, after one that has failed.
const reachTimeout = 2 * time.Second

// refused is why Kafka does not let us in, if that is what an error of the client comes of: what the client itself says of it is for
// those who know its code.
func (k Kafka) refused(ctx context.Context, err error) *kafka.RefusedError {
	if err == nil || k.Cluster == nil {
		return nil
	}
	reaching, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	refused, _ := errors.AsType[*kafka.RefusedError](k.Cluster.Reach(reaching))
	return refused
}

// processors is the group of those with partitions.
func (k Kafka) processors() string { return k.Prefix + ".processor" }

const (
	// settleTimeout bounds the wait for a cluster that is new.
	settleTimeout = 15 * time.Second
	// settlePause is between two questions of it.
	settlePause = 100 * time.Millisecond
)

// settle waits until brokers keep the groups. A cluster makes the topic of its groups when it is asked for the first of them, and says
// until then that nobody keeps it.
func (k Kafka) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	groups := append(k.granted(grants.Group), k.processors())
	for {
		found := kadm.NewClient(k.Client).FindGroupCoordinators(ctx, groups...)
		if !awaited(found) || pause.For(ctx, settlePause) != nil {
			return
		}
	}
}

// awaited reports whether a group will have a coordinator, but has none yet.
func awaited(found kadm.FindCoordinatorResponses) bool {
	for _, of := range found {
		if errors.Is(of.Err, kerr.CoordinatorNotAvailable) {
			return true
		}
	}
	return false
}
