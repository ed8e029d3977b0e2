package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ClickHouse/ch-go/proto"

	"parley/internal/embedded/chdb"
)

// insert answers an INSERT whose blocks come from the client: it sends the columns that it expects, feeds the
// blocks to the engine as they arrive, and commits at the empty one. A client that leaves before has inserted nothing
// of the block that the engine was forming.
func (c *nativeConn) insert(ctx context.Context, st statement, q query) error {
	up, err := c.beginInsert(ctx, st, q.params)
	if err != nil {
		return c.out.exception(asException(err))
	}
	defer up.abort()
	blocks := c.newBlockReader(q)
	for {
		b, err := c.nextBlock(blocks)
		switch {
		case errors.Is(err, errCancelled):
			up.abort()
			return c.out.endOfStream()
		case err != nil:
			return c.refuse(err)
		case len(b.columns) == 0:
			return errors.Join(c.out.profileEvents(), c.commit(ctx, up))
		}
		if err := up.append(b.raw); err != nil {
			return errors.Join(c.out.exception(asException(err)), c.drain(blocks))
		}
		if err := c.out.profileEvents(); err != nil {
			return err
		}
	}
}

// beginInsert sends the sample block and opens the insert.
func (c *nativeConn) beginInsert(ctx context.Context, st statement, params []chdb.Param) (*upload, error) {
	columns, err := c.sess.insertColumns(ctx, st.insert, params)
	if err != nil {
		return nil, err
	}
	up, err := c.sess.upload(chdb.Statement{SQL: st.insert.head, Format: formatNative, Params: params})
	if err != nil {
		return nil, err
	}
	if err := errors.Join(c.out.header(columns), c.out.flush()); err != nil {
		up.abort()
		return nil, err
	}
	return up, nil
}

// nextBlock reads the next Data packet. A Cancel in its place is errCancelled.
func (c *nativeConn) nextBlock(blocks *blockReader) (block, error) {
	code, err := c.nextPacket()
	switch {
	case err != nil:
		return block{}, err
	case code == proto.ClientCodeCancel:
		return block{}, errCancelled
	case code != proto.ClientCodeData:
		return block{}, exceptionf(codeUnexpectedPacket, "packet %d instead of the data of an insert", code)
	}
	_, b, err := c.readBlock(blocks)
	return b, err
}

// commit writes what was inserted and ends the answer.
func (c *nativeConn) commit(ctx context.Context, up *upload) error {
	stats, err := up.commit(ctx)
	if err != nil {
		return c.conclude(ctx, err)
	}
	return errors.Join(c.out.progress(stats), c.out.endOfStream())
}

// drain reads what the client has sent of a failed insert, up to the empty block, so that the connection
// can go on. A client that noticed the failure may send another packet, or a Cancel, instead.
func (c *nativeConn) drain(blocks *blockReader) error {
	for {
		next, err := c.in.Peek(1)
		if err != nil {
			return fmt.Errorf("drain insert: %w", err)
		}
		if code := proto.ClientCode(next[0]); code != proto.ClientCodeData {
			return nil
		}
		b, err := c.nextBlock(blocks)
		if err != nil {
			return err
		}
		if len(b.columns) == 0 {
			return nil
		}
	}
}

// insertColumns are the columns that the client must send, in the order of the statement's list.
func (s *session) insertColumns(ctx context.Context, ins insertion, params []chdb.Param) ([]column, error) {
	if ins.matcher != "" {
		return s.columnsOf(ctx, chdb.Statement{SQL: "SELECT " + ins.matcher + " FROM " + ins.target + " LIMIT 0", Params: params})
	}
	described, err := s.describe(ctx, ins.target, params...)
	if err != nil {
		return nil, err
	}
	var columns []column
	for _, d := range described {
		if d.kind == "MATERIALIZED" || d.kind == "ALIAS" || d.kind == "EPHEMERAL" && ins.columns == nil {
			continue
		}
		columns = append(columns, d.column)
	}
	if ins.columns == nil {
		return columns, nil
	}
	return pick(columns, ins.columns), nil
}

// pick returns the named columns in this order. What does not exist is left out: the engine complains of it.
func pick(columns []column, names []string) []column {
	picked := make([]column, 0, len(names))
	for _, name := range names {
		if i := slices.IndexFunc(columns, func(c column) bool { return c.name == name }); i >= 0 {
			picked = append(picked, columns[i])
		}
	}
	return picked
}
