package embedded_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"testing"

	"go.uber.org/goleak"

	"parley/internal/embedded"
)

// TestMain makes the test binary the program that embedded starts again: as an engine, and, for the test of a
// killed parent, as a parent.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "engine" {
		exit(embedded.RunChild(os.Args[2], os.Stdin, os.Stdout, testLog()))
	}
	if len(os.Args) == 3 && os.Args[1] == "parent" {
		exit(runParent(os.Args[2]))
	}
	goleak.VerifyTestMain(m)
}

func exit(err error) {
	if err != nil && !errors.Is(err, embedded.ErrReported) {
		fmt.Fprintln(os.Stderr, err)
	}
	if err != nil {
		os.Exit(1)
	}
	os.Exit(0)
}

func testLog() *slog.Logger {
	if os.Getenv("PARLEY_TEST_LOG") == "" {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// addresses is what a parent tells the test that started it.
type addresses struct{ Kafka, ClickHouse string }

// runParent starts the engines, and would close them when its standard input ends.
func runParent(dir string) error {
	e, err := embedded.Start(context.Background(), config(dir))
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(addresses{Kafka: e.KafkaAddr(), ClickHouse: e.ClickHouseAddr()}); err != nil {
		return errors.Join(err, e.Close())
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return errors.Join(err, e.Close())
}
