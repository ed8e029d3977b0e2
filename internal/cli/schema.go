package cli

import (
	"cmp"
	"io"

	"parley/results/record"
)

// schemaCmd prints what serve makes in ClickHouse.
type schemaCmd struct {
	Cluster  string `env:"PARLEY_CLICKHOUSE_CLUSTER" placeholder:"NAME" help:"The cluster over which the tables are spread. Default: they are on one server."`
	Database string `placeholder:"NAME" help:"The database. Default: parley."`
}

// Help is shown by --help.
func (*schemaCmd) Help() string {
	return `It prints the statements that serve executes in a database that is new, and connects to nothing. serve needs no help with them; on a cluster, a server that is added later gets its tables by them, as they leave alone what is there.

  parley schema
  parley schema --cluster main | clickhouse-client --multiquery`
}

// Run prints the statements.
func (c *schemaCmd) Run(std streams) error {
	text, err := record.Schema{Cluster: c.Cluster}.SQL(cmp.Or(c.Database, record.DefaultDatabase))
	if err != nil {
		return err
	}
	_, err = io.WriteString(std.out, text)
	return err
}
