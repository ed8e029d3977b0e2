package record

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/pressly/goose/v3"
)

// ReorderVersion is the step that exchanges results_log.
const ReorderVersion = reorderVersion

// Statements are those of the file of a version; none: it is ReorderVersion.
func Statements(version int64) ([]string, error) {
	all, err := steps()
	var texts []string
	for _, s := range all {
		if s.version != version {
			continue
		}
		for _, statement := range s.statements {
			texts = append(texts, statement.String())
		}
	}
	return texts, err
}

// MigrateTo brings a database to a version, as a program of which it was the newest has.
func MigrateTo(ctx context.Context, dsn string, version int64) error {
	return start(ctx, dsn, Schema{}, unhooked, upTo(ctx, version))
}

// ErrKilled is what a starter ends with that was killed.
var ErrKilled = errors.New("killed")

// MigrateKilled is MigrateTo by a starter that is killed before it changes something for the time of that number, counted
// from 0.
func MigrateKilled(ctx context.Context, dsn string, version, before int64) error {
	var done atomic.Int64
	hook := func(statement string) (string, error) {
		if done.Add(1) > before {
			return "", ErrKilled
		}
		return statement, nil
	}
	return start(ctx, dsn, Schema{}, hook, upTo(ctx, version))
}

// MigrateForm is Migrate, of which each statement is changed by hook before it is executed.
func MigrateForm(ctx context.Context, dsn string, schema Schema, hook func(statement string) (string, error)) error {
	return start(ctx, dsn, schema, hook, func(p *goose.Provider, db *sql.DB) error {
		if _, err := p.Up(ctx); err != nil {
			return err
		}
		return schema.retain(ctx, db, slog.New(slog.DiscardHandler))
	})
}

// Form returns the statements for a cluster of those of a file for one server.
func Form(s Schema, database, file string) ([]string, error) {
	statements, err := split(file)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, statement := range statements {
		forms, err := s.forms(statement, database, []step{{statements: statements}})
		if err != nil {
			return nil, err
		}
		all = append(all, forms...)
	}
	return all, nil
}

// Reorder is the step ReorderVersion alone.
func Reorder(ctx context.Context, dsn string) error {
	opts, err := ParseDSN(dsn, nil)
	if err != nil {
		return err
	}
	db := clickhouse.OpenDB(opts)
	defer db.Close()
	return reorder(ctx, db)
}

func unhooked(statement string) (string, error) { return statement, nil }

func upTo(ctx context.Context, version int64) func(*goose.Provider, *sql.DB) error {
	return func(p *goose.Provider, _ *sql.DB) error {
		_, err := p.UpTo(ctx, version)
		return err
	}
}

// start does what Migrate does, up to where it applies steps.
func start(ctx context.Context, dsn string, schema Schema, hook func(string) (string, error), apply func(*goose.Provider, *sql.DB) error) error {
	opts, err := ParseDSN(dsn, nil)
	if err != nil {
		return err
	}
	if err := (Schema{}).createDatabase(ctx, *opts); err != nil {
		return err
	}
	db := sql.OpenDB(hooked{clickhouse.Connector(opts), hook})
	defer db.Close()
	p, err := schema.provider(db, opts.Auth.Database)
	if err != nil {
		return err
	}
	return apply(p, db)
}

// hooked connects a program of which a test sees, changes or refuses what it executes.
type hooked struct {
	driver.Connector
	hook func(statement string) (string, error)
}

// Connect returns a connection of that program.
func (h hooked) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := h.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	direct, ok := c.(conn)
	if !ok {
		return nil, fmt.Errorf("connect: %T does not execute statements by itself", c)
	}
	return hookedConn{direct, h.hook}, nil
}

// conn is what database/sql makes use of.
type conn interface {
	driver.Conn
	driver.ExecerContext
	driver.QueryerContext
	driver.NamedValueChecker
}

type hookedConn struct {
	conn
	hook func(statement string) (string, error)
}

// ExecContext executes what the hook makes of a statement.
func (c hookedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	statement, err := c.hook(query)
	if err != nil {
		return nil, err
	}
	return c.conn.ExecContext(ctx, statement, args)
}
