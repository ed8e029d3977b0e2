package node

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"parley/internal/control"
	"parley/internal/route"
)

// openRoutes reads the routes, and adds the stage that follows their file; SIGHUP makes it read at once.
func (n *node) openRoutes(context.Context) error {
	if n.cfg.RoutesFile == "" {
		return nil // openBackend knows where everything goes
	}
	f, err := route.Follow(route.FollowConfig{
		File:    n.cfg.RoutesFile,
		Check:   func(t *route.Table) error { return t.Apart(n.topics) },
		Log:     n.log,
		Metrics: n.metrics,
	})
	if err != nil {
		return fmt.Errorf("%w; correct the file, or name another with PARLEY_ROUTES", err)
	}
	n.routes = f.Current()
	hangup := make(chan os.Signal, 1) // one that comes while it starts is not lost, nor does it end the node
	signal.Notify(hangup, syscall.SIGHUP)
	n.closers = append(n.closers, func() error { signal.Stop(hangup); return nil })
	n.stages = append(n.stages, stage{"routes", func(ctx context.Context) error { return f.Run(ctx, hangup) }})
	return nil
}

// controlTimeout bounds how long the control topic may take to be read at the start.
const controlTimeout = 30 * time.Second

// openControl reads what all nodes must agree on, before this one begins calls, and adds the stage that follows it.
func (n *node) openControl(ctx context.Context) error {
	reading, cancel := context.WithTimeout(ctx, controlTimeout)
	defer cancel()
	c, err := control.Open(reading, control.Config{Kafka: n.kafkaOptions("control"), Topic: n.topics.Control, Instance: n.cfg.Instance, Log: n.log})
	if err != nil {
		return err
	}
	n.control = c
	n.closers = append(n.closers, func() error { c.Close(); return nil })
	n.stages = append(n.stages, stage{"control", c.Run})
	return nil
}

// paused reports whether a route is in maintenance.
func (n *node) paused(route string) bool {
	_, in := n.control.Maintenance(route, time.Now())
	return in
}
