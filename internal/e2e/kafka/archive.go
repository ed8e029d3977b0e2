package kafka

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// WriteArchive lets a broker run once and keeps what Java learns of its classes, unless that was done: the starts that
// follow take half the time.
func WriteArchive(ctx context.Context, home string) (err error) {
	archive := filepath.Join(home, archiveName)
	if _, err := os.Stat(archive); err == nil {
		return nil
	}
	// On the same file system as the result, which appears whole by renaming.
	dir, err := os.MkdirTemp(home, ".archive-")
	if err != nil {
		return fmt.Errorf("make work folder: %w", err)
	}
	defer os.RemoveAll(dir)
	j, err := newJava(home, dir)
	if err != nil {
		return err
	}
	written := filepath.Join(dir, archiveName)
	if err := runOnce(ctx, dir, j, "-XX:ArchiveClassesAtExit="+written); err != nil {
		return err
	}
	if err := os.Rename(written, archive); err != nil {
		return fmt.Errorf("put class archive in place: %w", err)
	}
	return nil
}

// runOnce starts a broker with an option of Java and stops it.
func runOnce(ctx context.Context, dir string, j java, option string) (err error) {
	c := newCluster(Config{Dir: dir, Brokers: 1}, j)
	defer func() { err = errors.Join(err, c.Close()) }()
	if err := c.format(ctx); err != nil {
		return err
	}
	c.java.archive = option // the storage tool shall not write it
	if err := c.Start(ctx, 0); err != nil {
		return err
	}
	return c.Stop(ctx, 0)
}
