//go:build e2e

package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"parley/internal/e2e/kafka"
)

// patience bounds a test on a busy machine; none should come near it.
const patience = 8 * time.Minute

var (
	// program is parley, built of the code that is tested.
	program string
	// shared is a cluster for the tests that do it no harm.
	shared *kafka.Cluster
)

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "parley-e2e-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	program = filepath.Join(dir, "parley")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", program, "parley").CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build parley: %w: %s", err, out)
	}
	if shared, err = kafka.Start(ctx, kafka.Config{Dir: filepath.Join(dir, "kafka")}); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, shared.Close()) }()
	defer func() { err = errors.Join(err, writeFaults(os.Stdout)) }()
	return m.Run(), nil
}

// cluster starts a cluster that ends with the test.
func cluster(t *testing.T, cfg kafka.Config) *kafka.Cluster {
	t.Helper()
	cfg.Dir = filepath.Join(t.TempDir(), "kafka")
	c, err := kafka.Start(deadline(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// deadline is a context that bounds what the test waits for.
func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}
