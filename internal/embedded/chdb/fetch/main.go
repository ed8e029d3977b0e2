// Fetch puts the ClickHouse engine where chdb.Find looks for it and prints the path. The build runs it:
//
//	go run ./internal/embedded/chdb/fetch
//
// The library is a part of an npm package, downloaded once with npm pack, so that npm's own
// configuration says from where. It must have the pinned hash. A library that is already there, or that
// PARLEY_CHDB_LIB names, is left as it is. Several fetches at a time do not disturb each other.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"

	"parley/internal/embedded/chdb"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	path, err := fetch(ctx, os.Getenv("PARLEY_CHDB_LIB"))
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "fetch engine:", err)
		os.Exit(1)
	}
	fmt.Println(path)
}

// fetch returns the path of the engine, after downloading it if need be.
func fetch(ctx context.Context, explicit string) (string, error) {
	path, err := chdb.Find(explicit)
	if err == nil || explicit != "" {
		return path, err
	}
	p, ok := packages[runtime.GOOS+"/"+runtime.GOARCH]
	if !ok {
		return "", fmt.Errorf("there is no package for %s/%s; set PARLEY_CHDB_LIB to a libchdb.so of version %s",
			runtime.GOOS, runtime.GOARCH, chdb.Version)
	}
	if path, err = chdb.CachePath(); err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", fmt.Errorf("make cache folder: %w", err)
	}
	// On the same file system as the result, which appears whole by renaming.
	work, err := os.MkdirTemp(filepath.Dir(path), ".fetch-")
	if err != nil {
		return "", fmt.Errorf("make work folder: %w", err)
	}
	defer os.RemoveAll(work)
	archive, err := p.download(ctx, work)
	if err != nil {
		return "", err
	}
	if err := p.verify(archive); err != nil {
		return "", err
	}
	lib := filepath.Join(work, libraryName)
	if err := extract(archive, lib); err != nil {
		return "", err
	}
	if err := os.Rename(lib, path); err != nil {
		return "", fmt.Errorf("put engine in place: %w", err)
	}
	return path, nil
}
