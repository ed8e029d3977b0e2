package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"parley/schemas"
)

// Probed is what came of asking a node something that changes nothing.
type Probed struct {
	Address string
	// Err is why it does not answer; nil: it does.
	Err error
	// Refused: it answers, but not us: it has another secret, or another time.
	Refused bool
}

// Probing is how nodes are asked.
type Probing struct {
	// Key is that of this installation. Nil: it is not known; then it is only seen whether something listens at the
	// addresses that nodes advertise.
	Key *Key
	// Trust verifies the nodes that are reached by TLS. Nil: the authorities of the system do.
	Trust *tls.Config
}

// Probe asks all nodes that own partitions of a topic, as members of a group.
func (with Probing) Probe(ctx context.Context, client *kgo.Client, group, topic string) ([]Probed, error) {
	found, err := describeGroup(client, group, topic)(ctx)
	if err != nil {
		return nil, err
	}
	addresses := slices.Compact(slices.Sorted(maps.Values(found)))
	transport := newTransport(with.Trust)
	defer transport.CloseIdleConnections()
	all := make([]Probed, len(addresses))
	var asked sync.WaitGroup
	for i, address := range addresses {
		asked.Go(func() { all[i] = probe(ctx, remote{address: address, key: with.Key, client: newHTTPClient(transport)}) })
	}
	asked.Wait()
	return all, nil
}

func probe(ctx context.Context, to remote) Probed {
	p := Probed{Address: to.address}
	if to.key == nil {
		p.Err = knock(ctx, strings.TrimPrefix(to.address, secure))
		return p
	}
	_, err := to.RouteOutage(ctx, schemas.RouteQuery{})
	if p.Refused = errors.Is(err, errRefused); p.Refused || errors.Is(err, errUnreachable) {
		p.Err = err // any other is its answer
	}
	return p
}

// knock connects, and no more.
func knock(ctx context.Context, address string) error {
	conn, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	return conn.Close()
}
