package chdb

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	_, err := Find("")
	if e, ok := errors.AsType[*NotFoundError](err); !ok || !errors.Is(err, fs.ErrNotExist) || filepath.Dir(e.Path) != filepath.Join(cache, "parley") {
		t.Errorf("empty cache: %v", err)
	}
	if text := err.Error(); strings.Contains(text, "\n") || !strings.Contains(text, "run make build, or set PARLEY_CHDB_LIB") {
		t.Errorf("the error does not say in one line what to do: %q", text)
	}
	path, err := CachePath()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if got, err := Find(""); got != path || err != nil {
		t.Errorf("filled cache: %s, %v, want %s", got, err, path)
	}
	if got, err := Find(path); got != path || err != nil {
		t.Errorf("explicit: %s, %v, want %s", got, err, path)
	}
	if _, err := Find(cache); err == nil {
		t.Error("a folder is taken for a library")
	}
	if _, err := Load(path); err == nil {
		t.Error("an empty file is taken for a library")
	}
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("HOME", "/home/somebody")
	if got, err := CachePath(); err != nil || !strings.HasPrefix(got, "/home/somebody/.cache/parley/libchdb-"+Version) {
		t.Errorf("cache path %s: %v", got, err)
	}
}
