package clickhouse

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"

	"parley/internal/embedded/chdb"
)

// formatNative is the engine's format for blocks, which are those of the wire without BlockInfo.
const formatNative = "Native"

// execute runs a statement and sends its rows.
func (c *nativeConn) execute(ctx context.Context, st statement) error {
	if st.kind == kindSet {
		return c.sess.set(ctx, chdb.Statement{SQL: st.text})
	}
	analysis, err := c.sess.check(st)
	if err != nil {
		return err
	}
	if st.kind == kindSelect {
		return c.selectRows(ctx, st.text)
	}
	res, err := c.sess.runChecked(ctx, chdb.Statement{SQL: st.text, Format: formatNative}, analysis)
	if err != nil {
		return err
	}
	if err := c.out.progress(res.Stats); err != nil {
		return err
	}
	if len(res.Data) > 0 || !analysis.ReadOnly {
		return c.sendBlocks(res.Data)
	}
	columns, err := c.sess.columnsOf(ctx, chdb.Statement{SQL: st.text})
	if err != nil {
		return err
	}
	return c.out.header(columns)
}

// selectRows streams the rows of a query, in as much memory as one block takes.
func (c *nativeConn) selectRows(ctx context.Context, text string) error {
	rows, err := c.sess.stream(ctx, chdb.Statement{SQL: text, Format: formatNative})
	if err != nil {
		return err
	}
	defer rows.close()
	var count, blocks, size int
	for {
		piece, err := rows.next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := c.out.data(piece); err != nil {
			return err
		}
		if err := c.out.progress(rows.stats()); err != nil {
			return err
		}
		count, blocks, size = count+rowsOf(piece), blocks+1, size+len(piece)
	}
	if blocks == 0 {
		return c.emptySelect(ctx, text)
	}
	return c.out.profile(count, blocks, size)
}

// emptySelect sends the columns of a query without rows: the engine writes no block then, but a client waits for one.
func (c *nativeConn) emptySelect(ctx context.Context, text string) error {
	columns, err := c.sess.describe(ctx, "("+text+"\n)")
	if err != nil {
		return err
	}
	header := make([]column, len(columns))
	for i, d := range columns {
		header[i] = d.column
	}
	return c.out.header(header)
}

// rowsOf reads the number of rows at the beginning of a block.
func rowsOf(raw []byte) int {
	_, n := binary.Uvarint(raw)
	rows, _ := binary.Uvarint(raw[max(n, 0):])
	return int(rows)
}

// sendBlocks sends the blocks that lie one behind the other in data.
func (c *nativeConn) sendBlocks(data []byte) error {
	blocks := &blockReader{r: bufio.NewReader(bytes.NewReader(data)), max: len(data)}
	for sent := 0; sent < len(data); {
		b, err := blocks.next()
		if err != nil {
			return err
		}
		if err := c.out.data(b.raw); err != nil {
			return err
		}
		sent += len(b.raw)
	}
	return nil
}
