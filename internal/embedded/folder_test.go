package embedded_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"parley/internal/embedded"
)

func TestPrepareFolder(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		files map[string]string
		want  error // nil: can be used
		says  string
	}{
		{"empty", nil, nil, ""},
		{"begun", map[string]string{"parley.lock": "1\n", "parley.json.tmp": "{"}, nil, ""},
		{"ours", map[string]string{"parley.json": `{"format":1}`, "kafka/meta.json": "{}", "anything": ""}, nil, ""},
		{"of others", map[string]string{"thesis.doc": "x"}, embedded.ErrForeign, "thesis.doc"},
		{"of a newer version", map[string]string{"parley.json": `{"format":2}`}, embedded.ErrNewer, "format 2, this one knows 1"},
		{"without a format", map[string]string{"parley.json": `{}`}, embedded.ErrDamaged, "parley.json"},
		{"cut off", map[string]string{"parley.json": `{"for`}, embedded.ErrDamaged, "parley.json"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			write(t, dir, test.files)
			before := list(t, dir)
			err := embedded.PrepareFolder(dir)
			if !errors.Is(err, test.want) {
				t.Fatalf("got %v, want %v", err, test.want)
			}
			if test.want == nil {
				if err := embedded.PrepareFolder(dir); err != nil {
					t.Errorf("again: %v", err)
				}
				return
			}
			var folder *embedded.FolderError
			if !errors.As(err, &folder) || folder.Dir != dir || folder.Remedy == "" || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v", err)
			}
			if after := list(t, dir); after != before {
				t.Errorf("folder was changed from %s to %s", before, after)
			}
		})
	}
}

func TestPrepareFolderThatCannotBe(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "below"), "/proc/parley", "/proc"} {
		err := embedded.PrepareFolder(dir)
		var folder *embedded.FolderError
		if !errors.As(err, &folder) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v", dir, err)
		}
	}
}

func TestPrepareFolderMakesIt(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a", "b")
	if err := embedded.PrepareFolder(dir); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "parley.json"))
	if err != nil || string(raw) != "{\"format\":1}\n" {
		t.Errorf("got %q, %v", raw, err)
	}
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// list is every file below dir with its content.
func list(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		b.WriteString(path + ":" + string(raw) + "\n")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
