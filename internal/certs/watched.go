package certs

import (
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"
)

// lookInterval is the least time between two looks at the files.
const lookInterval = time.Second

// watched is what was made of files, and is made anew when they change. It is safe for concurrent use.
type watched[T any] struct {
	names []string
	read  func() (T, error)
	// said is called with what was read again.
	said func(T)
	log  *slog.Logger

	mu     sync.Mutex
	loaded T
	// seen is what the files looked like when they were read last, well or not.
	seen   []stamp
	looked time.Time
}

// stamp tells a file from what it was before.
type stamp struct {
	modified time.Time
	size     int64
}

// load reads the files for the first time.
func (w *watched[T]) load() (err error) {
	if w.seen, err = w.stamps(); err != nil {
		return err
	}
	w.looked = time.Now()
	w.loaded, err = w.read()
	return err
}

// current is what is in the files; what was, while they are not right.
func (w *watched[T]) current(now time.Time) T {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now.Sub(w.looked) < lookInterval {
		return w.loaded
	}
	w.looked = now
	seen, err := w.stamps()
	if err == nil && slices.Equal(seen, w.seen) {
		return w.loaded
	}
	var found T
	if err == nil {
		w.seen = seen
		found, err = w.read()
	}
	if err != nil {
		w.log.Warn("certificate not read; the one of before stays in use", slog.Any("error", err))
		return w.loaded
	}
	w.loaded = found
	w.said(found)
	return w.loaded
}

func (w *watched[T]) stamps() ([]stamp, error) {
	all := make([]stamp, len(w.names))
	for i, name := range w.names {
		info, err := os.Stat(name)
		if err != nil {
			return nil, fmt.Errorf("read certificate: %w", err)
		}
		all[i] = stamp{modified: info.ModTime(), size: info.Size()}
	}
	return all, nil
}
