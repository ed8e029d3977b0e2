// Package node joins what Parley is made of in one process: the engines that it needs and does not find elsewhere,
// the demo backend, and the roles. It alone knows in which order they begin and end.
package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/twmb/franz-go/pkg/kgo"
	oteltrace "go.opentelemetry.io/otel/trace"

	"parley/internal/certs"
	"parley/internal/control"
	"parley/internal/embedded"
	"parley/internal/kafka"
	"parley/internal/route"
	"parley/internal/telemetry"
	"parley/internal/token"
	"parley/internal/topics"
	"parley/schemas"
)

// node is a node that runs, or is on its way.
type node struct {
	cfg     Config
	log     *slog.Logger
	metrics *prometheus.Registry

	routes  *route.Current
	control *control.Control
	secret  []byte
	tokens  *token.Signer
	topics  schemas.Topics
	layout  topics.Layout
	// replication is that of topics which are made: less than is asked for where there are too few brokers, and it is allowed.
	replication int16
	tracer      oteltrace.Tracer  // nil: no spans are made
	engines     *embedded.Engines // nil: none is needed
	cluster     *kafka.Cluster
	// clickhouse is what ClickHouse is reached with; nil: what its DSN says.
	clickhouse *certs.Client
	http       net.Listener
	pair       *certs.Pair  // shown to callers and other nodes; nil: the node speaks no TLS
	mail       net.Listener // nil: no mail is taken
	trust      *tls.Config  // verifies other nodes
	backend    net.Listener // nil: no demo backend
	kafka      *kgo.Client  // writes calls, and tells whether Kafka is there; the other roles have their own

	draining atomic.Bool  // it was told to stop
	stopped  func() error // which partitions its processor leaves alone; nil: there is no processor

	// stages run, and closers close what was opened; of both the last ends first.
	stages  []stage
	closers []func() error
}

// Events are what Run tells of a node while it runs.
type Events struct {
	// Ready is called when everything is there.
	Ready func(Addresses)
	// Stopping is called when a node that was ready begins to end: because of a failure, or, with nil, because it
	// was told to.
	Stopping func(error)
}

// Run is a node from its beginning to its end. It works until ctx ends; then it finishes what is in hand, closes what
// it has opened, and returns nil. Its error says why it did not begin, or what ended by itself.
func Run(ctx context.Context, cfg Config, events Events) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	n := &node{
		cfg:     cfg.withDefaults(),
		log:     cfg.Log,
		metrics: prometheus.NewRegistry(),
		topics:  schemas.TopicsOf(cfg.TopicPrefix),
	}
	n.metrics.MustRegister(collectors.NewBuildInfoCollector(), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	err := n.open(ctx)
	if err == nil {
		events.Ready(n.addresses())
		err = runStages(ctx, n.log, n.stages, n.drain, events.Stopping)
	}
	return errors.Join(err, n.close())
}

// open brings up everything that the roles stand on, then the roles. What cannot work is found before anything is
// started, as far as possible.
func (n *node) open(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		n.openTraces,
		n.openRoutes,
		n.openCertificates,
		n.openFolder,
		n.openHTTP,
		n.openMail,
		n.openBackend,
		n.openEngines,
		n.openSecret,
		n.openKafka,
		n.openTopics,
		n.openControl,
		n.openRoles,
	} {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// drain has the node say that it is not ready, while it does all as before: whoever balances load between nodes sends it
// nothing new any more, and what was sent already is still taken.
func (n *node) drain() <-chan time.Time {
	if n.cfg.DrainDelay > 0 {
		n.draining.Store(true)
		n.log.Info("draining", slog.Duration("delay", n.cfg.DrainDelay))
	}
	return time.After(n.cfg.DrainDelay)
}

// close undoes what open did.
func (n *node) close() error {
	var errs []error
	for _, c := range slices.Backward(n.closers) {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}

// openTraces has spans made, if somebody takes them: until all else has ended.
func (n *node) openTraces(ctx context.Context) error {
	if n.cfg.Spans == nil {
		return nil
	}
	t, err := telemetry.Open(ctx, telemetry.Config{
		Exporter: n.cfg.Spans,
		Version:  n.cfg.Version,
		Instance: n.cfg.Instance,
		Log:      n.log,
		Metrics:  n.metrics,
	})
	if err != nil {
		return fmt.Errorf("begin to trace: %w", err)
	}
	n.tracer = t.Tracer()
	n.closers = append(n.closers, t.Close)
	return nil
}

// openCertificates reads what ClickHouse is reached with.
func (n *node) openCertificates(context.Context) (err error) {
	if n.cfg.ClickHouseFiles == (certs.ClientFiles{}) {
		return nil
	}
	if n.clickhouse, err = certs.LoadClient(n.cfg.ClickHouseFiles, n.log); err != nil {
		return fmt.Errorf("PARLEY_CLICKHOUSE_CA, PARLEY_CLICKHOUSE_CERT, PARLEY_CLICKHOUSE_KEY: %w", err)
	}
	return nil
}

func (n *node) openFolder(context.Context) error { return embedded.PrepareFolder(n.cfg.DataDir) }

func (n *node) openSecret(context.Context) (err error) {
	if n.secret, err = n.cfg.secret(); err != nil {
		return err
	}
	n.tokens, err = token.NewSigner(n.secret)
	return err
}

// openEngines starts the engines of our own, and takes their addresses in place of those that are not set.
func (n *node) openEngines(ctx context.Context) error {
	cfg := n.cfg.engines()
	if cfg.KafkaAddr == "" && cfg.ClickHouseAddr == "" {
		return nil
	}
	e, err := embedded.Start(ctx, cfg)
	if err != nil {
		return err
	}
	n.engines = e
	n.closers = append(n.closers, e.Close)
	n.stages = append(n.stages, stage{"engines", n.watchEngines})
	return nil
}

// watchEngines ends with an error when an engine does.
func (n *node) watchEngines(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-n.engines.Done():
		return n.engines.Err()
	}
}

// dsn names the ClickHouse database.
func (n *node) dsn() string {
	if n.cfg.embeddedClickHouse() {
		return n.engines.ClickHouseDSN()
	}
	return n.cfg.ClickHouseDSN
}
