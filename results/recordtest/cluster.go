package recordtest

import (
	"os"
	"path/filepath"
	"testing"
)

// Cluster is the name of the cluster that a server of NewCluster is.
const Cluster = "one"

// clusterConfig makes a server a cluster of itself alone: the engine takes the shard for its own, as the port is the one
// that it would listen on. Its Keeper is one for tests, in its memory: tables can be replicated, but are not written to.
const clusterConfig = `<clickhouse>
	<tcp_port>9000</tcp_port>
	<zookeeper><implementation>testkeeper</implementation></zookeeper>
	<macros><shard>1</shard><replica>first</replica></macros>
	<remote_servers><` + Cluster + `><shard>
		<internal_replication>true</internal_replication>
		<replica><host>127.0.0.1</host><port>9000</port></replica>
	</shard></` + Cluster + `></remote_servers>
</clickhouse>
`

// NewCluster starts a server for one test that is a cluster of one shard and one replica. It carries out no statements ON
// CLUSTER.
func NewCluster(tb testing.TB) *Server {
	tb.Helper()
	dir := tb.TempDir()
	// The engine reads what lies beside its configuration; a folder with a lock is one of a server.
	for name, text := range map[string]string{"server.lock": "", "conf.d/cluster.xml": clusterConfig} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return startServer(tb, dir)
}
