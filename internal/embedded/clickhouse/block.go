package clickhouse

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"math/bits"
)

// A Native block, without the BlockInfo that precedes it on the wire:
//
//	columns  varint
//	rows     varint
//	for each column: name, type (strings); if there are rows: prefix, values
//
// The prefix exists for each LowCardinality inside the type: the version of its serialization.
type block struct {
	columns []column
	rows    int
	raw     []byte // the whole of it, as it was read
}

type column struct{ name, typ string }

const (
	blockColumnsMax = 10_000
	blockRowsMax    = 100_000_000
	columnNameMax   = 64 << 10
)

// blockReader reads Native blocks, keeping their bytes: the engine reads them again, so nothing is
// decoded that is not needed to find the end. It reuses its buffer.
type blockReader struct {
	r   *bufio.Reader
	max int // bytes of a block
	buf []byte
}

// next reads a block; what it returns is valid until the following call.
func (b *blockReader) next() (block, error) {
	b.buf = b.buf[:0]
	columns, err := b.number("columns", blockColumnsMax)
	if err != nil {
		return block{}, err
	}
	rows, err := b.number("rows", blockRowsMax)
	if err != nil {
		return block{}, err
	}
	out := block{rows: rows}
	for range columns {
		c, err := b.column(rows)
		if err != nil {
			return block{}, err
		}
		out.columns = append(out.columns, c)
	}
	out.raw = b.buf
	return out, nil
}

// column reads a column of so many rows.
func (b *blockReader) column(rows int) (column, error) {
	name, err := b.string("column name")
	if err != nil {
		return column{}, err
	}
	typ, err := b.string("data type")
	if err != nil || rows == 0 {
		return column{name, typ}, err
	}
	l, err := layoutOf(typ)
	if err != nil {
		return column{}, err
	}
	if err := b.prefix(l); err != nil {
		return column{}, err
	}
	if err := b.values(l, rows); err != nil {
		return column{}, err
	}
	return column{name, typ}, nil
}

// prefix reads the versions of all LowCardinality inside.
func (b *blockReader) prefix(l layout) error {
	if l.kind == layoutLowCardinality {
		return b.take(8)
	}
	for _, elem := range l.elems {
		if err := b.prefix(elem); err != nil {
			return err
		}
	}
	return nil
}

// values reads the values of so many rows.
func (b *blockReader) values(l layout, rows int) error {
	switch l.kind {
	case layoutFixed:
		return b.items(rows, l.width)
	case layoutString:
		for range rows {
			n, err := b.number("string", b.max)
			if err != nil {
				return err
			}
			if err := b.take(n); err != nil {
				return err
			}
		}
		return nil
	case layoutNullable:
		if err := b.items(rows, 1); err != nil {
			return err
		}
		return b.values(l.elems[0], rows)
	case layoutArray:
		return b.array(l.elems[0], rows)
	case layoutTuple:
		for _, elem := range l.elems {
			if err := b.values(elem, rows); err != nil {
				return err
			}
		}
		return nil
	}
	return b.lowCardinality(l.elems[0], rows)
}

// array reads the end offsets, the last of which is the number of elements.
func (b *blockReader) array(elem layout, rows int) error {
	if rows == 0 {
		return nil
	}
	if err := b.items(rows, 8); err != nil {
		return err
	}
	count := binary.LittleEndian.Uint64(b.buf[len(b.buf)-8:])
	if count > uint64(b.max) {
		return b.tooBig()
	}
	return b.values(elem, int(count))
}

// Flags of the word that begins each piece of a LowCardinality column.
const (
	keyWidthMask       = 0xff
	flagGlobalKeys     = 1 << 8
	flagAdditionalKeys = 1 << 9
)

// lowCardinality reads pieces, each with its dictionary, until all rows are there.
func (b *blockReader) lowCardinality(key layout, rows int) error {
	for rows > 0 {
		flags, err := b.uint64()
		if err != nil {
			return err
		}
		if flags&keyWidthMask > 3 || flags&flagGlobalKeys != 0 || flags&flagAdditionalKeys == 0 {
			return exceptionf(codeIncorrectData, "LowCardinality column with flags %#x", flags)
		}
		keys, err := b.uint64()
		if err != nil {
			return err
		}
		if keys > uint64(b.max) {
			return b.tooBig()
		}
		if err := b.values(key, int(keys)); err != nil {
			return err
		}
		n, err := b.uint64()
		if err != nil {
			return err
		}
		if n == 0 || n > uint64(rows) {
			return exceptionf(codeIncorrectData, "LowCardinality column with %d rows where at most %d remain", n, rows)
		}
		if err := b.items(int(n), 1<<(flags&keyWidthMask)); err != nil {
			return err
		}
		rows -= int(n)
	}
	return nil
}

// items reads n values of the same width.
func (b *blockReader) items(n, width int) error {
	hi, lo := bits.Mul64(uint64(n), uint64(width))
	if hi != 0 || lo > uint64(b.max) {
		return b.tooBig()
	}
	return b.take(int(lo))
}

// number reads a varint that must not be above max.
func (b *blockReader) number(what string, max int) (int, error) {
	v, err := binary.ReadUvarint(b.r)
	if err != nil {
		return 0, fmt.Errorf("read block: %w", unexpected(err))
	}
	if v > uint64(max) {
		return 0, exceptionf(codeIncorrectData, "block with %s %d, the limit is %d", what, v, max)
	}
	b.buf = binary.AppendUvarint(b.buf, v)
	return int(v), nil
}

func (b *blockReader) uint64() (uint64, error) {
	if err := b.take(8); err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b.buf[len(b.buf)-8:]), nil
}

func (b *blockReader) string(what string) (string, error) {
	n, err := b.number(what, columnNameMax)
	if err != nil {
		return "", err
	}
	if err := b.take(n); err != nil {
		return "", err
	}
	return string(b.buf[len(b.buf)-n:]), nil
}

// take keeps the next n bytes.
func (b *blockReader) take(n int) error {
	if len(b.buf)+n > b.max {
		return b.tooBig()
	}
	if n <= b.r.Buffered() {
		p, err := b.r.Peek(n)
		if err != nil {
			return fmt.Errorf("read block: %w", err)
		}
		b.buf = append(b.buf, p...)
		return wire{b.r}.skip(n)
	}
	var err error
	if b.buf, err = appendN(b.buf, b.r, n); err != nil {
		return fmt.Errorf("read block: %w", err)
	}
	return nil
}

func (b *blockReader) tooBig() error {
	return exceptionf(codeTooBigString, "block has more than %d bytes; send smaller ones", b.max)
}
