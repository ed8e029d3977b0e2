package extract_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"parley/internal/cli/extract"
	"parley/schemas"
)

// series is what a script does that extracts now and then what is new.
type series struct {
	*source
	cfg      extract.Config
	bookmark string
}

func startSeries(t *testing.T) *series {
	t.Helper()
	s, cfg := start(t, 5)
	cfg.Query.Format = schemas.ExtractJSONL
	return &series{source: s, cfg: cfg, bookmark: filepath.Join(filepath.Dir(cfg.File), "cursor")}
}

// open is what the command does first: how its extract is configured, and whether there is anything to do.
func (s *series) open(t *testing.T, file string) (cfg extract.Config, settled bool) {
	t.Helper()
	b, err := extract.OpenBookmark(s.bookmark)
	if err != nil {
		t.Fatal(err)
	}
	cfg = s.cfg
	cfg.File = filepath.Join(filepath.Dir(cfg.File), file)
	cfg.Bookmark, cfg.Query.Cursor = b, b.Cursor()
	cfg.Asked = cfg.Query.Cursor
	return cfg, b.Settled(cfg.File)
}

// command is what the command does.
func (s *series) command(t *testing.T, file string) {
	t.Helper()
	cfg, settled := s.open(t, file)
	if settled {
		return
	}
	if _, err := extract.Run(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
}

// rows are those of all files.
func (s *series) rows(t *testing.T, files ...string) []string {
	t.Helper()
	var rows []string
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(filepath.Dir(s.cfg.File), file))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		rows = append(rows, strings.Fields(string(text))...)
	}
	return rows
}

// Wherever the command is killed, and whether the next one writes the same file or another, the files of a series have each
// row once.
func TestBookmark(t *testing.T) {
	t.Parallel()
	steps := extract.Steps(extract.Config{Bookmark: &extract.Bookmark{}})
	for killed := range steps + 1 {
		for _, same := range []bool{false, true} {
			t.Run(fmt.Sprintf("killed after %d of %d steps, the same file again: %t", killed, steps, same), func(t *testing.T) {
				t.Parallel()
				s := startSeries(t)
				s.command(t, "1")
				s.end.Advance(0, 7)
				cfg, _ := s.open(t, "2")
				if err := extract.Cut(t.Context(), cfg, killed); err != nil {
					t.Fatal(err)
				}
				s.end.Advance(0, 9)
				if same && killed < steps {
					s.command(t, "2")
				}
				s.command(t, "3")
				s.command(t, "4")
				want := []string{"0,1", "0,2", "0,3", "0,4", "0,5", "0,6", "0,7", "0,8", "0,9"}
				if got := s.rows(t, "1", "2", "3", "4"); !slices.Equal(got, want) {
					t.Errorf("the files have %s", got)
				}
			})
		}
	}
}

// What a bookmark says and is not so is said, and not guessed.
func TestBookmarkFaults(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "results")
	about := fmt.Sprintf(`{"file":%q,"bytes":3,"cursor":"AQEK"}`, file)
	for name, tt := range map[string]struct{ text, file, says string }{
		"no cursor":        {"nonsense\n", "", "has no cursor"},
		"empty":            {"\n", "", "has no cursor"},
		"nonsense behind":  {"AQEK\n{\n", "", "cannot be read behind its cursor"},
		"the file is gone": {"\n" + about + "\n", "", "and it is not there"},
		"another file":     {"\n" + about + "\n", "four", "and it is not there"},
	} {
		if err := os.RemoveAll(file); err != nil {
			t.Fatal(err)
		}
		if tt.file != "" {
			mustWrite(t, file, tt.file)
		}
		path := filepath.Join(dir, "cursor")
		mustWrite(t, path, tt.text)
		if _, err := extract.OpenBookmark(path); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: error %v, want one that says %q", name, err, tt.says)
		}
	}
}
