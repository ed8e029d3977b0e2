package extract

import (
	"time"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/parquet-go/parquet-go"
)

// instant is a column DateTime64(3): milliseconds since 1970.
type instant struct{ proto.ColDateTime64 }

func (c *instant) data() proto.ColResult { return &c.ColDateTime64 }
func (c *instant) size(int) int          { return 8 }

func (c *instant) node() parquet.Node {
	return parquet.Encoded(parquet.Timestamp(parquet.Millisecond), &parquet.DeltaBinaryPacked)
}

// appendCSV writes RFC 3339, in UTC and always with milliseconds.
func (c *instant) appendCSV(b []byte, row int) []byte {
	return time.UnixMilli(int64(c.Data[row])).UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z")
}

func (c *instant) appendJSON(b []byte, row int) []byte {
	return append(c.appendCSV(append(b, '"'), row), '"')
}

func (c *instant) appendParquet(values []parquet.Value, index, from, to int) []parquet.Value {
	for _, v := range c.Data[from:to] {
		values = append(values, parquet.Int64Value(int64(v)).Level(0, 0, index))
	}
	return values
}

// maybeInstant is a column Nullable(DateTime64(3)).
type maybeInstant struct {
	proto.ColNullable[time.Time]
	values *instant
}

func newMaybeInstant() *maybeInstant {
	values := new(instant)
	return &maybeInstant{ColNullable: proto.ColNullable[time.Time]{Values: &values.ColDateTime64}, values: values}
}

func (c *maybeInstant) null(row int) bool     { return c.Nulls[row] != 0 }
func (c *maybeInstant) data() proto.ColResult { return &c.ColNullable }
func (c *maybeInstant) size(int) int          { return 8 }
func (c *maybeInstant) node() parquet.Node    { return parquet.Optional(c.values.node()) }

// appendCSV writes nothing where there is no time.
func (c *maybeInstant) appendCSV(b []byte, row int) []byte {
	if c.null(row) {
		return b
	}
	return c.values.appendCSV(b, row)
}

func (c *maybeInstant) appendJSON(b []byte, row int) []byte {
	if c.null(row) {
		return append(b, "null"...)
	}
	return c.values.appendJSON(b, row)
}

func (c *maybeInstant) appendParquet(values []parquet.Value, index, from, to int) []parquet.Value {
	for row := from; row < to; row++ {
		if c.null(row) {
			values = append(values, parquet.NullValue().Level(0, 0, index))
			continue
		}
		values = append(values, parquet.Int64Value(int64(c.values.Data[row])).Level(0, 1, index))
	}
	return values
}
