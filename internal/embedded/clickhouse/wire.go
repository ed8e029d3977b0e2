package clickhouse

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// wire reads the primitives of the native protocol. No length is trusted: memory grows with what has
// arrived, and a string beyond its bound is refused before it is read.
type wire struct{ r *bufio.Reader }

// growBytes is how much a buffer grows at a time while a long value arrives.
const growBytes = 1 << 20

func (w wire) uvarint() (uint64, error) {
	v, err := binary.ReadUvarint(w.r)
	if err != nil {
		return 0, fmt.Errorf("read number: %w", unexpected(err))
	}
	return v, nil
}

func (w wire) byte() (byte, error) {
	b, err := w.r.ReadByte()
	if err != nil {
		return 0, fmt.Errorf("read byte: %w", unexpected(err))
	}
	return b, nil
}

// string reads a string of at most max bytes.
func (w wire) string(what string, max int) (string, error) {
	n, err := w.uvarint()
	if err != nil {
		return "", err
	}
	if n > uint64(max) {
		return "", exceptionf(codeTooBigString, "%s has %d bytes, the limit is %d", what, n, max)
	}
	buf, err := appendN(nil, w.r, int(n))
	if err != nil {
		return "", fmt.Errorf("read %s: %w", what, err)
	}
	return string(buf), nil
}

// skip reads and forgets n bytes.
func (w wire) skip(n int) error {
	if _, err := w.r.Discard(n); err != nil {
		return fmt.Errorf("skip %d bytes: %w", n, unexpected(err))
	}
	return nil
}

// appendN reads n bytes behind dst.
func appendN(dst []byte, r *bufio.Reader, n int) ([]byte, error) {
	for n > 0 {
		step := min(n, growBytes)
		at := len(dst)
		dst = append(dst, make([]byte, step)...)
		if _, err := io.ReadFull(r, dst[at:]); err != nil {
			return dst[:at], unexpected(err)
		}
		n -= step
	}
	return dst, nil
}

// unexpected says that the end came in the middle of something.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
