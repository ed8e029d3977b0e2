//go:build e2e

package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"parley/internal/cli/clickhouse"
	"parley/internal/cli/tour"
	"parley/internal/e2e/kafka"
)

// take takes the tour of parley demo, on a cluster: the samples go in, their parts in any order, and every number of what came
// of them is checked, in the journal of the backend and in ClickHouse.
func take(t *testing.T, cfg tour.Config) {
	t.Helper()
	var said bytes.Buffer
	cfg.Program, cfg.Out = program, &said
	cfg.Progress = func(string, int, int) {}
	cfg.Table = func(clickhouse.Answer) string { return "" }
	if err := tour.Run(deadline(t), cfg); err != nil {
		t.Fatalf("%v\n%s", err, said.Bytes())
	}
}

// The server is killed (kill -9) in the middle.
func TestSmokeTour(t *testing.T) {
	t.Parallel()
	take(t, tour.Config{Brokers: shared.Addrs(), Kill: true})
}

// Each broker is restarted in turn, as for an upgrade of Kafka.
func TestSmokeRollingRestart(t *testing.T) {
	t.Parallel()
	c := cluster(t, kafka.Config{})
	take(t, tour.Config{Brokers: c.Addrs(), Halfway: func(ctx context.Context) error { return roll(ctx, c) }})
}

// Clusters that were upgraded to Kafka 4 have the transactions of before until somebody raises their level (KIP-890).
func TestTourWithOlderTransactions(t *testing.T) {
	t.Parallel()
	for _, level := range []int{0, 1} {
		t.Run(fmt.Sprint(level), func(t *testing.T) {
			c := cluster(t, kafka.Config{Features: map[string]int{"transaction.version": level}})
			take(t, tour.Config{Brokers: c.Addrs(), Kill: true})
		})
	}
}

func roll(ctx context.Context, c *kafka.Cluster) error {
	for b := range c.Addrs() {
		if err := c.Stop(ctx, b); err != nil {
			return err
		}
		if err := c.Start(ctx, b); err != nil {
			return err
		}
		if err := c.InSync(ctx); err != nil {
			return err
		}
	}
	return nil
}
