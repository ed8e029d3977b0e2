package kafka

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"

	"parley/internal/certs"
	"parley/internal/pause"
)

// dialTimeout bounds a connection to a broker, which no context does: whoever asks meanwhile, as /readyz does, waits for it.
const dialTimeout = 3 * time.Second

// Cluster is a Kafka that clients are made for. It is safe for concurrent use.
type Cluster struct {
	cfg       Config
	certs     *certs.Client  // nil: no TLS
	mechanism sasl.Mechanism // nil: none
	watch     *watch
}

// New reads the certificates and connects to nothing.
func New(cfg Config) (*Cluster, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	c := &Cluster{cfg: cfg, mechanism: cfg.SASL.mechanism()}
	c.watch = newWatch(c.explain, cfg.Log)
	for _, w := range cfg.warnings() {
		cfg.Log.Warn("Kafka is not reached safely", slog.String("why", w))
	}
	if !cfg.secure() {
		return c, nil
	}
	var err error
	if c.certs, err = certs.LoadClient(cfg.Files, cfg.Log); err != nil {
		return nil, fmt.Errorf("PARLEY_KAFKA_CA, PARLEY_KAFKA_CERT, PARLEY_KAFKA_KEY: %w", err)
	}
	return c, nil
}

// Brokers names the brokers, for messages.
func (c *Cluster) Brokers() string { return strings.Join(c.cfg.Brokers, ",") }

// Options are those of any client, which Kafka knows by a name.
func (c *Cluster) Options(client string) []kgo.Opt {
	return append(c.connect(), kgo.ClientID(client), kgo.WithHooks(c.watch))
}

func (c *Cluster) connect() []kgo.Opt {
	opts := []kgo.Opt{kgo.SeedBrokers(c.cfg.Brokers...)}
	if c.certs == nil {
		opts = append(opts, kgo.DialTimeout(dialTimeout))
	} else {
		opts = append(opts, kgo.Dialer(func(ctx context.Context, _, address string) (net.Conn, error) {
			return c.certs.Dial(ctx, address, dialTimeout)
		}))
	}
	if c.mechanism != nil {
		opts = append(opts, kgo.SASL(c.mechanism))
	}
	return opts
}

const (
	// reachEvery is how long a broker that is not there is waited for before it is asked again.
	reachEvery = 250 * time.Millisecond
	// doubtsMax is how often all brokers may do what refusals often look like before it is taken for one.
	doubtsMax = 3
)

// Reach waits until a broker answers. That one is there and does not let us in is a *RefusedError: at once when waiting cannot
// mend it, else when ctx ends. That none is there before ctx ends is what was met last.
func (c *Cluster) Reach(ctx context.Context) error {
	seen := newRefusals(c.explain)
	client, err := kgo.NewClient(append(c.connect(), kgo.ClientID("parley-reach"), kgo.RequestRetries(0), kgo.WithHooks(seen))...)
	if err != nil {
		return fmt.Errorf("configure Kafka client: %w; PARLEY_KAFKA_BROKERS is host:port, several separated by commas", err)
	}
	defer client.Close()
	var met error
	for doubts := 0; ; {
		err := client.Ping(ctx)
		if err == nil {
			return nil
		}
		refused := seen.take()
		if refused == nil {
			refused = c.explain(c.Brokers(), err) // the connection was made, and ended at the first request
		}
		if refused != nil {
			err = refused
			switch refused.lasts {
			case certain:
				return err
			case doubted:
				if doubts++; doubts == doubtsMax {
					return err
				}
			case passing:
				c.watch.refused(refused.Broker, refused)
			}
		}
		if met == nil || ctx.Err() == nil { // what the end of the wait cut off says nothing
			met = err
		}
		if pause.For(ctx, reachEvery) != nil {
			return met
		}
	}
}
