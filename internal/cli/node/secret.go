package node

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// secretName is the file in the data folder that holds the secret of a node with a broker of its own.
const secretName = "secret"

// secret returns the one that is set, else the one of the data folder, which is made when it is not there. The
// caller holds the lock of the data folder.
func (c Config) secret() ([]byte, error) {
	if c.Secret != "" {
		return []byte(c.Secret), nil
	}
	path := filepath.Join(c.DataDir, secretName)
	kept, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return newSecret(path)
	}
	if err != nil {
		return nil, fmt.Errorf("read secret: %w; make the file readable, or set PARLEY_SECRET", err)
	}
	if kept = bytes.TrimSpace(kept); len(kept) < secretBytesMin {
		return nil, fmt.Errorf("secret in %s has %d bytes, less than %d; restore the file, or remove it: receipts that were given out are then refused", path, len(kept), secretBytesMin)
	}
	return kept, nil
}

// newSecret keeps a new secret where only this user can read it. It is whole or not there.
func newSecret(path string) ([]byte, error) {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails: crypto/rand
	secret := hex.AppendEncode(nil, raw)
	if err := os.WriteFile(path+".tmp", append(secret, '\n'), 0o600); err != nil {
		return nil, fmt.Errorf("keep secret: %w", err)
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return nil, fmt.Errorf("keep secret: %w", err)
	}
	return secret, nil
}
