package clickhouse

import (
	"encoding/binary"
	"fmt"
	"io"
)

// blockCutter cuts what the engine has written in format Native into blocks, and gives columns their marks.
type blockCutter struct {
	data  []byte
	pos   int
	marks []int // where they belong
	walk  *blockWalk
	out   []byte
}

// cut makes data the subject of next.
func (c *blockCutter) cut(data []byte) { c.data, c.pos = data, 0 }

// next returns the next block as it is at this revision, or io.EOF. It is valid until the following call.
func (c *blockCutter) next(revision int) (block, error) {
	if c.pos == len(c.data) {
		return block{}, io.EOF
	}
	if c.walk == nil {
		c.walk = &blockWalk{tape: c}
	}
	from := c.pos
	c.walk.max, c.marks = len(c.data), c.marks[:0]
	columns, rows, err := c.walk.next()
	if err != nil {
		return block{}, fmt.Errorf("cut block: %w", err)
	}
	b := block{columns: columns, rows: rows, raw: c.data[from:c.pos]}
	if !marksBlocks(revision) {
		return b, nil
	}
	c.out = c.out[:0]
	for _, at := range c.marks {
		c.out = append(append(c.out, c.data[from:at]...), 0)
		from = at
	}
	c.out = append(c.out, c.data[from:c.pos]...)
	b.raw = c.out
	return b, nil
}

func (c *blockCutter) mark() error {
	c.marks = append(c.marks, c.pos)
	return nil
}

func (c *blockCutter) take(n int) ([]byte, error) {
	if n > len(c.data)-c.pos {
		return nil, io.ErrUnexpectedEOF
	}
	c.pos += n
	return c.data[c.pos-n : c.pos], nil
}

func (c *blockCutter) uvarint() (uint64, error) {
	v, n := binary.Uvarint(c.data[c.pos:])
	if n <= 0 {
		return 0, io.ErrUnexpectedEOF
	}
	c.pos += n
	return v, nil
}

func (c *blockCutter) strings(n int) error {
	data, pos := c.data, c.pos
	for range n {
		size, width := binary.Uvarint(data[pos:])
		if width <= 0 {
			return io.ErrUnexpectedEOF
		}
		pos += width
		if size > uint64(len(data)-pos) {
			return io.ErrUnexpectedEOF
		}
		pos += int(size)
	}
	c.pos = pos
	return nil
}
