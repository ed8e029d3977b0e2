package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// lockPoll is how often a lock that others hold is tried.
const lockPoll = 50 * time.Millisecond

// lockFolder takes the lock of the data folder, and waits for those who hold it: the engines of a parent that
// is gone are closing. The lock belongs to the open file, so that a child that inherits it holds it, too; it
// is free when the last of them has ended.
func lockFolder(ctx context.Context, dir string, wait time.Duration, log *slog.Logger) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, unwritable(dir, err)
	}
	if err := awaitLock(ctx, f, dir, wait, log); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	// Who holds the lock, for the message of those who wait.
	if err := errors.Join(f.Truncate(0), writeHolder(f)); err != nil {
		return nil, errors.Join(unwritable(dir, err), f.Close())
	}
	return f, nil
}

func awaitLock(ctx context.Context, f *os.File, dir string, wait time.Duration, log *slog.Logger) error {
	if locked, err := tryLock(f); locked || err != nil {
		return err
	}
	log.Info("waiting for the engines of an earlier run to close", "folder", dir, "process", holder(f), "at_most", wait)
	ctx, cancel := context.WithTimeoutCause(ctx, wait, ErrInUse)
	defer cancel()
	tick := time.NewTicker(lockPoll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			if !errors.Is(context.Cause(ctx), ErrInUse) {
				return fmt.Errorf("wait for %s: %w", lockName, context.Cause(ctx))
			}
			return &FolderError{
				Dir:    dir,
				Err:    fmt.Errorf("%w by process %s", ErrInUse, holder(f)),
				Remedy: "stop that process, or choose another folder with " + settingDataDir,
			}
		case <-tick.C:
			if locked, err := tryLock(f); locked || err != nil {
				return err
			}
		}
	}
}

func tryLock(f *os.File) (bool, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, syscall.EWOULDBLOCK), errors.Is(err, syscall.EINTR):
		return false, nil
	}
	return false, fmt.Errorf("lock %s: %w", f.Name(), err)
}

func writeHolder(f *os.File) error {
	_, err := f.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	return err
}

func holder(f *os.File) string {
	raw := make([]byte, 32)
	n, err := f.ReadAt(raw, 0)
	if n == 0 && err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(raw[:n]))
}
