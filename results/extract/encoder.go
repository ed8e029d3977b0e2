package extract

import (
	"io"

	"parley/schemas"
)

// encoder writes rows in a format. Errors are those of the writer.
type encoder interface {
	// write writes the rows of a block from one to another (exclusive), or keeps copies of them.
	write(b *block, from, to int) error
	// close writes what remains.
	close() error
}

// newEncoder begins a file with the columns of b.
func newEncoder(format schemas.ExtractFormat, w io.Writer, b *block) (encoder, error) {
	switch format {
	case schemas.ExtractJSONL:
		return newJSONL(w, b), nil
	case schemas.ExtractParquet:
		return newParquet(w, b)
	}
	return newCSV(w, b), nil
}

// pieceBytes is how many bytes are written at once, at the least.
const pieceBytes = 64 << 10

// pieces gathers small texts into pieces that are worth writing.
type pieces struct {
	w io.Writer
	b []byte
}

// cut writes what was gathered, if that is enough.
func (p *pieces) cut() error {
	if len(p.b) < pieceBytes {
		return nil
	}
	return p.close()
}

func (p *pieces) close() error {
	if len(p.b) == 0 {
		return nil
	}
	_, err := p.w.Write(p.b)
	p.b = p.b[:0]
	return err
}
