package kafka

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// closedFile is in a data folder that a broker closed, and is gone while one runs. It holds what the compacted
// topics held after their last compaction, in bytes. kfakeFile is there once kfake has used the folder.
const (
	closedFile = "closed"
	kfakeFile  = "meta.json"
)

// How a broker left its data folder.
type leaving int

const (
	leftNew leaving = iota // there was none
	leftClosed
	leftDead
)

// howLeft looks at the folder, and for one that was closed at the bytes after the last compaction.
func howLeft(dir string) (leaving, int64, error) {
	if _, err := os.Stat(filepath.Join(dir, kfakeFile)); errors.Is(err, fs.ErrNotExist) {
		return leftNew, 0, nil
	} else if err != nil {
		return 0, 0, fmt.Errorf("open data folder: %w", err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, closedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return leftDead, 0, nil
	}
	if err != nil {
		return 0, 0, fmt.Errorf("open data folder: %w", err)
	}
	bytes, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil {
		return leftClosed, 0, nil //nolint:nilerr // a lost figure costs one compaction
	}
	return leftClosed, bytes, nil
}

// markClosed is the last step of a close, markOpen the first of an open.
func markClosed(dir string, bytesCompacted int64) error {
	err := os.WriteFile(filepath.Join(dir, closedFile), strconv.AppendInt(nil, bytesCompacted, 10), 0o644)
	if err != nil {
		return fmt.Errorf("mark data folder: %w", err)
	}
	return nil
}

func markOpen(dir string) error {
	if err := os.Remove(filepath.Join(dir, closedFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("mark data folder: %w", err)
	}
	return nil
}
