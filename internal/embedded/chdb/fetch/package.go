package main

import (
	"bytes"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"parley/internal/embedded/chdb"
)

// npmPackage is a package of version chdb.Version that holds the engine for one platform.
type npmPackage struct {
	name string
	// integrity is the SHA-512 of the archive, in base64, as npm's dist.integrity has it.
	integrity string
}

// packages by GOOS/GOARCH. When the version changes the hashes change with it:
// npm view NAME@VERSION dist.integrity
var packages = map[string]npmPackage{
	"linux/amd64": {
		name:      "@chdb/lib-linux-x64-gnu",
		integrity: "XP97mMqnc5tZpKQywR8N7cLTsHNiTmHr30pC5mzo3jWmukjKn2IBa60c2B/gWUNcuFjOMjWoorQICCqBVj5wpw==",
	},
}

func (p npmPackage) String() string { return p.name + "@" + chdb.Version }

// download leaves the package's archive in dir and returns its path.
func (p npmPackage) download(ctx context.Context, dir string) (string, error) {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", fmt.Errorf("npm is needed to download %s: %w; install npm, or set PARLEY_CHDB_LIB to a libchdb.so of version %s",
			p, err, chdb.Version)
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, npm, "pack", "--silent", "--pack-destination", dir, p.String())
	cmd.Dir, cmd.Stderr = dir, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("npm pack %s: %w: %s", p, err, bytes.TrimSpace(stderr.Bytes()))
	}
	archives, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(archives) != 1 {
		return "", fmt.Errorf("npm pack %s left %d archives, want 1", p, len(archives))
	}
	return archives[0], nil
}

// verify compares the archive with the pinned hash.
func (p npmPackage) verify(archive string) (err error) {
	f, err := os.Open(archive)
	if err != nil {
		return fmt.Errorf("verify archive: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	sum := sha512.New()
	if _, err := io.Copy(sum, f); err != nil {
		return fmt.Errorf("verify archive: %w", err)
	}
	if got := base64.StdEncoding.EncodeToString(sum.Sum(nil)); got != p.integrity {
		return fmt.Errorf("%s has SHA-512 %s, want %s: the download is not what this version was tested with", p, got, p.integrity)
	}
	return nil
}
