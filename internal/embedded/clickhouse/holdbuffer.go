package clickhouse

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// holdBuffer keeps the beginning of an answer in memory; all of it, in a file, if it has a folder.
type holdBuffer struct {
	max  int    // bytes in memory
	dir  string // empty: it keeps max bytes and no more
	mem  []byte
	file *os.File
}

// keep takes p, or reports that there is no room for it.
func (h *holdBuffer) keep(p []byte) (kept bool, err error) {
	if h.file == nil && len(h.mem)+len(p) <= h.max {
		h.mem = append(h.mem, p...)
		return true, nil
	}
	if h.dir == "" {
		return false, nil
	}
	if h.file == nil {
		if err := h.open(); err != nil {
			return false, err
		}
	}
	if _, err := h.file.Write(p); err != nil {
		return false, fmt.Errorf("hold answer: %w", err)
	}
	return true, nil
}

// open makes a file without a name: it is gone with the process, however that ends.
func (h *holdBuffer) open() (err error) {
	if h.file, err = os.CreateTemp(h.dir, "answer-*.tmp"); err != nil {
		return fmt.Errorf("hold answer: %w", err)
	}
	if err := os.Remove(h.file.Name()); err != nil {
		return errors.Join(fmt.Errorf("hold answer: %w", err), h.drop())
	}
	return nil
}

func (h *holdBuffer) empty() bool { return len(h.mem) == 0 && h.file == nil }

// release writes what was kept to w and forgets it.
func (h *holdBuffer) release(w io.Writer) error {
	if len(h.mem) > 0 {
		if _, err := w.Write(h.mem); err != nil {
			return errors.Join(err, h.drop())
		}
	}
	if h.file == nil {
		return h.drop()
	}
	if _, err := h.file.Seek(0, io.SeekStart); err != nil {
		return errors.Join(err, h.drop())
	}
	_, err := io.Copy(w, h.file)
	return errors.Join(err, h.drop())
}

// drop forgets what was kept.
func (h *holdBuffer) drop() error {
	h.mem = nil
	if h.file == nil {
		return nil
	}
	file := h.file
	h.file = nil
	return file.Close()
}
