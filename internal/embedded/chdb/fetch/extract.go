package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
)

// libraryName is the engine's file in the package.
const libraryName = "libchdb.so"

// extract writes the engine in the archive to the file lib and syncs it.
func extract(archive, lib string) (err error) {
	f, err := os.Open(archive)
	if err != nil {
		return fmt.Errorf("extract engine: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	zr, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("extract engine: %w", err)
	}
	tr := tar.NewReader(zr)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("extract engine: there is no %s in %s", libraryName, archive)
		}
		if err != nil {
			return fmt.Errorf("extract engine: %w", err)
		}
		if h.Typeflag == tar.TypeReg && path.Base(h.Name) == libraryName {
			return write(lib, tr)
		}
	}
}

// write creates the file and returns when its content is on disk.
func write(name string, content io.Reader) (err error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return fmt.Errorf("write engine: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := io.Copy(f, content); err != nil {
		return fmt.Errorf("write engine: %w", err)
	}
	return f.Sync()
}
