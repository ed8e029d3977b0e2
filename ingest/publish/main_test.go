package publish_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"parley/internal/cli/node"
	"parley/internal/kafka"
)

// brokers are the addresses of a broker, and url that of a Parley which works on it.
var (
	brokers []string
	url     string
)

// TestMain runs the tests against a broker and a Parley. There is no ClickHouse: what is polled, the processor tells.
func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "publish")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	broker, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, "parley.in.acme"))
	if err != nil {
		return 0, err
	}
	defer broker.Close()
	backend := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer backend.Close()
	routes := filepath.Join(dir, "routes.yaml")
	if err := os.WriteFile(routes, fmt.Appendf(nil, "routes: [{name: all, executor: {type: http, url: %q}}]", backend.URL), 0o600); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan node.Addresses, 1), make(chan error, 1)
	go func() {
		ended <- node.Run(ctx, node.Config{
			HTTPAddr:      "127.0.0.1:0",
			Kafka:         kafka.Config{Brokers: broker.ListenAddrs()},
			ClickHouseDSN: "clickhouse://127.0.0.1:1/parley",
			DataDir:       filepath.Join(dir, "data"),
			Roles:         node.Roles{Ingest: true, Processor: true},
			TopicPrefix:   "parley",
			Partitions:    8,
			Replication:   1,
			RoutesFile:    routes,
			Auth:          node.AuthNone,
			Secret:        "0123456789abcdef",
			Instance:      "one",
			PartTimeout:   time.Minute,
			ForwardGrace:  time.Minute,
			Log:           slog.New(slog.DiscardHandler),
		}, node.Events{Ready: func(a node.Addresses) { ready <- a }, Stopping: func(error) {}})
	}()
	defer func() {
		cancel()
		if ending := <-ended; err == nil {
			err = ending
		}
	}()
	select {
	case a := <-ready:
		brokers, url = broker.ListenAddrs(), a.HTTP
	case err := <-ended:
		ended <- nil
		return 0, err
	}
	return m.Run(), nil
}
