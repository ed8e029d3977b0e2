package record

import (
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/pressly/goose/v3"

	"parley/schemas"
)

// step is a step of the schema: a file of schemas.Migrations, or reorder.
type step struct {
	version int64
	name    string
	// statements are those of the file; nil: it is reorder.
	statements []statement
}

// Versions are those of all steps of the schema, in their order.
func Versions() ([]int64, error) {
	all, err := steps()
	var versions []int64
	for _, s := range all {
		versions = append(versions, s.version)
	}
	return versions, err
}

// steps returns all steps in their order.
func steps() ([]step, error) {
	names, err := fs.Glob(schemas.Migrations, "clickhouse/*.sql")
	if err != nil {
		return nil, fmt.Errorf("list migrations: %w", err)
	}
	all := []step{{version: reorderVersion, name: "reorder"}}
	for _, name := range names {
		s, err := readStep(name)
		if err != nil {
			return nil, fmt.Errorf("read migration %s: %w", name, err)
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b step) int { return cmp.Compare(a.version, b.version) })
	return all, nil
}

func readStep(name string) (step, error) {
	version, err := goose.NumericComponent(name)
	if err != nil {
		return step{}, err
	}
	text, err := fs.ReadFile(schemas.Migrations, name)
	if err != nil {
		return step{}, err
	}
	statements, err := split(string(text))
	return step{version: version, name: path.Base(name), statements: statements}, err
}
