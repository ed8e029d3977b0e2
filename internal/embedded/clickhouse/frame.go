package clickhouse

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/go-faster/city"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// A compressed stream is a row of frames:
//
//	CityHash128 of what follows  16 bytes
//	method                        1
//	size with these 9 bytes       4, little endian
//	size uncompressed             4
//	data
const (
	frameChecksum   = 16
	frameHeader     = 1 + 4 + 4
	frameSizeMax    = 64 << 20 // either size; clickhouse-go sends 10 MiB, clickhouse-client 1 MiB
	frameMethodNone = 0x02
	frameMethodLZ4  = 0x82
	frameMethodZSTD = 0x90
)

// frameReader decompresses frames. It reads a frame only when the one before is used up.
type frameReader struct {
	src  *bufio.Reader
	raw  []byte // the frame without its checksum
	data []byte // uncompressed
	pos  int    // in data
	zstd *zstd.Decoder
}

func (f *frameReader) Read(p []byte) (int, error) {
	for f.pos == len(f.data) {
		if err := f.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, f.data[f.pos:])
	f.pos += n
	return n, nil
}

// next reads and decompresses one frame.
func (f *frameReader) next() error {
	f.pos, f.data = 0, f.data[:0]
	var head [frameChecksum + frameHeader]byte
	if _, err := io.ReadFull(f.src, head[:]); err != nil {
		return err // io.EOF between two frames
	}
	size := binary.LittleEndian.Uint32(head[frameChecksum+1:])
	plain := binary.LittleEndian.Uint32(head[frameChecksum+5:])
	if size < frameHeader || size > frameSizeMax || plain > frameSizeMax {
		return exceptionf(codeTooBigString, "compressed frame of %d bytes for %d bytes of data, the limit is %d", size, plain, frameSizeMax)
	}
	var err error
	if f.raw, err = appendN(append(f.raw[:0], head[frameChecksum:]...), f.src, int(size)-frameHeader); err != nil {
		return fmt.Errorf("read frame: %w", err)
	}
	sum := city.CH128(f.raw)
	if sum.Low != binary.LittleEndian.Uint64(head[:]) || sum.High != binary.LittleEndian.Uint64(head[8:]) {
		return exceptionf(codeIncorrectData, "checksum of a compressed frame does not match")
	}
	return f.decompress(f.raw[0], f.raw[frameHeader:], int(plain))
}

// decompress fills f.data with plain bytes.
func (f *frameReader) decompress(method byte, raw []byte, plain int) error {
	f.data = append(f.data[:0], make([]byte, plain)...)
	var n int
	var err error
	switch method {
	case frameMethodNone:
		n = len(raw)
		copy(f.data, raw)
	case frameMethodLZ4:
		n, err = lz4.UncompressBlock(raw, f.data)
	case frameMethodZSTD:
		n, err = f.unzstd(raw, plain)
	default:
		return exceptionf(codeNotImplemented, "compression method %#x; use LZ4, ZSTD or none", method)
	}
	if err != nil || n != plain {
		f.data = f.data[:0]
		return exceptionf(codeIncorrectData, "compressed frame does not hold %d bytes: %v", plain, err)
	}
	return nil
}

func (f *frameReader) unzstd(raw []byte, plain int) (int, error) {
	if f.zstd == nil {
		var err error
		if f.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(frameSizeMax)); err != nil {
			return 0, fmt.Errorf("make zstd decoder: %w", err)
		}
	}
	out, err := f.zstd.DecodeAll(raw, f.data[:0])
	if err != nil {
		return 0, err
	}
	if len(out) == plain {
		f.data = out
	}
	return len(out), nil
}
