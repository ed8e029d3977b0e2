// Package layout holds no code, only a test: imports point one way,
//
//	main → internal/cli → ingest, processor, results → internal/* → schemas
//
// and a library is met in few places. rules_test.go says which, and why. Who has a good reason for another import
// changes the rule in the same commit and says the reason there.
//
// The test reads the import clauses of the source itself. Asking "go list" would give the same answer, but a test's
// result is cached by the files that it opens, and not by those that a command opens for it.
package layout

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestImports(t *testing.T) {
	t.Parallel()
	root := os.DirFS(filepath.Join("..", ".."))
	files, err := goFiles(root)
	if err != nil {
		t.Fatalf("walk the module: %v", err)
	}
	if len(files) == 0 {
		t.Fatal("the module has no Go file: this test looks in the wrong folder")
	}
	for _, file := range files {
		imports, err := importsOf(root, file)
		if err != nil {
			t.Fatalf("read imports of %s: %v", file, err)
		}
		for _, target := range imports {
			e := edge{from: path.Dir(file), target: target, inTest: strings.HasSuffix(file, "_test.go")}
			if rule := e.breaks(); rule != "" {
				t.Errorf("%s imports %s\n\t%s", file, target, rule)
			}
		}
	}
}

// TestBreaks shows that each kind of rule bites.
func TestBreaks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		edge
		allowed bool
	}{
		{edge{from: ".", target: "parley/internal/cli"}, true},
		{edge{from: ".", target: "parley/ingest"}, false},
		{edge{from: "internal/cli", target: "parley/processor"}, true},
		{edge{from: "internal/cli", target: "parley/results/sink"}, true},

		{edge{from: "ingest", target: "parley/processor"}, false},
		{edge{from: "ingest", target: "parley/results/query"}, false},
		{edge{from: "processor", target: "parley/results/sink"}, false},
		{edge{from: "results/sink", target: "parley/processor/conversation"}, false},
		{edge{from: "results/sink", target: "parley/processor", inTest: true}, false},
		{edge{from: "results/sink", target: "parley/results/query"}, true},
		{edge{from: "ingest/soap", target: "parley/ingest"}, true},

		{edge{from: "processor", target: "parley/processor/store"}, true},
		{edge{from: "processor/store", target: "parley/processor/conversation"}, true},
		{edge{from: "processor/store", target: "parley/processor/executor"}, false},
		{edge{from: "processor/store", target: "parley/processor"}, false},
		{edge{from: "processor/store", target: "parley/processor/store", inTest: true}, true},
		{edge{from: "processor/sim", target: "parley/processor", inTest: true}, true},
		{edge{from: "processor/sim", target: "parley/ingest", inTest: true}, false},

		{edge{from: "processor/conversation", target: "parley/schemas"}, true},
		{edge{from: "processor/conversation", target: "parley/internal/topics"}, false},
		{edge{from: "processor/conversation", target: "slices"}, true},
		{edge{from: "processor/conversation", target: "context"}, false},
		{edge{from: "processor/conversation", target: "math/rand/v2"}, false},
		{edge{from: "processor/conversation", target: "github.com/google/uuid"}, false},
		{edge{from: "processor/conversation", target: "pgregory.net/rapid", inTest: true}, true},

		{edge{from: "internal/topics", target: "parley/schemas"}, true},
		{edge{from: "internal/topics", target: "parley/ingest"}, false},
		{edge{from: "internal/topics", target: "parley/internal/cli"}, false},
		{edge{from: "schemas", target: "parley/schemas/parley/v1"}, true},
		{edge{from: "schemas", target: "parley/internal/topics"}, false},
		{edge{from: "elsewhere", target: "parley/schemas"}, false},

		{edge{from: "ingest", target: "github.com/labstack/echo/v4/middleware"}, true},
		{edge{from: "internal/telemetry", target: "github.com/labstack/echo/v4"}, false},
		{edge{from: "results/sink", target: "github.com/twmb/franz-go/pkg/kgo"}, true},
		{edge{from: "results/query", target: "github.com/twmb/franz-go/pkg/kgo"}, false},
		{edge{from: "results/query", target: "github.com/twmb/franz-go/pkg/kgo", inTest: true}, true},
		{edge{from: "processor/notify", target: "github.com/twmb/franz-go/pkg/kgo"}, false},
		{edge{from: "processor", target: "github.com/cockroachdb/pebble/v2"}, false},
		{edge{from: "processor/store", target: "github.com/cockroachdb/pebble/v2/vfs"}, true},
		{edge{from: "results/sink", target: "parley/internal/embedded/chdb"}, false},
		{edge{from: "results/recordtest", target: "parley/internal/embedded/chdb"}, true},
		{edge{from: "results/sink", target: "parley/results/recordtest"}, false},
		{edge{from: "results/sink", target: "parley/results/recordtest", inTest: true}, true},
		{edge{from: "results/recordtest", target: "parley/processor"}, false},
		{edge{from: "internal/backend", target: "net/http/httptest"}, false},
		{edge{from: "internal/embedded/chdb/fetch", target: "parley/internal/embedded/chdb"}, true},
	} {
		if rule := c.breaks(); (rule == "") != c.allowed {
			t.Errorf("%+v: got %q, want allowed: %t", c.edge, rule, c.allowed)
		}
	}
}

// goFiles lists the Go files of the module, by the rules of the go command: no testdata, no hidden folders, no
// nested modules.
func goFiles(root fs.FS) (files []string, err error) {
	err = fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && leftOut(root, name):
			return fs.SkipDir
		case !d.IsDir() && path.Ext(name) == ".go":
			files = append(files, name)
		}
		return nil
	})
	return files, err
}

// leftOut also names bin and data at the top: what a build or a run leaves behind can be large, and is never code.
func leftOut(root fs.FS, dir string) bool {
	base := path.Base(dir)
	if base == "testdata" || base[0] == '.' || base[0] == '_' || dir == "bin" || dir == "data" {
		return true
	}
	_, err := fs.Stat(root, path.Join(dir, "go.mod"))
	return err == nil
}

func importsOf(root fs.FS, file string) ([]string, error) {
	src, err := fs.ReadFile(root, file)
	if err != nil {
		return nil, err
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), file, src, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	imports := make([]string, len(parsed.Imports))
	for i, spec := range parsed.Imports {
		if imports[i], err = strconv.Unquote(spec.Path.Value); err != nil {
			return nil, err
		}
	}
	return imports, nil
}
