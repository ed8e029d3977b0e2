package torture

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/proxy"
)

// network is what lies between a member and all others. Callers and backends reach it, and it them, without.
type network struct {
	// brokers are what it takes for the brokers, and door is where the other members find it.
	brokers *proxy.Cluster
	door    *proxy.Proxy
}

// openNetwork opens the network of a member that listens at an address.
func openNetwork(brokers []string, member string) (*network, error) {
	n := new(network)
	var err error
	if n.brokers, err = proxy.OpenCluster(brokers); err != nil {
		return nil, err
	}
	if n.door, err = proxy.Open(proxy.Config{Listen: "127.0.0.1:0", Target: member}); err != nil {
		return nil, errors.Join(err, n.brokers.Close())
	}
	return n, nil
}

func (n *network) close() error { return errors.Join(n.brokers.Close(), n.door.Close()) }

// slowness is how much later everything comes when brokers are far away.
const slowness = 100 * time.Millisecond

// fail does to the network what a blow says.
func (n *network) fail(kind Kind) {
	switch kind {
	case CutOff:
		n.brokers.Cut()
	case Silenced:
		n.brokers.Silence()
	case Far:
		n.brokers.Delay(slowness)
	case CutFromPeers:
		n.door.Cut()
	}
}

// cutFrom cuts the member off from one broker.
func (n *network) cutFrom(broker string) error {
	p := n.brokers.Before(broker)
	if p == nil {
		return fmt.Errorf("the broker %s was not there when the run began", broker)
	}
	p.Cut()
	return nil
}

func (n *network) restore() {
	n.brokers.Restore()
	n.door.Restore()
}

// advertised returns the addresses of all brokers of a cluster.
func advertised(ctx context.Context, seeds []string) ([]string, error) {
	c, err := kgo.NewClient(kgo.SeedBrokers(seeds...))
	if err != nil {
		return nil, fmt.Errorf("open Kafka client: %w", err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, kafkaWait)
	defer cancel()
	cluster, err := kadm.NewClient(c).BrokerMetadata(ctx)
	if err != nil {
		return nil, fmt.Errorf("list brokers: %w", err)
	}
	var addrs []string
	for _, b := range cluster.Brokers {
		addrs = append(addrs, addrOf(b))
	}
	return addrs, nil
}

func addrOf(b kadm.BrokerDetail) string { return net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port))) }
