package clickhouse

import (
	"context"
	"errors"
	"io"

	"parley/internal/embedded/chdb"
)

// formatNative is the engine's format for blocks, which are those of the wire without BlockInfo.
const formatNative = "Native"

// execute runs a statement and sends its rows.
func (c *nativeConn) execute(ctx context.Context, st statement, q query) error {
	analysis, err := c.sess.check(st)
	if err != nil {
		return err
	}
	if _, readOnly := splitReadOnly(q.settings); readOnly {
		if err := refuseChange(st, analysis); err != nil {
			return err
		}
	}
	if st.kind == kindSet {
		return c.sess.set(ctx, chdb.Statement{SQL: st.text, Params: q.params})
	}
	c.headed = false
	run := chdb.Statement{SQL: st.text, Format: formatNative, Params: q.params}
	if st.kind == kindSelect {
		return c.selectRows(ctx, run)
	}
	res, err := c.sess.runChecked(ctx, run, analysis)
	if err != nil {
		return err
	}
	if err := c.out.progress(res.Stats); err != nil {
		return err
	}
	if len(res.Data) > 0 || !analysis.ReadOnly {
		_, err := c.sendBlocks(res.Data)
		return err
	}
	columns, err := c.sess.columnsOf(ctx, run)
	if err != nil {
		return err
	}
	return c.out.header(columns)
}

// selectRows streams the rows of a query, in as much memory as one block takes.
func (c *nativeConn) selectRows(ctx context.Context, st chdb.Statement) error {
	rows, err := c.sess.stream(ctx, st)
	if err != nil {
		return err
	}
	defer rows.close()
	var sum profile
	for {
		piece, err := rows.next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		sent, err := c.sendBlocks(piece)
		if err != nil {
			return err
		}
		if err := c.out.progress(rows.stats()); err != nil {
			return err
		}
		sum.add(sent)
	}
	if sum.blocks == 0 {
		return c.emptySelect(ctx, st)
	}
	return c.out.profile(sum)
}

// emptySelect sends the columns of a query without rows: the engine writes no block then, but a client waits for one.
func (c *nativeConn) emptySelect(ctx context.Context, st chdb.Statement) error {
	header, err := c.sess.headerOf(ctx, st)
	if err != nil {
		return err
	}
	return c.out.header(header)
}

// sendBlocks sends the blocks that lie one behind the other in data. Before the first one of an answer goes its header, as
// from a server: clickhouse-driver learns the columns from a block without rows alone.
func (c *nativeConn) sendBlocks(data []byte) (sent profile, err error) {
	c.cutter.cut(data)
	for {
		b, err := c.cutter.next(c.revision)
		if errors.Is(err, io.EOF) {
			return sent, nil
		}
		if err != nil {
			return sent, err
		}
		if !c.headed {
			c.headed = true
			err = c.out.header(b.columns)
		}
		if err := errors.Join(err, c.out.data(b.raw)); err != nil {
			return sent, err
		}
		sent.add(profile{rows: b.rows, blocks: 1, bytes: len(b.raw)})
	}
}
