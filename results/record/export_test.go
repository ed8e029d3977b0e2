package record

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// ReorderVersion is the step that exchanges results_log.
const ReorderVersion = reorderVersion

// Versions are those of all steps.
func Versions() ([]int64, error) {
	all, err := steps()
	var versions []int64
	for _, s := range all {
		versions = append(versions, s.version)
	}
	return versions, err
}

// Statements are those of all files.
func Statements() ([]string, error) {
	all, err := steps()
	var texts []string
	for _, s := range all {
		for _, statement := range s.statements {
			texts = append(texts, statement.String())
		}
	}
	return texts, err
}

// MigrateTo brings a database to a version, as a program of which it was the newest has.
func MigrateTo(ctx context.Context, dsn string, version int64) error {
	opts, err := ParseDSN(dsn)
	if err != nil {
		return err
	}
	if err := createDatabase(ctx, *opts); err != nil {
		return err
	}
	db := clickhouse.OpenDB(opts)
	defer db.Close()
	p, err := provider(db)
	if err != nil {
		return err
	}
	_, err = p.UpTo(ctx, version)
	return err
}

// ErrKilled is what a starter ends with that Kill has killed.
var ErrKilled = errors.New("killed")

// MigrateKilled is a starter that is killed before it changes something for the time of that number, counted from 0.
func MigrateKilled(ctx context.Context, dsn string, before int64) error {
	opts, err := ParseDSN(dsn)
	if err != nil {
		return err
	}
	mortal := &mortal{Connector: clickhouse.Connector(opts)}
	mortal.left.Store(before)
	db := sql.OpenDB(mortal)
	defer db.Close()
	p, err := provider(db)
	if err != nil {
		return err
	}
	_, err = p.Up(ctx)
	return err
}

// Reorder is the step ReorderVersion alone.
func Reorder(ctx context.Context, dsn string) error {
	opts, err := ParseDSN(dsn)
	if err != nil {
		return err
	}
	db := clickhouse.OpenDB(opts)
	defer db.Close()
	return reorder(ctx, db)
}

// mortal connects a process that can change something a few times yet.
type mortal struct {
	driver.Connector
	left atomic.Int64
}

// Connect returns a connection of that process.
func (m *mortal) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := m.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	living, ok := c.(conn)
	if !ok {
		return nil, fmt.Errorf("connect: %T does not execute statements by itself", c)
	}
	return mortalConn{living, m}, nil
}

// conn is what database/sql makes use of.
type conn interface {
	driver.Conn
	driver.ExecerContext
	driver.QueryerContext
	driver.NamedValueChecker
}

type mortalConn struct {
	conn
	mortal *mortal
}

// ExecContext changes something, unless the process is dead.
func (c mortalConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if c.mortal.left.Add(-1) < 0 {
		return nil, ErrKilled
	}
	return c.conn.ExecContext(ctx, query, args)
}
