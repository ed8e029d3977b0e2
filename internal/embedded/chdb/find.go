package chdb

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// Version of the engine that this binding was tested with, and that the build fetches.
const Version = "26.7.3-stable.1"

// NotFoundError says that there is no engine to load, where it was looked for and what to do.
type NotFoundError struct {
	Path string // where it was looked for
	Err  error  // why it cannot be used; fs.ErrNotExist as a rule
}

func (e *NotFoundError) Error() string {
	reason := "not found"
	if !errors.Is(e.Err, fs.ErrNotExist) {
		reason = e.Err.Error()
	}
	return fmt.Sprintf("ClickHouse engine %s: %s; run make build, or set PARLEY_CHDB_LIB to a libchdb.so of version %s", e.Path, reason, Version)
}

func (e *NotFoundError) Unwrap() error { return e.Err }

// Find returns the path of the engine: explicit, which is the value of PARLEY_CHDB_LIB, if it is not empty, else
// the copy that the build fetched. The error is a *NotFoundError.
func Find(explicit string) (string, error) {
	path := explicit
	if path == "" {
		var err error
		if path, err = CachePath(); err != nil {
			return "", err
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", &NotFoundError{Path: path, Err: err}
	}
	if !info.Mode().IsRegular() {
		return "", &NotFoundError{Path: path, Err: errors.New("not a file")}
	}
	return path, nil
}

// CachePath is where the build puts the engine of this version and platform: in $XDG_CACHE_HOME/parley,
// else in ~/.cache/parley.
func CachePath() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("locate cache folder: %w; set XDG_CACHE_HOME or PARLEY_CHDB_LIB", err)
	}
	return filepath.Join(dir, "parley", fmt.Sprintf("libchdb-%s-%s-%s.so", Version, runtime.GOOS, runtime.GOARCH)), nil
}
