package kafka

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Where the fields of a record batch (message format 2) lie, and what its attributes say.
// https://kafka.apache.org/documentation/#recordbatch
const (
	batchLengthAt     = 8
	batchMagicAt      = 16
	batchCRCAt        = 17
	batchAttributesAt = 21
	batchFirstTimeAt  = 27
	batchMaxTimeAt    = 35
	batchCountAt      = 57
	batchHeaderBytes  = 61

	attributeCodecMask     = 0x07
	attributeLogAppendTime = 0x08
	attributeTransactional = 0x10
)

// errBatchBody is a record batch whose frame and checksum are right and whose records are not.
var errBatchBody = errors.New("record batch body is corrupt")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// stamper puts the broker's time on record batches. It may be used by several goroutines.
type stamper struct {
	decompressor *decompressor
	compressors  map[kgo.CompressionCodecType]kgo.Compressor
}

func newStamper() (*stamper, error) {
	d, err := newDecompressor(requestBytesMax)
	if err != nil {
		return nil, err
	}
	s := &stamper{decompressor: d, compressors: make(map[kgo.CompressionCodecType]kgo.Compressor)}
	for codec, option := range map[kgo.CompressionCodecType]kgo.CompressionCodec{
		kgo.CodecGzip:   kgo.GzipCompression(),
		kgo.CodecSnappy: kgo.SnappyCompression(),
		kgo.CodecLz4:    kgo.Lz4Compression(),
		kgo.CodecZstd:   kgo.ZstdCompression(),
	} {
		c, err := kgo.DefaultCompressor(option)
		if err != nil {
			return nil, fmt.Errorf("create compressor: %w", err)
		}
		s.compressors[codec] = c
	}
	return s, nil
}

// stamp gives every record of the batch the time at, in milliseconds since 1970, and returns the batch,
// which may be the slice it got, changed in place. A batch that the broker will refuse anyway (too short,
// another format, a wrong checksum) is returned as it came. errBatchBody: the records cannot be read;
// nobody who fetches them could either.
func (s *stamper) stamp(batch []byte, at int64) ([]byte, error) {
	if !wellFramed(batch) {
		return batch, nil
	}
	codec := kgo.CompressionCodecType(batch[batchAttributesAt+1] & attributeCodecMask)
	body, err := s.decompressor.decompress(batch[batchHeaderBytes:], codec)
	if err != nil {
		return nil, fmt.Errorf("%w: decompress: %w", errBatchBody, err)
	}
	count := int32(binary.BigEndian.Uint32(batch[batchCountAt:]))
	flat, err := flatten(body, count)
	if err != nil {
		return nil, err
	}
	if flat != nil {
		if batch, err = s.rebuild(batch[:batchHeaderBytes], flat, codec); err != nil {
			return nil, err
		}
	}
	batch[batchAttributesAt+1] &^= attributeLogAppendTime
	binary.BigEndian.PutUint64(batch[batchFirstTimeAt:], uint64(at))
	binary.BigEndian.PutUint64(batch[batchMaxTimeAt:], uint64(at))
	binary.BigEndian.PutUint32(batch[batchCRCAt:], crc32.Checksum(batch[batchAttributesAt:], castagnoli))
	return batch, nil
}

// wellFramed says whether batch is one whole batch of format 2 with the checksum that it claims.
func wellFramed(batch []byte) bool {
	return len(batch) >= batchHeaderBytes &&
		batch[batchMagicAt] == 2 &&
		int64(binary.BigEndian.Uint32(batch[batchLengthAt:])) == int64(len(batch)-batchMagicAt+4) &&
		binary.BigEndian.Uint32(batch[batchCRCAt:]) == crc32.Checksum(batch[batchAttributesAt:], castagnoli)
}

// rebuild returns a new batch of header and body, compressed as the header says.
func (s *stamper) rebuild(header, body []byte, codec kgo.CompressionCodecType) ([]byte, error) {
	if codec != kgo.CodecNone {
		out, used := s.compressors[codec].Compress(new(bytes.Buffer), body)
		if used != codec {
			return nil, fmt.Errorf("compress batch with codec %d: got codec %d", codec, used)
		}
		body = out
	}
	batch := make([]byte, 0, len(header)+len(body))
	batch = append(append(batch, header...), body...)
	binary.BigEndian.PutUint32(batch[batchLengthAt:], uint32(len(batch)-batchMagicAt+4))
	return batch, nil
}

// flatten returns the records of body with their timestamp deltas set to zero, or nil when they all are
// zero already. The records must be count in number and fill body.
func flatten(body []byte, count int32) ([]byte, error) {
	var flat []byte // begins at the first record that differs
	rest := body
	for i := range int64(count) {
		r, err := readRecord(rest)
		if err != nil {
			return nil, fmt.Errorf("%w: record %d: %w", errBatchBody, i, err)
		}
		if int64(r.offsetDelta) != i {
			return nil, fmt.Errorf("%w: record %d says it is %d", errBatchBody, i, r.offsetDelta)
		}
		if flat == nil && r.timeDelta != 0 {
			flat = make([]byte, 0, len(body))
			flat = append(flat, body[:len(body)-len(rest)]...)
		}
		if flat != nil {
			flat = binary.AppendVarint(flat, int64(len(r.afterTime)+2)) // attributes, a zero, the rest
			flat = append(flat, r.attributes, 0)
			flat = append(flat, r.afterTime...)
		}
		rest = rest[r.size:]
	}
	if len(rest) != 0 {
		return nil, fmt.Errorf("%w: %d bytes after the last record", errBatchBody, len(rest))
	}
	return flat, nil
}

// transactional says whether the batch belongs to a transaction.
func transactional(batch []byte) bool {
	return len(batch) >= batchHeaderBytes && batch[batchAttributesAt+1]&attributeTransactional != 0
}
