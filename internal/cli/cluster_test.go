package cli_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"parley/internal/backend"
	"parley/internal/testkit"
)

// condition is what scripts can ask: [cluster] is whether Kafka is a real cluster, see testkit.GivenBrokers. With one, serve
// has neither a broker nor a backend of its own.
func condition(name string) (bool, error) {
	if name == "cluster" {
		return len(testkit.GivenBrokers()) > 0, nil
	}
	return false, fmt.Errorf("unknown condition %q", name)
}

// onCluster has the Parley of a script work on the brokers of a real cluster, with topics of its own, and runs a backend
// beside it until the script ends.
func onCluster(t *testing.T, env *testscript.Env, brokers []string) error {
	prefix, addr := testkit.NewPrefix(), env.Getenv("PARLEY_BACKEND_ADDR")
	routes := filepath.Join(env.WorkDir, "backend.yaml")
	for name, value := range map[string]string{
		"KAFKA":                    strings.Join(brokers, ","),
		"PREFIX":                   prefix,
		"REPLICAS":                 fmt.Sprint(testkit.Replicas(brokers)),
		"PARLEY_REPLICATION":       fmt.Sprint(testkit.Replicas(brokers)),
		"PARLEY_KAFKA_BROKERS":     strings.Join(brokers, ","),
		"PARLEY_TOPIC_PREFIX":      prefix,
		"PARLEY_PARTITIONS":        "8",
		"PARLEY_RESULT_PARTITIONS": "4",
		"PARLEY_SECRET":            "0123456789abcdef",
		"PARLEY_AUTH":              "none",
		"PARLEY_ROUTES":            routes,
	} {
		env.Setenv(name, value)
	}
	if err := os.WriteFile(routes, fmt.Appendf(nil, "routes: [{name: default, executor: {type: http, url: %q}}]\n", "http://"+addr+"/calls"), 0o600); err != nil {
		return err
	}
	env.Defer(func() {
		if err := testkit.DeleteTopics(brokers, prefix); err != nil {
			t.Error(err)
		}
	})
	return runBackend(t, env, addr)
}

// runBackend runs the demo backend, with its journal, until the script ends.
func runBackend(t *testing.T, env *testscript.Env, addr string) error {
	b, err := backend.New(backend.Config{Journal: filepath.Join(env.WorkDir, "executed.jsonl")})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return errors.Join(err, b.Close())
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- b.Serve(ctx, l) }()
	env.Defer(func() {
		cancel()
		if err := errors.Join(<-served, b.Close()); err != nil {
			t.Errorf("backend: %v", err)
		}
	})
	return nil
}
