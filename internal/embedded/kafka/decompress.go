package kafka

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/twmb/franz-go/pkg/kgo"
)

// errTooLarge is a batch that would take more memory than a request may have bytes. franz-go's decompressor
// allows two gibibytes, which a snappy batch of ten bytes can claim.
var errTooLarge = fmt.Errorf("batch decompresses to more than %d bytes", requestBytesMax)

var errCodec = errors.New("unknown codec")

// decompressor reads what the codecs of Kafka have written. It may be used by several goroutines.
type decompressor struct {
	bytesMax int
	zstd     *zstd.Decoder
}

func newDecompressor(bytesMax int) (*decompressor, error) {
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(uint64(bytesMax)))
	if err != nil {
		return nil, fmt.Errorf("create zstd decoder: %w", err)
	}
	return &decompressor{bytesMax: bytesMax, zstd: z}, nil
}

// decompress returns src itself where nothing is compressed.
func (d *decompressor) decompress(src []byte, codec kgo.CompressionCodecType) ([]byte, error) {
	switch codec {
	case kgo.CodecNone:
		return src, nil
	case kgo.CodecGzip:
		r, err := gzip.NewReader(bytes.NewReader(src))
		if err != nil {
			return nil, err
		}
		return d.readAll(r)
	case kgo.CodecSnappy:
		return d.snappy(src)
	case kgo.CodecLz4:
		return d.readAll(lz4.NewReader(bytes.NewReader(src)))
	case kgo.CodecZstd:
		return d.zstd.DecodeAll(src, nil)
	}
	return nil, errCodec
}

func (d *decompressor) readAll(r io.Reader) ([]byte, error) {
	out, err := io.ReadAll(io.LimitReader(r, int64(d.bytesMax)+1))
	if err == nil && len(out) > d.bytesMax {
		err = errTooLarge
	}
	return out, err
}

// xerialMagic begins the framing in which Java clients write snappy: sixteen bytes of header, then blocks with
// their length before them. Other clients write one block and nothing else.
var xerialMagic = []byte{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0}

const xerialHeaderBytes = 16

func (d *decompressor) snappy(src []byte) ([]byte, error) {
	if len(src) < xerialHeaderBytes || !bytes.HasPrefix(src, xerialMagic) {
		return d.snappyBlock(nil, src)
	}
	var out []byte
	for rest := src[xerialHeaderBytes:]; len(rest) > 0; {
		if len(rest) < 4 || uint64(binary.BigEndian.Uint32(rest)) > uint64(len(rest)-4) {
			return nil, io.ErrUnexpectedEOF
		}
		end := 4 + int(binary.BigEndian.Uint32(rest))
		var err error
		if out, err = d.snappyBlock(out, rest[4:end]); err != nil {
			return nil, err
		}
		rest = rest[end:]
	}
	return out, nil
}

// snappyBlock appends what the block holds.
func (d *decompressor) snappyBlock(out, block []byte) ([]byte, error) {
	n, err := s2.DecodedLen(block)
	if err != nil {
		return nil, err
	}
	if n > d.bytesMax-len(out) {
		return nil, errTooLarge
	}
	decoded, err := s2.Decode(nil, block)
	if err != nil || out == nil {
		return decoded, err
	}
	return append(out, decoded...), nil
}
