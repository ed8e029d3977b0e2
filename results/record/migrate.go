package record

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"parley/internal/pause"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"

	"parley/internal/certs"
)

// collisionsMax bounds how often Migrate starts over after a statement that the server refused.
const collisionsMax = 8

// Migrate creates the database that the DSN names (see ParseDSN), unless it is there, and applies to it what is missing of
// schemas.Migrations, in the form that the Schema asks for, and the retention where it is another. It only goes forward: a
// database that is ahead of this program is left as it is. A server that does not answer is an error at once.
//
// Several may start at the same time, in several processes. ClickHouse has no lock that ends with its holder, so
// none is taken: every statement may run twice, and a starter whose statement collided with another's starts over
// and finds it done.
func Migrate(ctx context.Context, dsn string, certs *certs.Client, schema Schema, log *slog.Logger) error {
	opts, err := ParseDSN(dsn, certs)
	if err = errors.Join(err, schema.Validate()); err != nil {
		return err
	}
	for collisions := 0; ; collisions++ {
		err = schema.migrate(ctx, opts, log)
		var refused *clickhouse.Exception
		if !errors.As(err, &refused) && !errors.Is(err, errInMotion) || collisions == collisionsMax {
			return err
		}
		log.Debug("migration refused, starting over", "error", err)
		wait := time.Duration(rand.IntN(50<<min(collisions, 4))) * time.Millisecond
		if ended := pause.For(ctx, wait); ended != nil {
			return errors.Join(err, ended)
		}
	}
}

func (s Schema) migrate(ctx context.Context, opts *clickhouse.Options, log *slog.Logger) error {
	if err := s.createDatabase(ctx, *opts); err != nil {
		return err
	}
	db := clickhouse.OpenDB(opts)
	defer db.Close()
	steps, err := s.provider(db, opts.Auth.Database)
	if err != nil {
		return err
	}
	applied, err := steps.Up(ctx)
	if err != nil {
		return fmt.Errorf("migrate ClickHouse: %w", err)
	}
	for _, step := range applied {
		log.Info("ClickHouse migrated", "database", opts.Auth.Database, "version", step.Source.Version)
	}
	return s.retain(ctx, db, log)
}

// provider applies the steps that a database lacks.
func (s Schema) provider(db *sql.DB, name string) (*goose.Provider, error) {
	all, err := steps()
	if err != nil {
		return nil, err
	}
	versions, err := database.NewStore(goose.DialectClickHouse, versionsTable)
	if err != nil {
		return nil, fmt.Errorf("open versions: %w", err)
	}
	if s.Cluster != "" {
		all, versions = settled(all), clusterVersions{versions, s}
	}
	migrations := make([]*goose.Migration, len(all))
	for i, step := range all {
		run := func(ctx context.Context, db *sql.DB) error { return s.run(ctx, db, step, name, all) }
		migrations[i] = goose.NewGoMigration(step.version, &goose.GoFunc{RunDB: run}, nil)
	}
	p, err := goose.NewProvider("", db, nil, goose.WithStore(versions), goose.WithDisableGlobalRegistry(true), goose.WithGoMigrations(migrations...))
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	return p, nil
}

// run applies one step of all.
func (s Schema) run(ctx context.Context, db *sql.DB, step step, database string, all []step) error {
	if step.version == reorderVersion && s.Cluster == "" {
		return reorder(ctx, db)
	}
	for _, statement := range step.statements {
		if kind, _ := statement.head(); kind == insertInto {
			// It copies what was there before a view; what was under way then shall not fall in between.
			if err := s.untilWritten(ctx, db); err != nil {
				return err
			}
		}
		forms, err := s.forms(statement, database, all)
		if err != nil {
			return err
		}
		for _, form := range forms {
			if _, err := db.ExecContext(ctx, form); err != nil {
				return fmt.Errorf("execute %.60q: %w", form, err)
			}
		}
	}
	return nil
}

// createDatabase works from the database system, as a connection needs one that is there. It asks before it creates:
// who may use a database need not be allowed to create one.
func (s Schema) createDatabase(ctx context.Context, opts clickhouse.Options) error {
	name := opts.Auth.Database
	opts.Auth.Database = "system"
	db := clickhouse.OpenDB(&opts)
	defer db.Close()
	var found uint64
	if err := db.QueryRowContext(ctx, "SELECT count() FROM system.databases WHERE name = ?", name).Scan(&found); err != nil {
		return fmt.Errorf("look for database %s: %w", name, err)
	}
	if found > 0 {
		return nil
	}
	if _, err := db.ExecContext(ctx, "CREATE DATABASE IF NOT EXISTS "+Identifier(name)+s.onCluster()); err != nil {
		return fmt.Errorf("create database %s: %w", name, err)
	}
	return nil
}
