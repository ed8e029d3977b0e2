package node

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSecret(t *testing.T) {
	t.Parallel()
	cfg := Config{DataDir: t.TempDir()}
	made, err := cfg.secret()
	if err != nil || len(made) < secretBytesMin {
		t.Fatalf("secret() = %q, %v", made, err)
	}
	path := filepath.Join(cfg.DataDir, secretName)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: only its user may read it", info, err)
	}
	kept, err := cfg.secret()
	if err != nil || string(kept) != string(made) {
		t.Errorf("secret() again = %q, %v; want %q", kept, err, made)
	}
	given, err := Config{DataDir: cfg.DataDir, Secret: "0123456789abcdef"}.secret()
	if err != nil || string(given) != "0123456789abcdef" {
		t.Errorf("secret() = %q, %v", given, err)
	}
	if err := os.WriteFile(path, []byte("short\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := cfg.secret(); err == nil || !strings.Contains(err.Error(), "has 5 bytes, less than 16") {
		t.Errorf("error of a short secret = %v", err)
	}
}
