package kafka

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// record is one record of a batch as far as its time is concerned.
type record struct {
	size        int // bytes with the length prefix
	attributes  byte
	timeDelta   int64
	offsetDelta int32
	afterTime   []byte // from the offset delta to the end
}

// readRecord reads the record at the beginning of b and checks all of it, so that every client can read it:
// one that nobody can read would hold up its partition for ever.
// https://kafka.apache.org/documentation/#record
func readRecord(b []byte) (record, error) {
	length, prefix, err := readVarint(b)
	if err != nil || length < 1 || int(length) > len(b)-prefix {
		return record{}, errors.New("length is out of bounds")
	}
	r := record{size: prefix + int(length), attributes: b[prefix]}
	fields := b[prefix+1 : r.size]
	delta, n := binary.Varint(fields)
	if n <= 0 {
		return record{}, errors.New("timestamp delta is cut off")
	}
	r.timeDelta, r.afterTime = delta, fields[n:]
	if r.offsetDelta, n, err = readVarint(r.afterTime); err != nil {
		return record{}, fmt.Errorf("offset delta: %w", err)
	}
	return r, checkContent(r.afterTime[n:])
}

// checkContent checks a record from its key to its end.
func checkContent(b []byte) error {
	b, err := skipBytes(b, nullable)
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	if b, err = skipBytes(b, nullable); err != nil {
		return fmt.Errorf("value: %w", err)
	}
	headers, n, err := readVarint(b)
	if err != nil || headers < 0 {
		return errors.New("number of headers is wrong")
	}
	b = b[n:]
	for range headers {
		if b, err = skipBytes(b, required); err != nil {
			return fmt.Errorf("header key: %w", err)
		}
		if b, err = skipBytes(b, nullable); err != nil {
			return fmt.Errorf("header value: %w", err)
		}
	}
	if len(b) != 0 {
		return errors.New("bytes after the last header")
	}
	return nil
}

// presence says whether a field may be null, which is a length of -1.
type presence int32

const (
	required presence = 0
	nullable presence = -1
)

// skipBytes returns what follows the bytes, with their length before them, at the beginning of b.
func skipBytes(b []byte, p presence) ([]byte, error) {
	length, n, err := readVarint(b)
	if err != nil {
		return nil, err
	}
	if length < int32(p) || int(length) > len(b)-n {
		return nil, errors.New("length is out of bounds")
	}
	return b[n+max(int(length), 0):], nil
}

// readVarint reads a varint of 32 bits and says how many bytes it took, five at most.
func readVarint(b []byte) (v int32, n int, err error) {
	long, n := binary.Varint(b[:min(len(b), binary.MaxVarintLen32)])
	if n <= 0 || long < math.MinInt32 || long > math.MaxInt32 {
		return 0, 0, errors.New("varint is out of bounds")
	}
	return int32(long), n, nil
}
