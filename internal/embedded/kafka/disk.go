package kafka

import (
	"fmt"
	"log/slog"
	"syscall"
	"time"
)

// freeCheckEvery bounds how often the file system is asked. A fast disk takes a few hundred megabytes in
// that time, which is what the limit must leave room for.
const freeCheckEvery = 100 * time.Millisecond

// purpose is what records are for, which says how full the disk may be for them.
type purpose int

const (
	newWork    purpose = iota // records from outside: calls
	workInHand                // records of a transaction: states and results of what was accepted
)

// disk knows whether there is room for more records. It is used by one goroutine at a time.
type disk struct {
	dir     string
	freeMin int64 // as in Config.FreeBytesMin
	log     *slog.Logger

	checked time.Time
	free    int64
	low     bool
}

// room says whether records may be written. A file system that does not answer is taken as full: what is
// written blindly may be lost.
func (d *disk) room(now time.Time, p purpose) bool {
	if d.freeMin < 0 {
		return true
	}
	if now.Sub(d.checked) >= freeCheckEvery {
		d.check(now)
	}
	if p == workInHand {
		return d.free >= d.freeMin/4
	}
	return d.free >= d.freeMin
}

func (d *disk) check(now time.Time) {
	d.checked = now
	free, err := freeBytes(d.dir)
	if err != nil {
		d.free = -1
		d.log.Error("ask for free disk space", "error", err)
		return
	}
	d.free = free
	if low := free < d.freeMin; low != d.low {
		d.low = low
		if low {
			d.log.Error("disk is full, new records are refused", "folder", d.dir, "free_bytes", free, "needed_bytes", d.freeMin)
		} else {
			d.log.Info("disk has room again", "folder", d.dir, "free_bytes", free)
		}
	}
}

// freeBytes returns how much an unprivileged process may still write to the file system of dir.
func freeBytes(dir string) (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("statfs %s: %w", dir, err)
	}
	return int64(st.Bavail) * st.Bsize, nil
}
