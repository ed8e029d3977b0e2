package clickhouse

import (
	"bufio"
	"encoding/binary"
	"fmt"
)

// blockReader reads the blocks that a client sends, keeping their bytes: the engine reads them again. It reuses its
// buffer.
type blockReader struct {
	r      *bufio.Reader
	max    int  // bytes of a block
	marked bool // columns have their marks, which are not kept
	buf    []byte
	walk   *blockWalk
}

// next reads a block; what it returns is valid until the following call.
func (b *blockReader) next() (block, error) {
	b.buf = b.buf[:0]
	if b.walk == nil {
		b.walk = &blockWalk{tape: b, max: b.max}
	}
	columns, rows, err := b.walk.next()
	if err != nil {
		return block{}, fmt.Errorf("read block: %w", err)
	}
	return block{columns: columns, rows: rows, raw: b.buf}, nil
}

func (b *blockReader) mark() error {
	if !b.marked {
		return nil
	}
	mark, err := wire{b.r}.byte()
	if err == nil && mark != 0 {
		return exceptionf(codeNotImplemented, "column with a serialization of its own (%d); send it plain, as clients do by default", mark)
	}
	return err
}

func (b *blockReader) take(n int) ([]byte, error) {
	if len(b.buf)+n > b.max {
		return nil, tooBig(b.max)
	}
	at := len(b.buf)
	if n <= b.r.Buffered() {
		p, err := b.r.Peek(n)
		if err != nil {
			return nil, err
		}
		b.buf = append(b.buf, p...)
		return b.buf[at:], wire{b.r}.skip(n)
	}
	var err error
	b.buf, err = appendN(b.buf, b.r, n)
	return b.buf[at:], err
}

func (b *blockReader) uvarint() (uint64, error) {
	v, err := wire{b.r}.uvarint()
	b.buf = binary.AppendUvarint(b.buf, v)
	return v, err
}

func (b *blockReader) strings(n int) error {
	for range n {
		size, err := b.uvarint()
		if err != nil {
			return err
		}
		if size > uint64(b.max) {
			return tooBig(b.max)
		}
		if _, err := b.take(int(size)); err != nil {
			return err
		}
	}
	return nil
}
