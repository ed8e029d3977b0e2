package sink

import (
	"context"
	"fmt"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/pause"
	"parley/results/record"
)

// Sink writes the events of parley.results into ClickHouse. See the package comment.
type Sink struct {
	cfg     Config
	metrics *metrics
	held    held
}

// held are the partitions that this process has. Its member writes it, anybody may read it. Nil: nobody does.
type held struct{ byPartition sync.Map }

func (h *held) add(partition int32) {
	if h != nil {
		h.byPartition.Store(partition, nil)
	}
}

func (h *held) drop(partition int32) {
	if h != nil {
		h.byPartition.Delete(partition)
	}
}

// Holds reports whether it is this process that brings a partition of the results into ClickHouse, as far as it knows.
func (s *Sink) Holds(partition int32) bool {
	_, has := s.held.byPartition.Load(partition)
	return has
}

// New returns a sink that does nothing before Run. It reaches for neither Kafka nor ClickHouse.
func New(cfg Config) (*Sink, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configure sink: %w", err)
	}
	cfg = cfg.withDefaults()
	if err := kgo.ValidateOpts(cfg.options()...); err != nil {
		return nil, fmt.Errorf("configure sink: Client: %w", err)
	}
	m, err := newMetrics(cfg.Registerer)
	if err != nil {
		return nil, fmt.Errorf("register metrics of sink: %w", err)
	}
	return &Sink{cfg: cfg, metrics: m}, nil
}

// Run works until ctx ends. Then it writes at most one more block of each partition, leaves the group and returns nil;
// that takes twice InsertTimeout at the very most. Neither an absent ClickHouse nor an absent Kafka ends it. It may be
// called again, but not twice at the same time.
func (s *Sink) Run(ctx context.Context) error {
	conn, err := record.Open(s.cfg.DSN, s.cfg.Certs)
	if err != nil {
		return err
	}
	defer conn.Close()
	blocks := &store{dsn: s.cfg.DSN, certs: s.cfg.Certs, schema: s.cfg.Schema, conn: conn, log: s.cfg.Log}
	for {
		err := s.join(ctx, blocks)
		if ctx.Err() != nil {
			return nil
		}
		s.cfg.Log.Warn("sink left its group, joining again", "error", err)
		if pause.For(ctx, s.cfg.RetryMax) != nil {
			return nil
		}
	}
}

// join is a member of the group until ctx ends or the client cannot go on.
func (s *Sink) join(ctx context.Context, blocks blockStore) error {
	m, err := join(s.cfg, s.metrics, blocks)
	if err != nil {
		return err
	}
	m.held = &s.held
	defer s.held.byPartition.Clear()
	defer m.client.CloseAllowingRebalance()
	defer m.trim()()
	defer m.watchLag()()
	return m.run(ctx)
}
