package extract

import (
	"bytes"
	"unicode/utf8"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/parquet-go/parquet-go"
)

// text is a column String.
type text struct{ proto.ColStr }

func (c *text) data() proto.ColResult               { return &c.ColStr }
func (c *text) size(row int) int                    { return len(c.RowBytes(row)) }
func (c *text) appendCSV(b []byte, row int) []byte  { return appendField(b, c.RowBytes(row)) }
func (c *text) appendJSON(b []byte, row int) []byte { return appendQuoted(b, c.RowBytes(row)) }
func (c *text) node() parquet.Node                  { return parquet.Encoded(parquet.String(), &parquet.Plain) }

func (c *text) appendParquet(values []parquet.Value, index, from, to int) []parquet.Value {
	for row := from; row < to; row++ {
		values = append(values, parquet.ByteArrayValue(c.RowBytes(row)).Level(0, 0, index))
	}
	return values
}

// word is a column LowCardinality(String): its rows are numbers of words in a dictionary.
type word struct {
	proto.ColLowCardinalityRaw
	dictionary *proto.ColStr
}

func newWord() *word {
	dictionary := new(proto.ColStr)
	return &word{ColLowCardinalityRaw: proto.ColLowCardinalityRaw{Index: dictionary}, dictionary: dictionary}
}

func (c *word) value(row int) []byte {
	var key int
	switch c.Key {
	case proto.KeyUInt8:
		key = int(c.Keys8[row])
	case proto.KeyUInt16:
		key = int(c.Keys16[row])
	case proto.KeyUInt32:
		key = int(c.Keys32[row])
	case proto.KeyUInt64:
		key = int(c.Keys64[row])
	}
	return c.dictionary.RowBytes(key)
}

func (c *word) data() proto.ColResult               { return &c.ColLowCardinalityRaw }
func (c *word) size(row int) int                    { return len(c.value(row)) }
func (c *word) appendCSV(b []byte, row int) []byte  { return appendField(b, c.value(row)) }
func (c *word) appendJSON(b []byte, row int) []byte { return appendQuoted(b, c.value(row)) }

func (c *word) node() parquet.Node {
	return parquet.Encoded(parquet.String(), &parquet.RLEDictionary)
}

func (c *word) appendParquet(values []parquet.Value, index, from, to int) []parquet.Value {
	for row := from; row < to; row++ {
		values = append(values, parquet.ByteArrayValue(c.value(row)).Level(0, 0, index))
	}
	return values
}

// appendField appends a field of RFC 4180: in quotes if it has one, a comma or a line break.
func appendField(b, value []byte) []byte {
	special := false
	for _, c := range value {
		if c == '"' || c == ',' || c == '\r' || c == '\n' {
			special = true
			break
		}
	}
	if !special {
		return append(b, value...)
	}
	b = append(b, '"')
	for {
		i := bytes.IndexByte(value, '"')
		if i < 0 {
			break
		}
		b = append(append(b, value[:i]...), '"', '"')
		value = value[i+1:]
	}
	return append(append(b, value...), '"')
}

// appendQuoted appends a JSON string. What is not UTF-8, which no text of a call can be, is shown as U+FFFD.
func appendQuoted(b, value []byte) []byte {
	for _, c := range value {
		if c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			b, _ = jsontext.AppendQuote(b, value) // its error says that there was such a text
			return b
		}
	}
	b = append(b, '"')
	return append(append(b, value...), '"')
}
