package extract

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2"

	"parley/internal/certs"
	"parley/results/record"
	"parley/schemas"
)

// Extractor writes extracts. It may be shared. Each extract has a connection of its own, so that ending it ends what
// ClickHouse does for it.
type Extractor struct {
	server *clickhouse.Options
	stored func(context.Context) (schemas.Cursor, error)
}

// New returns an Extractor of the database that a DSN names, reached as record.ParseDSN has it; stored says how far the record has
// come (query.Query.Stored). It does not dial.
func New(dsn string, certs *certs.Client, stored func(context.Context) (schemas.Cursor, error)) (*Extractor, error) {
	server, err := record.ParseDSN(dsn, certs)
	if err != nil {
		return nil, err
	}
	if server.Protocol == clickhouse.HTTP {
		return nil, errors.New("extracts are read by ClickHouse's native protocol: give a DSN as clickhouse://host:9000/database")
	}
	return &Extractor{server: server, stored: stored}, nil
}

// Extract writes what is asked for, and returns how many rows that are. When ClickHouse has begun to answer, begin is told the
// cursor up to which it goes, and says where to write.
//
// Its errors before that are a *schemas.Problem, or wrap schemas.ErrUnavailable when ClickHouse does not answer. After an
// error what was written is to be thrown away. When ctx ends it stops, in ClickHouse, too.
func (e *Extractor) Extract(ctx context.Context, q schemas.ExtractQuery, begin func(until schemas.Cursor) (io.Writer, error)) (rows int64, err error) {
	until, err := e.until(ctx, q)
	if err != nil {
		return 0, err
	}
	b, err := newBlock(q.Columns)
	if err != nil {
		return 0, err
	}
	out := &output{format: q.Format, block: b, begin: func() (io.Writer, error) { return begin(until) }}
	if err = e.read(ctx, statement(q, b.read(), until), out); err == nil {
		err = out.end()
	}
	switch {
	case err == nil:
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case !out.begun:
		err = fmt.Errorf("%w: read results: %w", schemas.ErrUnavailable, err)
	}
	return out.rows, err
}

// until is how far an extract goes.
func (e *Extractor) until(ctx context.Context, q schemas.ExtractQuery) (schemas.Cursor, error) {
	stored, err := e.stored(ctx)
	if err != nil {
		return schemas.Cursor{}, err
	}
	until := stored
	switch {
	case q.Until != nil && !q.Until.Reaches(q.After):
		return until, &schemas.Problem{Code: schemas.InvalidParameter, Detail: "until lies before cursor: what was given up to a cursor cannot be given from it on"}
	case q.Until != nil:
		until = *q.Until
	}
	if !stored.Reaches(until) || !stored.Reaches(q.After) {
		return until, &schemas.Problem{Code: schemas.OwnerUnavailable, Detail: "the record has not come as far as the cursors; ask again later, unless they are of another Parley"}
	}
	return until, nil
}

// read has ClickHouse answer a statement.
func (e *Extractor) read(ctx context.Context, statement string, out *output) error {
	client, err := dial(ctx, e.server)
	if err != nil {
		return err
	}
	// A read that waits for ClickHouse is not interrupted by the end of ctx, but by that of the connection.
	leave := context.AfterFunc(ctx, func() { _ = client.Close() })
	err = client.Do(ctx, ch.Query{
		Body:     statement,
		Settings: readSettings(),
		Result:   out.block.results(),
		OnResult: func(context.Context, proto.Block) error { return out.write() },
	})
	if leave() {
		err = errors.Join(err, closed(client))
	}
	return err
}

// closed closes a connection that may have been closed because of an error before.
func closed(client *ch.Client) error {
	if err := client.Close(); err != nil && !errors.Is(err, ch.ErrClosed) {
		return fmt.Errorf("close connection: %w", err)
	}
	return nil
}

// blockRows bounds a block: some MB in ClickHouse for each column and part that it reads, and here.
const blockRows = 16 << 10

// statementBytesMax is for a statement that says of schemas.PartitionsMax partitions between which two sequences, of up to 19
// digits: some 650 KiB, and ClickHouse takes 256 KiB if it is not told.
const statementBytesMax = 1 << 20

func readSettings() []ch.Setting {
	return []ch.Setting{
		ch.SettingInt("optimize_read_in_order", 1), // the rows come as they lie, however many
		ch.SettingInt("max_block_size", blockRows),
		ch.SettingInt("max_execution_time", 0), // the client's pace says how long it takes
		ch.SettingInt("max_query_size", statementBytesMax),
	}
}

// output is where the blocks of an extract go.
type output struct {
	format  schemas.ExtractFormat
	block   *block
	begin   func() (io.Writer, error)
	begun   bool
	encoder encoder
	rows    int64
}

// write writes the rows of the block.
func (o *output) write() error {
	if !o.begun {
		o.begun = true
		w, err := o.begin()
		if err != nil {
			return err
		}
		if o.encoder, err = newEncoder(o.format, w, o.block); err != nil {
			return err
		}
	}
	return o.block.once(func(from, to int) error {
		o.rows += int64(to - from)
		return o.encoder.write(o.block, from, to)
	})
}

// end writes what remains.
func (o *output) end() error {
	if !o.begun { // there was no block at all
		if err := o.write(); err != nil {
			return err
		}
	}
	return o.encoder.close()
}
