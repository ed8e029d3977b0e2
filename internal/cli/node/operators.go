package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"parley/ingest"
	"parley/internal/peer"
)

// serveOperators answers what operators ask of a node that takes no calls: whether it lives, what it relies on, and
// its metrics. Other nodes are answered there too, if peers is not nil.
func (n *node) serveOperators(ctx context.Context, ready ingest.ReadyFunc, peers http.Handler) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") }) // a client that has left does not need it
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) { writeReady(w, ready(r.Context())) })
	mux.Handle("GET /metrics", promhttp.HandlerFor(n.metrics, promhttp.HandlerOpts{}))
	all := http.NewServeMux()
	all.Handle("/", http.TimeoutHandler(mux, operatorTimeout, "no answer in time\n"))
	if peers != nil {
		all.Handle(peer.Path, peers) // these may wait
	}
	server := &http.Server{
		Handler:           all,
		ReadHeaderTimeout: operatorTimeout,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          slog.NewLogLogger(n.log.Handler(), slog.LevelDebug),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(n.http) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve HTTP: %w", err)
	case <-ctx.Done():
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownWait)
	defer cancel()
	err := server.Shutdown(closing)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close() // connections that other nodes have opened and not used
	}
	if err != nil {
		err = fmt.Errorf("stop HTTP: %w", err)
	}
	if serving := <-served; !errors.Is(serving, http.ErrServerClosed) {
		err = errors.Join(err, fmt.Errorf("serve HTTP: %w", serving))
	}
	return err
}

const operatorTimeout = 5 * time.Second

// writeReady writes a line per dependency. A node that takes no calls is ready when all that it needs is there.
func writeReady(w http.ResponseWriter, dependencies []ingest.Dependency) {
	status := http.StatusOK
	var text strings.Builder
	for _, d := range dependencies {
		if d.Err == nil {
			fmt.Fprintf(&text, "%s: ok\n", d.Name)
			continue
		}
		if !d.Optional {
			status = http.StatusServiceUnavailable
		}
		fmt.Fprintf(&text, "%s: %s\n", d.Name, strings.Join(strings.Fields(d.Err.Error()), " "))
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text.String())
}
