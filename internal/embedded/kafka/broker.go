package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// timeoutMax is the upper bound of session and transaction timeouts.
const timeoutMax = 60 * time.Second

// recoverMax bounds the requests that opening and closing send to the broker itself.
const recoverMax = 30 * time.Second

// Broker is a running broker.
type Broker struct {
	cfg     Config
	addr    string
	log     *brokerLog
	cluster *kfake.Cluster
	hook    *produceHook
	client  *kgo.Client // of our own: what kfake offers by request only
	compact *compactor

	stop    context.CancelFunc // ends the compactor's goroutine
	stopped chan struct{}
	failed  chan error

	close func() error
}

// Open starts a broker. What an earlier one left in the data folder is there again; if that one did not
// close, its open transactions are aborted first. The error wraps syscall.EADDRINUSE when the address
// is taken.
func Open(cfg Config) (*Broker, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configure kafka: %w", err)
	}
	cfg = cfg.withDefaults()
	door, err := listen(cfg.Addr)
	if err != nil {
		return nil, err
	}
	b, err := open(cfg, door)
	if err != nil {
		return nil, errors.Join(err, ignoreClosed(door.Close()))
	}
	return b, nil
}

func open(cfg Config, d *door) (*Broker, error) {
	bytesCompacted, err := prepare(cfg)
	if err != nil {
		return nil, err
	}
	if err := markOpen(cfg.DataDir); err != nil {
		return nil, err
	}
	b, err := start(cfg, d)
	if err != nil {
		return nil, err
	}
	b.compact.bytesLast = bytesCompacted
	ctx, stop := context.WithCancel(context.Background())
	b.stop = stop
	go func() {
		defer close(b.stopped)
		if err := b.compact.run(ctx); err != nil {
			b.failed <- err
		}
	}()
	return b, nil
}

// prepare makes the data folder fit to be served: it exists, an interrupted compaction is undone, and no
// transaction of a broker that died is left open. It returns the bytes after the last compaction, 0 if unknown.
func prepare(cfg Config) (bytesCompacted int64, err error) {
	if err := os.MkdirAll(cfg.DataDir, 0o755); err != nil {
		return 0, fmt.Errorf("create data folder: %w", err)
	}
	restored, err := keptSegments{cfg.DataDir}.restore()
	if err != nil {
		return 0, err
	}
	if restored {
		cfg.Log.Warn("compaction was interrupted, its topics are as before")
	}
	left, bytesCompacted, err := howLeft(cfg.DataDir)
	if err != nil || left != leftDead {
		return bytesCompacted, err
	}
	cfg.Log.Warn("broker did not close, open transactions are aborted")
	return 0, settle(cfg)
}

// settle runs a broker behind an address that nobody knows, to write the markers that the folder lacks.
func settle(cfg Config) error {
	d, err := listen("127.0.0.1:0")
	if err != nil {
		return err
	}
	b, err := start(cfg, d)
	if err != nil {
		return errors.Join(err, ignoreClosed(d.Close()))
	}
	ctx, cancel := context.WithTimeout(context.Background(), recoverMax)
	defer cancel()
	err = writeOwedMarkers(ctx, b.client)
	b.client.Close()
	b.cluster.Close()
	return errors.Join(err, b.log.err())
}

// start runs kfake and everything around it but the compactor's goroutine.
func start(cfg Config, d *door) (*Broker, error) {
	stamper, err := newStamper()
	if err != nil {
		return nil, err
	}
	b := &Broker{
		cfg:     cfg,
		addr:    d.Addr().String(),
		log:     &brokerLog{log: cfg.Log},
		stopped: make(chan struct{}),
		failed:  make(chan error, 1), // one failure, which nobody may be waiting for
	}
	b.close = sync.OnceValue(b.shutdown)
	if b.cluster, err = kfake.NewCluster(append(settings(cfg), kfake.WithLogger(b.log), listenAt(d))...); err != nil {
		return nil, fmt.Errorf("start kafka on %s: %w", cfg.DataDir, err)
	}
	if b.client, err = kgo.NewClient(kgo.SeedBrokers(b.addr), kgo.ClientID("parley-embedded"), kgo.DisableClientMetrics()); err != nil {
		b.cluster.Close()
		return nil, fmt.Errorf("create kafka client: %w", err)
	}
	b.hook = &produceHook{
		cluster: b.cluster,
		stamper: stamper,
		disk:    &disk{dir: cfg.DataDir, freeMin: cfg.FreeBytesMin, log: cfg.Log},
	}
	b.compact = &compactor{
		cluster:   b.cluster,
		hook:      b.hook,
		admin:     kadm.NewClient(b.client),
		kept:      keptSegments{cfg.DataDir},
		bytesMin:  cfg.CompactBytesMin,
		freeMin:   cfg.FreeBytesMin,
		idleAfter: cfg.IdleAfter,
		log:       cfg.Log,
	}
	(&hook{cluster: b.cluster, key: kmsg.Produce, look: b.hook.handle}).register()
	(&hook{cluster: b.cluster, key: kmsg.Fetch, look: boundFetch}).register()
	d.open()
	return b, nil
}

// settings are kfake's options. Nothing in this broker ages out by itself: an idle Parley must find its
// offsets and records again, and kfake would apply the seven days of Kafka's default retention to
// compacted topics too.
func settings(cfg Config) []kfake.Opt {
	return []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.ClusterID("parley"),
		kfake.DataDir(cfg.DataDir),
		kfake.GroupMaxSessionTimeout(timeoutMax),
		kfake.BrokerConfigs(map[string]string{
			"transaction.max.timeout.ms": strconv.FormatInt(timeoutMax.Milliseconds(), 10),
			"message.max.bytes":          strconv.Itoa(cfg.BatchBytesMax),
			"log.retention.ms":           "-1",
			"offsets.retention.minutes":  strconv.Itoa(10 * 365 * 24 * 60),
			"log.cleaner.backoff.ms":     strconv.FormatInt((10 * 365 * 24 * time.Hour).Milliseconds(), 10), // we say when
		}),
	}
}

// listenAt makes kfake use d for its one broker. kfake tells clients the address that d has.
func listenAt(d *door) kfake.Opt {
	return kfake.ListenFn(func(string, string) (net.Listener, error) { return d, nil })
}

// Addr is the host:port that the broker listens on and tells its clients.
func (b *Broker) Addr() string { return b.addr }

// Failed yields an error when the broker can no longer be trusted with records and takes none. It should
// be closed, and opened again.
func (b *Broker) Failed() <-chan error { return b.failed }

// Close ends the broker: records are refused, open transactions aborted, topics compacted if that is due,
// and everything is saved. Further calls return what the first returned.
func (b *Broker) Close() error { return b.close() }

func (b *Broker) shutdown() error {
	b.stop()
	<-b.stopped
	b.hook.close()

	ctx, cancel := context.WithTimeout(context.Background(), recoverMax)
	defer cancel()
	err := abortOpen(ctx, b.client)
	if err == nil {
		err = b.compact.compact(ctx)
	}
	b.client.Close()
	b.log.forget() // of the running broker: they are in the log
	b.cluster.Close()
	if err = errors.Join(err, b.log.err()); err != nil {
		return fmt.Errorf("close kafka: %w", err)
	}
	return markClosed(b.cfg.DataDir, b.compact.bytesLast)
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
