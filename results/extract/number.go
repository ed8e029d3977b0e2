package extract

import (
	"strconv"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/parquet-go/parquet-go"
)

// integer is a column Int32.
type integer struct{ proto.ColInt32 }

func (c *integer) data() proto.ColResult { return &c.ColInt32 }
func (c *integer) size(int) int          { return 4 }
func (c *integer) node() parquet.Node {
	return parquet.Encoded(parquet.Int(32), &parquet.DeltaBinaryPacked)
}

func (c *integer) appendCSV(b []byte, row int) []byte {
	return strconv.AppendInt(b, int64(c.ColInt32[row]), 10)
}

func (c *integer) appendJSON(b []byte, row int) []byte { return c.appendCSV(b, row) }

func (c *integer) appendParquet(values []parquet.Value, index, from, to int) []parquet.Value {
	for _, v := range c.ColInt32[from:to] {
		values = append(values, parquet.Int32Value(v).Level(0, 0, index))
	}
	return values
}

// long is a column Int64.
type long struct{ proto.ColInt64 }

func (c *long) data() proto.ColResult { return &c.ColInt64 }
func (c *long) size(int) int          { return 8 }
func (c *long) node() parquet.Node {
	return parquet.Encoded(parquet.Int(64), &parquet.DeltaBinaryPacked)
}

func (c *long) appendCSV(b []byte, row int) []byte {
	return strconv.AppendInt(b, c.ColInt64[row], 10)
}

func (c *long) appendJSON(b []byte, row int) []byte { return c.appendCSV(b, row) }

func (c *long) appendParquet(values []parquet.Value, index, from, to int) []parquet.Value {
	for _, v := range c.ColInt64[from:to] {
		values = append(values, parquet.Int64Value(v).Level(0, 0, index))
	}
	return values
}
