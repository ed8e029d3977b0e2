package kafka

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// Cluster is brokers that were started together. Different brokers may be acted on at the same time, one by one at a
// time. They have the numbers from 0, which are their ids in Kafka.
type Cluster struct {
	cfg     Config
	java    java
	brokers []*broker
	close   func() error
}

// Start starts a cluster and returns when all its brokers serve. It needs some hundred MiB of memory for each.
func Start(ctx context.Context, cfg Config) (*Cluster, error) {
	if cfg.Brokers == 0 {
		cfg.Brokers = 3
	}
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configure kafka: %w", err)
	}
	home, err := Folder()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("make folder of kafka: %w", err)
	}
	j, err := newJava(home, cfg.Dir)
	if err != nil {
		return nil, err
	}
	c := newCluster(cfg, j)
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func newCluster(cfg Config, j java) *Cluster {
	c := &Cluster{cfg: cfg, java: j}
	c.close = sync.OnceValue(c.shutdown)
	return c
}

// format makes the brokers' folders.
func (c *Cluster) format(ctx context.Context) error {
	listeners := []string{listenerPlain, listenerController}
	for _, l := range c.cfg.Listeners {
		listeners = append(listeners, l.Name)
	}
	var voters []string
	for id := range c.cfg.Brokers {
		b, err := newBroker(id, c.cfg.Dir, listeners)
		if err != nil {
			return err
		}
		c.brokers = append(c.brokers, b)
		voters = append(voters, b.voter())
	}
	all, ctx := errgroup.WithContext(ctx)
	for _, b := range c.brokers {
		all.Go(func() error { return b.format(ctx, c.java, c.cfg, voters) })
	}
	return all.Wait()
}

// start starts all brokers at once: the first ones wait for a majority.
func (c *Cluster) start(ctx context.Context) error {
	if err := c.format(ctx); err != nil {
		return err
	}
	for _, b := range c.brokers {
		if err := b.spawn(c.java); err != nil {
			return err
		}
	}
	for _, b := range c.brokers {
		if err := b.ready(ctx, len(c.brokers)); err != nil {
			return err
		}
	}
	return nil
}

// Addrs are where the brokers speak without authentication, by their numbers.
func (c *Cluster) Addrs() []string { return c.ListenerAddrs(listenerPlain) }

// ListenerAddrs are where the brokers have a listener of the configuration.
func (c *Cluster) ListenerAddrs(name string) []string {
	out := make([]string, len(c.brokers))
	for i, b := range c.brokers {
		out[i] = b.addr(name)
	}
	return out
}

// Kill ends a broker as a power cut does for its process, and returns when it is gone.
func (c *Cluster) Kill(broker int) error {
	if err := c.brokers[broker].process.kill(); err != nil {
		return fmt.Errorf("kill broker %d: %w", broker, err)
	}
	return nil
}

// Stop has a broker hand over what it leads and end, and returns when it has. It is killed when ctx ends.
func (c *Cluster) Stop(ctx context.Context, broker int) error {
	p := c.brokers[broker].process
	if err := p.signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop broker %d: %w", broker, err)
	}
	select {
	case <-p.ended:
		return nil
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("stop broker %d: %w", broker, context.Cause(ctx)), c.Kill(broker))
	}
}

// Start starts a broker that was killed or stopped, and returns when it serves.
func (c *Cluster) Start(ctx context.Context, broker int) error {
	b := c.brokers[broker]
	if err := b.spawn(c.java); err != nil {
		return err
	}
	return b.ready(ctx, 1)
}

// Freeze has a broker stand still, its connections open, until Thaw.
func (c *Cluster) Freeze(broker int) error {
	if err := c.brokers[broker].process.signal(syscall.SIGSTOP); err != nil {
		return fmt.Errorf("freeze broker %d: %w", broker, err)
	}
	return nil
}

// Thaw lets a frozen broker go on.
func (c *Cluster) Thaw(broker int) error {
	if err := c.brokers[broker].process.signal(syscall.SIGCONT); err != nil {
		return fmt.Errorf("thaw broker %d: %w", broker, err)
	}
	return nil
}

// Log is the file with what a broker has said since its first start.
func (c *Cluster) Log(broker int) string { return c.brokers[broker].log() }

// Close kills all brokers and returns when they are gone. Their folders stay. Further calls return what the first
// returned.
func (c *Cluster) Close() error { return c.close() }

func (c *Cluster) shutdown() error {
	var errs []error
	for _, b := range c.brokers {
		errs = append(errs, b.process.kill())
	}
	for _, b := range c.brokers {
		errs = append(errs, b.release())
	}
	return errors.Join(errs...)
}

// pollEvery is how often brokers are asked whether something is so.
const pollEvery = 50 * time.Millisecond
