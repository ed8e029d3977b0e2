package clickhouse

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// A Native block, without the BlockInfo that precedes it on the wire:
//
//	columns  varint
//	rows     varint
//	for each column: name, type (strings); the mark; if there are rows: prefix, values
//
// The mark is a byte that says how the column is serialized. It exists from revision 54454 on, not in the engine's own
// format, and is always 0 here. The prefix says what the type leaves open: see prefix.go.
type block struct {
	columns []column
	rows    int
	raw     []byte // the whole of it
}

type column struct{ name, typ string }

const (
	blockColumnsMax = 10_000
	blockRowsMax    = 100_000_000
	columnNameMax   = 64 << 20 // an expression is its own name, a long literal included
)

// tape is what a block is read from. What it returns is valid until the next call.
type tape interface {
	// take moves over n bytes.
	take(n int) ([]byte, error)
	// uvarint moves over a number.
	uvarint() (uint64, error)
	// strings moves over n strings.
	strings(n int) error
	// mark is called where the mark of a column lies, or has its place.
	mark() error
}

// blockWalk finds its way through blocks. Nothing is decoded that is not needed to find the end.
type blockWalk struct {
	tape    tape
	max     int               // bytes of a block
	layouts map[string]layout // by data type, of the blocks before
}

// next moves over a block and returns its columns and rows.
func (w *blockWalk) next() (columns []column, rows int, err error) {
	count, err := w.number("columns", blockColumnsMax)
	if err != nil {
		return nil, 0, err
	}
	if rows, err = w.number("rows", blockRowsMax); err != nil {
		return nil, 0, err
	}
	for range count {
		c, err := w.column(rows)
		if err != nil {
			return nil, 0, err
		}
		columns = append(columns, c)
	}
	return columns, rows, nil
}

// column moves over a column of so many rows.
func (w *blockWalk) column(rows int) (c column, err error) {
	if c.name, err = w.string("column name"); err != nil {
		return c, err
	}
	if c.typ, err = w.string("data type"); err != nil {
		return c, err
	}
	if err := w.tape.mark(); err != nil || rows == 0 {
		return c, err
	}
	l, err := w.layout(c.typ)
	if err != nil {
		return c, err
	}
	if l, err = w.prefix(l, 0); err != nil {
		return c, err
	}
	return c, w.values(l, rows)
}

// layout is layoutOf with a memory.
func (w *blockWalk) layout(typ string) (layout, error) {
	if l, ok := w.layouts[typ]; ok {
		return l, nil
	}
	l, err := layoutOf(typ)
	if err != nil {
		return l, err
	}
	if w.layouts == nil {
		w.layouts = map[string]layout{}
	}
	if len(w.layouts) < blockColumnsMax {
		w.layouts[typ] = l
	}
	return l, nil
}

// values moves over the values of so many rows.
func (w *blockWalk) values(l layout, rows int) error {
	switch l.kind {
	case layoutFixed:
		_, err := w.items(rows, l.width)
		return err
	case layoutString:
		return w.tape.strings(rows)
	case layoutNullable:
		if _, err := w.items(rows, 1); err != nil {
			return err
		}
		return w.values(l.elems[0], rows)
	case layoutArray:
		return w.array(l.elems[0], rows)
	case layoutTuple:
		for _, elem := range l.elems {
			if err := w.values(elem, rows); err != nil {
				return err
			}
		}
		return nil
	case layoutVariant:
		return w.variant(l, rows)
	}
	return w.lowCardinality(l.elems[0], rows)
}

// array moves over the end offsets, the last of which is the number of elements, and the elements.
func (w *blockWalk) array(elem layout, rows int) error {
	if rows == 0 {
		return nil
	}
	offsets, err := w.items(rows, 8)
	if err != nil {
		return err
	}
	count := binary.LittleEndian.Uint64(offsets[len(offsets)-8:])
	if count > uint64(w.max) {
		return tooBig(w.max)
	}
	return w.values(elem, int(count))
}

// variant moves over the number of each row's element, where one that does not exist stands for NULL, and then over the
// elements.
func (w *blockWalk) variant(l layout, rows int) error {
	numbers, err := w.items(rows, l.width)
	if err != nil {
		return err
	}
	counts := make([]int, len(l.elems))
	for number := range slices.Chunk(numbers, l.width) {
		if n := littleEndian(number); n < uint64(len(counts)) {
			counts[n]++
		}
	}
	for i, elem := range l.elems {
		if err := w.values(elem, counts[i]); err != nil {
			return err
		}
	}
	return nil
}

func littleEndian(p []byte) (n uint64) {
	for i, b := range p {
		n |= uint64(b) << (8 * i)
	}
	return n
}

// Flags of the word that begins each piece of a LowCardinality column.
const (
	keyWidthMask       = 0xff
	flagGlobalKeys     = 1 << 8
	flagAdditionalKeys = 1 << 9
)

// lowCardinality moves over pieces, each with its dictionary, until all rows are there.
func (w *blockWalk) lowCardinality(key layout, rows int) error {
	for rows > 0 {
		flags, err := w.uint64()
		if err != nil {
			return err
		}
		if flags&keyWidthMask > 3 || flags&flagGlobalKeys != 0 || flags&flagAdditionalKeys == 0 {
			return exceptionf(codeIncorrectData, "LowCardinality column with flags %#x", flags)
		}
		keys, err := w.uint64()
		if err != nil {
			return err
		}
		if keys > uint64(w.max) {
			return tooBig(w.max)
		}
		if err := w.values(key, int(keys)); err != nil {
			return err
		}
		n, err := w.uint64()
		if err != nil {
			return err
		}
		if n == 0 || n > uint64(rows) {
			return exceptionf(codeIncorrectData, "LowCardinality column with %d rows where at most %d remain", n, rows)
		}
		if _, err := w.items(int(n), 1<<(flags&keyWidthMask)); err != nil {
			return err
		}
		rows -= int(n)
	}
	return nil
}

// items moves over n values of the same width.
func (w *blockWalk) items(n, width int) ([]byte, error) {
	hi, lo := bits.Mul64(uint64(n), uint64(width))
	if hi != 0 || lo > uint64(w.max) {
		return nil, tooBig(w.max)
	}
	return w.tape.take(int(lo))
}

// number moves over a varint that must not be above max.
func (w *blockWalk) number(what string, max int) (int, error) {
	v, err := w.tape.uvarint()
	if err != nil {
		return 0, err
	}
	if v > uint64(max) {
		return 0, exceptionf(codeIncorrectData, "block with %s %d, the limit is %d", what, v, max)
	}
	return int(v), nil
}

func (w *blockWalk) uint64() (uint64, error) {
	p, err := w.tape.take(8)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(p), nil
}

func (w *blockWalk) string(what string) (string, error) {
	n, err := w.number(what, columnNameMax)
	if err != nil {
		return "", err
	}
	p, err := w.tape.take(n)
	return string(p), err
}

func tooBig(max int) error {
	return exceptionf(codeTooBigString, "block has more than %d bytes; send smaller ones", max)
}
