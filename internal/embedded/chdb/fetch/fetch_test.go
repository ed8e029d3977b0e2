package main

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// pack writes an archive with these files and returns its path and hash.
func pack(t *testing.T, files map[string]string) (path, integrity string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "package.tgz")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	zw := gzip.NewWriter(f)
	tw := tar.NewWriter(zw)
	for name, content := range files {
		if err := tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(content)), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		if _, err := tw.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []interface{ Close() error }{tw, zw, f} {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha512.Sum512(raw)
	return path, base64.StdEncoding.EncodeToString(sum[:])
}

func TestVerify(t *testing.T) {
	t.Parallel()
	archive, integrity := pack(t, map[string]string{"package/libchdb.so": "engine"})
	if err := (npmPackage{integrity: integrity}).verify(archive); err != nil {
		t.Error(err)
	}
	err := (npmPackage{integrity: "other"}).verify(archive)
	if err == nil || !strings.Contains(err.Error(), "not what this version was tested with") {
		t.Errorf("another hash: %v", err)
	}
}

func TestExtract(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	archive, _ := pack(t, map[string]string{"package/package.json": "{}", "package/libchdb.so": "engine"})
	lib := filepath.Join(dir, "lib.so")
	if err := extract(archive, lib); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(lib); err != nil || string(got) != "engine" {
		t.Errorf("extracted %q: %v", got, err)
	}
	empty, _ := pack(t, map[string]string{"package/package.json": "{}"})
	if err := extract(empty, filepath.Join(dir, "none.so")); err == nil || !strings.Contains(err.Error(), "there is no libchdb.so") {
		t.Errorf("archive without the library: %v", err)
	}
}

func TestFetchLeavesWhatIsThere(t *testing.T) {
	lib := filepath.Join(t.TempDir(), "libchdb.so")
	if _, err := fetch(t.Context(), lib); err == nil {
		t.Error("a library that does not exist is found")
	}
	if err := os.WriteFile(lib, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if got, err := fetch(t.Context(), lib); got != lib || err != nil {
		t.Errorf("got %s, want %s: %v", got, lib, err)
	}
}

// TestFetchWithoutNpm has no library and no npm.
func TestFetchWithoutNpm(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("PATH", t.TempDir())
	_, err := fetch(t.Context(), "")
	if err == nil || !strings.Contains(err.Error(), "PARLEY_CHDB_LIB") {
		t.Errorf("error %v does not say what to do", err)
	}
}

// TestFetchTornDownload has an npm that leaves another archive; nothing remains of it.
func TestFetchTornDownload(t *testing.T) {
	archive, _ := pack(t, map[string]string{"package/libchdb.so": "another"})
	bin, cache := t.TempDir(), t.TempDir()
	script := "#!/bin/sh\ncp '" + archive + "' \"$4/x.tgz\"\n"
	if err := os.WriteFile(filepath.Join(bin, "npm"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_CACHE_HOME", cache)
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	_, err := fetch(t.Context(), "")
	if err == nil || !strings.Contains(err.Error(), "SHA-512") {
		t.Errorf("another archive is taken: %v", err)
	}
	left, err := os.ReadDir(filepath.Join(cache, "parley"))
	if err != nil || len(left) != 0 {
		t.Errorf("%d files are left of a bad download: %v", len(left), err)
	}
}
