//go:build e2e

package kafka_test

import (
	"context"
	"testing"
	"time"

	"parley/internal/e2e/kafka"
)

// patience is how long a busy machine may take for a few starts of brokers.
const patience = 5 * time.Minute

func start(t *testing.T, cfg kafka.Config) (context.Context, *kafka.Cluster) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	cfg.Dir = t.TempDir()
	c, err := kafka.Start(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return ctx, c
}

// TestSmokeCluster kills, stops and freezes brokers.
func TestSmokeCluster(t *testing.T) {
	t.Parallel()
	ctx, c := start(t, kafka.Config{})
	leader, err := c.Controller(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Kill(leader); err != nil {
		t.Fatal(err)
	}
	next, err := c.Controller(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if next == leader {
		t.Errorf("broker %d is the controller and was killed", leader)
	}
	if err := c.Stop(ctx, next); err != nil {
		t.Fatal(err)
	}
	for _, b := range []int{leader, next} {
		if err := c.Start(ctx, b); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.InSync(ctx); err != nil {
		t.Fatal(err)
	}
	if err := c.Freeze(0); err != nil {
		t.Fatal(err)
	}
	if err := c.Thaw(0); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(ctx, 0); err == nil {
		t.Error("a broker that runs is started again")
	}
}
