package node

import (
	"context"
	"errors"
	"sync"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"parley/ingest"
)

var errDraining = errors.New("it was told to stop, and takes calls for a moment longer")

// ready asks after what this node relies on. Calls are accepted as long as Kafka takes them.
func (n *node) ready(conn driver.Conn) ingest.ReadyFunc {
	return func(ctx context.Context) []ingest.Dependency {
		kafka, clickhouse := ingest.Dependency{Name: "kafka"}, ingest.Dependency{Name: "clickhouse", Optional: true}
		var asked sync.WaitGroup
		asked.Go(func() { kafka.Err = n.kafka.Ping(ctx) })
		asked.Go(func() { clickhouse.Err = conn.Ping(ctx) })
		asked.Wait()
		return append([]ingest.Dependency{kafka, clickhouse}, n.impaired()...)
	}
}

// impaired is what this node itself does not do as it should; of what it does, nothing is said.
func (n *node) impaired() []ingest.Dependency {
	var all []ingest.Dependency
	if n.stopped != nil {
		if err := n.stopped(); err != nil {
			all = append(all, ingest.Dependency{Name: "partitions", Err: err, Optional: true})
		}
	}
	if n.draining.Load() {
		all = append(all, ingest.Dependency{Name: "node", Err: errDraining})
	}
	return all
}
