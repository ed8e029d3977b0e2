package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"parley/internal/embedded/chdb"
)

// external is a table that a client sends along with a query, and that ends with it.
type external struct {
	name      string
	structure string // columns, as CREATE TABLE has them
	format    string // of its data
}

// externalTablesMax bounds the tables of one query.
const externalTablesMax = 100

// externalSuffixes end the parameters that describe an external table of an HTTP request.
var externalSuffixes = []string{"_structure", "_types", "_format"}

// ofExternal reports whether a parameter describes one of these tables.
func ofExternal(param string, tables []string) bool {
	return slices.ContainsFunc(externalSuffixes, func(suffix string) bool {
		name, ok := strings.CutSuffix(param, suffix)
		return ok && slices.Contains(tables, name)
	})
}

// externalOf describes the table of this name by the parameters of a request.
func externalOf(name string, values url.Values) (external, error) {
	e := external{name: name, structure: values.Get(name + "_structure"), format: values.Get(name + "_format")}
	if types := values.Get(name + "_types"); e.structure == "" && types != "" {
		_, args, err := splitType("Tuple(" + types + ")")
		if err != nil {
			return e, err
		}
		for i, typ := range args {
			args[i] = fmt.Sprintf("_%d %s", i+1, typ)
		}
		e.structure = strings.Join(args, ", ")
	}
	if e.structure == "" {
		return e, exceptionf(codeBadArguments, "external table %s has neither parameter %s_structure nor %s_types", name, name, name)
	}
	if e.format == "" {
		e.format = defaultFormat
	}
	return e, nil
}

// structureOf writes columns as CREATE TABLE has them.
func structureOf(columns []column) string {
	var parts []string
	for _, c := range columns {
		parts = append(parts, quoteName(c.name)+" "+c.typ)
	}
	return strings.Join(parts, ", ")
}

// create makes the table.
func (s *session) create(ctx context.Context, e external) error {
	_, err := s.run(ctx, chdb.Statement{SQL: "CREATE OR REPLACE TEMPORARY TABLE " + quoteName(e.name) + " (" + e.structure + ")"})
	if err != nil {
		return fmt.Errorf("make external table %s: %w", e.name, err)
	}
	return nil
}

// load adds data to the table.
func (s *session) load(ctx context.Context, e external, data io.Reader) error {
	up, err := s.upload(chdb.Statement{SQL: "INSERT INTO " + quoteName(e.name), Format: e.format})
	if err != nil {
		return err
	}
	defer up.abort()
	if err := up.copy(ctx, data); err != nil {
		return err
	}
	_, err = up.commit(ctx)
	return err
}

// forget drops external tables.
func (s *session) forget(names []string) error {
	var errs []error
	for _, name := range names {
		_, err := s.conn.Query(chdb.Statement{SQL: "DROP TEMPORARY TABLE IF EXISTS " + quoteName(name)})
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
