package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"parley/internal/certs"
	"parley/internal/cli/clickhouse"
)

// sqlCmd asks ClickHouse.
type sqlCmd struct {
	Query string `arg:"" help:"The statement; - reads it from standard input."`

	Addr    string `name:"embedded-clickhouse-http-addr" default:"127.0.0.1:8123" env:"PARLEY_EMBEDDED_CLICKHOUSE_HTTP_ADDR" placeholder:"HOST:PORT" help:"Where the embedded ClickHouse speaks HTTP."`
	DSN     string `name:"dsn" env:"PARLEY_CLICKHOUSE_DSN" secret:"" placeholder:"DSN" help:"Another ClickHouse: the URL of its HTTP interface, as http://user:password@host:8123/parley. Of clickhouse://host:9000 (9440) it is taken to be at port 8123 (8443)."`
	Format  string `placeholder:"FORMAT" help:"Print the answer in one of ClickHouse's formats as it comes: CSV, JSONEachRow, Parquet, ... Default: a table."`
	RowsMax int    `default:"1000" placeholder:"N" help:"The rows that a table shows at most."`

	clickHouseAccessFlags
}

// Help is shown by --help.
func (*sqlCmd) Help() string {
	return `The database is parley. Its views: results has a row per object of every call that ended, calls a row per call, conversations a row per conversation.

  parley sql "SELECT correlation_id, status, error_code FROM results WHERE conversation_id = 'order-1234'"
  parley sql "SELECT toStartOfMinute(completed_at) minute, status, count() FROM calls GROUP BY ALL ORDER BY ALL"
  parley sql --format Parquet "SELECT * FROM results" > results.parquet
  parley sql "DESCRIBE results"`
}

// database is used where a DSN names none.
const database = "parley"

// statementBytesMax bounds a statement from standard input: ClickHouse's own max_query_size.
const statementBytesMax = 256 << 10

// Run asks and prints the answer.
func (c *sqlCmd) Run(ctx context.Context, std streams) error {
	dsn := c.DSN
	if dsn == "" {
		dsn = "http://" + c.Addr
	}
	server, err := clickhouse.Parse(dsn, database)
	if err != nil {
		return err
	}
	if files := c.clickHouseFiles(); files != (certs.ClientFiles{}) {
		client, err := certs.LoadClient(files, slog.New(slog.DiscardHandler)) // it does not run long enough for them to change
		if err != nil {
			return fmt.Errorf("--clickhouse-ca, --clickhouse-cert, --clickhouse-key: %w", err)
		}
		server.Use(client.Config(""))
	}
	statement, err := c.statement(std.in)
	if err != nil {
		return err
	}
	if c.Format != "" {
		return server.Stream(ctx, std.out, statement, c.Format)
	}
	return c.table(ctx, std.out, server, statement)
}

func (c *sqlCmd) statement(stdin io.Reader) (string, error) {
	if c.Query != "-" {
		return c.Query, nil
	}
	read, err := io.ReadAll(io.LimitReader(stdin, statementBytesMax+1))
	if err != nil {
		return "", fmt.Errorf("read statement: %w", err)
	}
	if len(read) > statementBytesMax {
		return "", fmt.Errorf("statement is longer than %d KiB", statementBytesMax>>10)
	}
	return string(read), nil
}

// table prints the answer as a table, as far as one is of use to a person.
func (c *sqlCmd) table(ctx context.Context, w io.Writer, server *clickhouse.Server, statement string) error {
	answer, err := server.Rows(ctx, statement, c.RowsMax)
	if other, ok := errors.AsType[*clickhouse.FormatError](err); ok {
		return fmt.Errorf("the statement has a FORMAT of its own, which is no table: leave it out, and say --format %s", other.Format)
	}
	if err != nil {
		return err
	}
	if len(answer.Columns) > 0 {
		fmt.Fprintln(w, answerTable(answer))
	}
	switch {
	case answer.More:
		fmt.Fprintf(w, "the first %s rows; --rows-max shows more, --format all\n", number(len(answer.Rows)))
	case len(answer.Rows) == 1:
		fmt.Fprintln(w, "1 row")
	case len(answer.Columns) > 0:
		fmt.Fprintf(w, "%s rows\n", number(len(answer.Rows)))
	default:
		fmt.Fprintln(w, "done")
	}
	return nil
}

// numeric begins the names of the types whose values stand at the right.
var numeric = []string{"Int", "UInt", "Float", "Decimal", "Nullable(Int", "Nullable(UInt", "Nullable(Float", "Nullable(Decimal"}

// alignments puts numbers at the right.
func alignments(columns []clickhouse.Column) []table.ColumnConfig {
	var configs []table.ColumnConfig
	for i, c := range columns {
		if slices.ContainsFunc(numeric, func(prefix string) bool { return strings.HasPrefix(c.Type, prefix) }) {
			configs = append(configs, table.ColumnConfig{Number: i + 1, Align: text.AlignRight, AlignHeader: text.AlignRight})
		}
	}
	return configs
}

// answerTable is the answer as a table.
func answerTable(a clickhouse.Answer) string {
	header := make([]any, len(a.Columns))
	for i, c := range a.Columns {
		header[i] = c.Name
	}
	t := newTable(header...)
	t.SetColumnConfigs(alignments(a.Columns))
	for _, row := range a.Rows {
		cells := make([]any, len(row))
		for i, cell := range row {
			cells[i] = strings.ReplaceAll(cell, "\t", "    ")
		}
		t.AppendRow(cells)
	}
	return t.Render()
}
