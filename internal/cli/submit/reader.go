package submit

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"parley/internal/cli/client"
)

// lineBytesMax bounds a line of the file. It is above what any server takes as one call, so that the server says
// what is too long.
const lineBytesMax = 16 << 20

// bodyBytesMax bounds the lines of a batch, unless a single one is longer.
const bodyBytesMax = 8 << 20

// batch is some lines of the file, sent as one request.
type batch struct {
	number int
	lines  []int // the number of each line in the file, from 1
	body   []byte
	// read is how much of the file had been read with the last of them.
	read int64
	// settled is what was said, for good, of lines, by their place; the others are to be sent again.
	settled map[int]client.Receipt
}

// settle takes what was said of each line of the body, unless a limit kept it out, and returns all that was said of the
// batch. What is settled is not sent again: null stands in its place, which is no call, so that the others are in theirs
// and are the same calls (Idempotency-Key).
func (b *batch) settle(said []client.Receipt) []client.Receipt {
	if b.settled == nil {
		b.settled = make(map[int]client.Receipt)
	}
	body, i := make([]byte, 0, len(b.body)), 0
	for line := range bytes.Lines(b.body) {
		if _, ok := b.settled[i]; !ok && !said[i].Limited() {
			b.settled[i] = said[i]
		}
		if r, ok := b.settled[i]; ok {
			said[i], line = r, []byte("null\n")
		}
		body = append(body, line...)
		i++
	}
	b.body = body
	return said
}

// open is how many lines are not settled.
func (b *batch) open() int { return len(b.lines) - len(b.settled) }

// batches reads a file of calls, one a line, piece by piece.
type batches struct {
	src   *bufio.Reader
	calls int // per batch, at most
	line  int
	read  int64
	made  int

	held     []byte // a line that had no room in the last batch
	heldLine int
}

func newBatches(r io.Reader, calls int) *batches {
	return &batches{src: bufio.NewReaderSize(r, 256<<10), calls: calls}
}

// next returns the next batch; io.EOF: there is none.
func (b *batches) next() (batch, error) {
	next := batch{number: b.made}
	for len(next.lines) < b.calls {
		text, err := b.take()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return batch{}, err
		}
		if len(next.lines) > 0 && len(next.body)+len(text) >= bodyBytesMax {
			b.held, b.heldLine = text, b.line
			break
		}
		next.lines = append(next.lines, b.line)
		next.body = append(append(next.body, text...), '\n')
	}
	if len(next.lines) == 0 {
		return batch{}, io.EOF
	}
	b.made++
	next.read = b.read
	return next, nil
}

// take returns the next line that is not blank, without its end.
func (b *batches) take() ([]byte, error) {
	if b.held != nil {
		text := b.held
		b.held, b.line = nil, b.heldLine
		return text, nil
	}
	for {
		text, err := b.readLine()
		if err != nil {
			return nil, err
		}
		if text = bytes.TrimSpace(text); len(text) > 0 {
			return text, nil
		}
	}
}

func (b *batches) readLine() ([]byte, error) {
	b.line++
	var text []byte
	for {
		piece, err := b.src.ReadSlice('\n')
		text = append(text, piece...)
		b.read += int64(len(piece))
		switch {
		case err == nil:
			return text, nil
		case len(text) > lineBytesMax:
			return nil, fmt.Errorf("line %d is longer than %d MiB; a file of calls has one call a line", b.line, lineBytesMax>>20)
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(text) > 0:
			return text, nil
		case errors.Is(err, io.EOF):
			return nil, io.EOF
		default:
			return nil, fmt.Errorf("read line %d: %w", b.line, err)
		}
	}
}
