package kafka

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// What kfake calls its folders and files (version of go.mod), and what we add beside them.
const (
	partitionsDir = "partitions"
	segmentSuffix = ".dat"

	keptDir      = "compacting"     // whole: the old segments of a compaction that has not ended
	keptDirBegun = "compacting.tmp" // not whole yet
	keptDirDone  = "compacted"      // no longer needed
)

// keptSegments is the copy of partition folders that makes a compaction safe. It is made of hard links, so
// it costs no space until kfake writes the new segments, and exists whole or not at all.
type keptSegments struct {
	dir string // the broker's data folder
}

// keep links the files of the partitions' folders.
func (k keptSegments) keep(partitions []string) error {
	begun := filepath.Join(k.dir, keptDirBegun)
	for _, p := range partitions {
		err := linkFiles(filepath.Join(k.dir, partitionsDir, p), filepath.Join(begun, p))
		if err != nil {
			return fmt.Errorf("keep segments of %s: %w", p, errors.Join(err, os.RemoveAll(begun)))
		}
	}
	if err := os.Rename(begun, filepath.Join(k.dir, keptDir)); err != nil {
		return fmt.Errorf("keep segments: %w", errors.Join(err, os.RemoveAll(begun)))
	}
	return nil
}

// drop forgets the copy.
func (k keptSegments) drop() error {
	done := filepath.Join(k.dir, keptDirDone)
	if err := os.Rename(filepath.Join(k.dir, keptDir), done); err != nil {
		return fmt.Errorf("drop kept segments: %w", err)
	}
	if err := os.RemoveAll(done); err != nil {
		return fmt.Errorf("drop kept segments: %w", err)
	}
	return nil
}

// restore puts the copy of a compaction that did not end back in place, and removes what is left of others.
// It says whether there was one. The broker must not be running.
func (k keptSegments) restore() (bool, error) {
	for _, name := range []string{keptDirBegun, keptDirDone} {
		if err := os.RemoveAll(filepath.Join(k.dir, name)); err != nil {
			return false, fmt.Errorf("remove %s: %w", name, err)
		}
	}
	kept := filepath.Join(k.dir, keptDir)
	partitions, err := os.ReadDir(kept)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("restore segments: %w", err)
	}
	for _, p := range partitions {
		to := filepath.Join(k.dir, partitionsDir, p.Name())
		if err := errors.Join(os.RemoveAll(to), linkFiles(filepath.Join(kept, p.Name()), to)); err != nil {
			return false, fmt.Errorf("restore segments of %s: %w", p.Name(), err)
		}
	}
	return true, k.drop()
}

// linkFiles makes the folder to, with hard links to the files of the folder from.
func linkFiles(from, to string) error {
	files, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	for _, f := range files {
		if err := os.Link(filepath.Join(from, f.Name()), filepath.Join(to, f.Name())); err != nil {
			return err
		}
	}
	return nil
}

// segmentBytes is what the segments of a partition's folder hold.
func segmentBytes(folder string) (int64, error) {
	files, err := os.ReadDir(folder)
	if err != nil {
		return 0, fmt.Errorf("read segments: %w", err)
	}
	var sum int64
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), segmentSuffix) {
			continue
		}
		info, err := f.Info()
		if err != nil {
			return 0, fmt.Errorf("read segments: %w", err)
		}
		sum += info.Size()
	}
	return sum, nil
}
