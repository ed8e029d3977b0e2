package clickhouse

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

var (
	// ErrInUse is returned by Open when another process, or another Server, holds the data folder.
	ErrInUse = errors.New("data folder is in use")
	// ErrForeign is returned by Open for a folder with content that is not a Server's.
	ErrForeign = errors.New("folder holds other data")
)

// lockName is the file in a data folder that its Server locks, and by which a data folder is known.
const lockName = "server.lock"

// lockFolder makes the folder if need be and locks it for this process. Closing the file unlocks it; so
// does the end of the process, however it comes.
func lockFolder(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("make data folder: %w", err)
	}
	if err := checkFolder(dir); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, fmt.Errorf("lock data folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := os.ReadFile(f.Name()) // for the message alone
		return nil, errors.Join(fmt.Errorf("lock data folder %s: %w by process %s", dir, ErrInUse, strings.TrimSpace(string(holder))), f.Close())
	}
	if err := errors.Join(f.Truncate(0), writePID(f)); err != nil {
		return nil, errors.Join(fmt.Errorf("lock data folder: %w", err), f.Close())
	}
	return f, nil
}

func writePID(f *os.File) error {
	_, err := f.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	return err
}

// checkFolder refuses a folder that has content but was never a Server's.
func checkFolder(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("read data folder: %w", err)
	}
	if len(entries) == 0 {
		return nil
	}
	for _, e := range entries {
		if e.Name() == lockName {
			return nil
		}
	}
	return fmt.Errorf("data folder %s: %w: choose an empty or new one", dir, ErrForeign)
}
