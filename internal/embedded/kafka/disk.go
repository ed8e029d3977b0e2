package kafka

import (
	"fmt"
	"log/slog"
	"syscall"
)

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

	low bool // as the log was told
}

// room says whether records may be written. It asks the file system every time: that takes a microsecond, and a
// fast producer fills a disk between two looks. A file system that does not answer is taken as full: what is
// written blindly may be lost.
func (d *disk) room(p purpose) bool {
	if d.freeMin < 0 {
		return true
	}
	free, err := freeBytes(d.dir)
	if err != nil {
		d.log.Error("ask for free disk space", "error", err)
		return false
	}
	d.tell(free)
	if p == workInHand {
		return free >= d.freeMin/4
	}
	return free >= d.freeMin
}

// tell logs when the disk becomes low, and when it is no more.
func (d *disk) tell(free int64) {
	low := free < d.freeMin
	if low == d.low {
		return
	}
	d.low = low
	if low {
		d.log.Error("disk is full, new records are refused", "folder", d.dir, "free_bytes", free, "needed_bytes", d.freeMin)
		return
	}
	d.log.Info("disk has room again", "folder", d.dir, "free_bytes", free)
}

// freeBytes returns how much an unprivileged process may still write to the file system of dir.
func freeBytes(dir string) (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("statfs %s: %w", dir, err)
	}
	return int64(st.Bavail) * st.Bsize, nil
}
