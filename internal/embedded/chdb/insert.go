package chdb

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"
)

// Insert is an INSERT whose data is being fed. One goroutine uses it at a time. It ends with Commit,
// Abort or a refused Append. The engine forms blocks of about a million rows or 256 MiB
// (max_insert_block_size and its like) and writes each when it is full; what was written before an
// Abort or a refusal stays.
type Insert struct {
	conn *Conn
	h    handle // 0 after the end
}

// Append feeds data in the insert's format, cut anywhere. The engine copies it, and holds the caller
// back while it is behind. A refusal, perhaps of data appended before, ends the insert.
func (i *Insert) Append(data []byte) error {
	if i.h == 0 {
		return fmt.Errorf("append: %w", ErrClosed)
	}
	if len(data) == 0 {
		return nil
	}
	state := i.conn.lib.fn.streamAppend(i.h, unsafe.Pointer(unsafe.SliceData(data)), uintptr(len(data)))
	runtime.KeepAlive(data)
	if state == stateSuccess {
		return nil
	}
	if _, err := i.Commit(); err != nil {
		return err
	}
	return errors.New("append: the engine refused data and gave no reason")
}

// Commit ends the data and returns when the rows are written.
func (i *Insert) Commit() (Stats, error) {
	if i.h == 0 {
		return Stats{}, fmt.Errorf("commit: %w", ErrClosed)
	}
	c := i.conn
	r := c.lib.fn.streamDone(i.h)
	defer c.lib.fn.destroyResult(r)
	defer i.end()
	if err := c.exception(r); err != nil {
		return Stats{}, err
	}
	return c.stats(r), nil
}

// Abort ends the insert, if it has not ended, without writing what is not written yet, and reports whether it did.
func (i *Insert) Abort() (aborted bool) {
	if i.h == 0 {
		return false
	}
	i.conn.lib.fn.cancelInsert(i.h)
	i.end()
	return true
}

func (i *Insert) end() {
	i.conn.lib.fn.destroyInsert(i.h)
	i.h = 0
	i.conn.insert = nil
}
