package clickhouse

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/ClickHouse/ch-go/proto"

	"parley/internal/embedded/chdb"
)

// sampleBlock has columns of every layout.
func sampleBlock(t testing.TB) []byte {
	t.Helper()
	low := new(proto.ColStr).LowCardinality()
	low.AppendArr([]string{"a", "b", "a"})
	lowArr := new(proto.ColStr).LowCardinality().Array()
	lowArr.AppendArr([][]string{{"x"}, {}, {"y", "x"}})
	null := new(proto.ColStr).Nullable()
	null.AppendArr([]proto.Nullable[string]{proto.NewNullable("a"), proto.Null[string](), proto.NewNullable("")})
	m := proto.NewMap(new(proto.ColStr), new(proto.ColUInt64))
	m.AppendArr([]map[string]uint64{{"a": 1}, {}, {"b": 2, "c": 3}})
	n := proto.ColUInt32{1, 2, 3}
	var s proto.ColStr
	s.AppendArr([]string{"", "short", strings.Repeat("long", 1000)})
	fixed := proto.ColFixedStr{Size: 3, Buf: []byte("abcdefghi")}
	tuple := proto.ColTuple{&proto.ColUInt8{1, 2, 3}, &proto.ColFloat64{1, 2, 3}}
	input := proto.Input{
		{Name: "n", Data: n}, {Name: "s", Data: s}, {Name: "low", Data: low}, {Name: "lowArr", Data: lowArr},
		{Name: "null", Data: null}, {Name: "m", Data: m}, {Name: "fixed", Data: fixed}, {Name: "tuple", Data: tuple},
	}
	var b proto.Buffer
	if err := (proto.Block{Columns: len(input), Rows: 3}).EncodeRawBlock(&b, 0, input); err != nil {
		t.Fatal(err)
	}
	return b.Buf
}

func TestBlockReader(t *testing.T) {
	t.Parallel()
	raw := sampleBlock(t)
	tail := []byte("what follows")
	for name, src := range map[string]io.Reader{
		"at once":      bytes.NewReader(append(bytes.Clone(raw), tail...)),
		"byte by byte": iotest.OneByteReader(bytes.NewReader(append(bytes.Clone(raw), tail...))),
	} {
		r := bufio.NewReaderSize(src, 16)
		b, err := (&blockReader{r: r, max: 1 << 20}).next()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !bytes.Equal(b.raw, raw) || b.rows != 3 || len(b.columns) != 8 || b.columns[3] != (column{"lowArr", "Array(LowCardinality(String))"}) {
			t.Errorf("%s: read %d of %d bytes, %d rows, columns %v", name, len(b.raw), len(raw), b.rows, b.columns)
		}
		if rest, err := io.ReadAll(r); err != nil || !bytes.Equal(rest, tail) {
			t.Errorf("%s: %q is left, want %q: %v", name, rest, tail, err)
		}
	}
	for n := range raw {
		if _, err := (&blockReader{r: bufio.NewReader(bytes.NewReader(raw[:n])), max: 1 << 20}).next(); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("block cut after %d of %d bytes: %v, want %v", n, len(raw), err, io.ErrUnexpectedEOF)
		}
	}
	_, err := (&blockReader{r: bufio.NewReader(bytes.NewReader(raw)), max: 100}).next()
	if e, ok := errors.AsType[*chdb.Exception](err); !ok || e.Code != codeTooBigString && e.Code != codeIncorrectData {
		t.Errorf("block above the limit: %v", err)
	}
}

// describingBlocks have columns that describe themselves: a JSON of version 3 and of version 0, a Dynamic and a Variant.
var describingBlocks = []string{
	"\x02\x01\x01j#JSON(max_dynamic_paths=1, d String)\x03\x00\x00\x00\x00\x00\x00\x00\x01\x01a\x03\x00\x00\x00\x00\x00\x00\x00\x016Array(JSON(max_dynamic_types=16, max_dynamic_paths=0))" +
		"\x03\x00\x00\x00\x00\x00\x00\x00\x01\x01c\x03\x00\x00\x00\x00\x00\x00\x00\x01\x06String\x01y\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x01x\x01z\x05UInt8\a",
	"\x02\x01\x01j\x04JSON\x00\x00\x00\x00\x00\x00\x00\x00\x02\x02\x01a\x03b.c\x01\x00\x00\x00\x00\x00\x00\x00\x01\x01\x05Int64\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00" +
		"\x01\x01\x06String\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x01x\x00\x00\x00\x00\x00\x00\x00\x00\x01z\x05UInt8\a",
	"\x02\x03\x01j\aDynamic\x03\x00\x00\x00\x00\x00\x00\x00\x01\x06String\x00\x00\x01\x011\x01a\x01z\x05UInt8\a\a\a",
	"\x02\x03\x01j\x16Variant(String, UInt8)\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\xff\x01a\x01\x01z\x05UInt8\a\a\a",
}

// TestBlockCutter cuts blocks that lie one behind the other, gives them marks, and has a blockReader take them away again.
func TestBlockCutter(t *testing.T) {
	t.Parallel()
	blocks := append([]string{string(sampleBlock(t))}, describingBlocks...)
	var c blockCutter
	for _, revision := range []int{0, revisionMax} {
		c.cut([]byte(strings.Join(blocks, "")))
		for i, want := range blocks {
			cut, err := c.next(revision)
			if err != nil {
				t.Fatalf("block %d: %v", i, err)
			}
			b, err := (&blockReader{r: bufio.NewReader(bytes.NewReader(cut.raw)), max: 1 << 20, marked: revision > 0}).next()
			if err != nil || string(b.raw) != want {
				t.Errorf("block %d at revision %d: %q, want %q: %v", i, revision, b.raw, want, err)
			}
		}
		if _, err := c.next(revision); !errors.Is(err, io.EOF) {
			t.Errorf("after the last block: %v, want %v", err, io.EOF)
		}
	}
	for _, whole := range blocks {
		for n := range len(whole) - 1 {
			c.cut([]byte(whole[:n+1]))
			if _, err := c.next(revisionMax); !errors.Is(err, io.ErrUnexpectedEOF) && asException(err).Code != codeTooBigString && asException(err).Code != codeIncorrectData {
				t.Fatalf("%q: %v", whole[:n+1], err)
			}
		}
	}
}

// FuzzBlockCutter has the two ways to read a block agree.
func FuzzBlockCutter(f *testing.F) {
	f.Add(sampleBlock(f))
	for _, b := range describingBlocks {
		f.Add([]byte(b))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var c blockCutter
		c.cut(data)
		marked, err := c.next(revisionMax)
		if err != nil {
			return
		}
		b, err := (&blockReader{r: bufio.NewReader(bytes.NewReader(marked.raw)), max: 1 << 20, marked: true}).next()
		if err != nil || b.rows != marked.rows {
			t.Fatalf("%q is cut from %q, but cannot be read: %v", marked.raw, data, err)
		}
		raw := bytes.Clone(b.raw) // its numbers are as short as they can be
		c.cut(raw)
		if again, err := c.next(0); err != nil || !bytes.Equal(again.raw, raw) {
			t.Errorf("%q becomes %q: %v", raw, again.raw, err)
		}
	})
}

func FuzzBlockReader(f *testing.F) {
	f.Add(sampleBlock(f))
	f.Add([]byte("\x01\x80\x80\x80\x01\x01a\x0dArray(String)"))
	f.Add([]byte("\x01\x02\x01a\x16LowCardinality(String)"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		b, err := (&blockReader{r: bufio.NewReader(bytes.NewReader(raw)), max: 1 << 16}).next()
		if err == nil && len(b.raw) > 1<<16 {
			t.Errorf("%d bytes above the limit", len(b.raw))
		}
	})
}

func TestLayoutOf(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		"String": true, " Array( Nullable(String) ) ": true, "Map(String, Array(UInt8))": true, "Nested(a UInt8, b String)": true,
		"Tuple(a Enum8('x)' = 1, 'y,' = 2), `b ``c` DateTime64(3, 'UTC'))": true, "SimpleAggregateFunction(sum, UInt64)": true,
		"LowCardinality(Nullable(FixedString(3)))": true, "Decimal(76, 3)": true, "Polygon": true, "DateTime('UTC')": true,
		"FixedString(0)": false, "FixedString(99999999999)": false, "FixedString": false, "Array": false, "Array(": false, "Array()": false,
		"Array(String) x": false, "Map(String)": false, "LowCardinality(Array(String))": false, "AggregateFunction(sum, UInt8)": false,
		"JSON": true, "JSON(max_dynamic_paths=3, a.b String, `c d` Array(JSON), SKIP x.y, SKIP REGEXP 'z')": true, "JSON(a Nosuch)": false,
		"Dynamic": true, "Dynamic(max_types=3)": true, "Variant(Array(UInt8), String)": true, "Variant()": false, "Tuple()": true,
		"QBit(Float32, 9)": true, "QBit(String, 9)": false, "Geometry": true, "": false, "Nullable(Nosuch)": false,
		strings.Repeat("Array(", 100) + "UInt8" + strings.Repeat(")", 100): false,
		"Tuple(" + strings.Repeat("UInt8,", 2000) + "UInt8)":               false,
	} {
		if _, err := layoutOf(text); (err == nil) != ok {
			t.Errorf("%.60q: %v", text, err)
		}
	}
}

func FuzzLayoutOf(f *testing.F) {
	f.Add("Tuple(a Enum8('x)' = 1), b Array(LowCardinality(Nullable(String))))")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := layoutOf(text); err != nil && asException(err).Code == codeUnknownException {
			t.Errorf("%q: %v has no code", text, err)
		}
	})
}

func TestFrameReader(t *testing.T) {
	t.Parallel()
	want := []byte(strings.Repeat("some data ", 1000))
	for _, m := range []compress.Method{compress.None, compress.LZ4, compress.LZ4HC, compress.ZSTD} {
		w := compress.NewWriter(compress.LevelZero, m)
		if err := w.Compress(want); err != nil {
			t.Fatal(err)
		}
		good := bytes.Clone(w.Data)
		got, err := io.ReadAll(&frameReader{src: bufio.NewReader(bytes.NewReader(append(bytes.Clone(good), good...)))})
		if err != nil || !bytes.Equal(got, append(bytes.Clone(want), want...)) {
			t.Errorf("%v: %d bytes: %v", m, len(got), err)
		}
		for i := range frameChecksum + frameHeader {
			bad := bytes.Clone(good)
			bad[i] ^= 0x55
			if _, err := io.ReadAll(&frameReader{src: bufio.NewReader(bytes.NewReader(bad))}); err == nil {
				t.Errorf("%v: a changed byte %d is not noticed", m, i)
			}
		}
	}
}

func FuzzFrameReader(f *testing.F) {
	for _, m := range []compress.Method{compress.None, compress.LZ4, compress.ZSTD} {
		w := compress.NewWriter(compress.LevelZero, m)
		if err := w.Compress([]byte("some data")); err != nil {
			f.Fatal(err)
		}
		f.Add(bytes.Clone(w.Data))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r := &frameReader{src: bufio.NewReader(bytes.NewReader(raw))}
		if len(raw) >= frameChecksum+frameHeader && binary.LittleEndian.Uint32(raw[frameChecksum+5:]) > 1<<20 {
			return // is allowed to take its memory
		}
		_, _ = io.Copy(io.Discard, r)
	})
}
