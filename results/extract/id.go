package extract

import (
	"encoding/hex"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/parquet-go/parquet-go"
)

// id is a column UUID.
type id struct{ proto.ColUUID }

func (c *id) data() proto.ColResult { return &c.ColUUID }
func (c *id) size(int) int          { return 16 }
func (c *id) node() parquet.Node    { return parquet.UUID() }

func (c *id) appendCSV(b []byte, row int) []byte {
	v := &c.ColUUID[row]
	b = hex.AppendEncode(b, v[:4])
	b = hex.AppendEncode(append(b, '-'), v[4:6])
	b = hex.AppendEncode(append(b, '-'), v[6:8])
	b = hex.AppendEncode(append(b, '-'), v[8:10])
	return hex.AppendEncode(append(b, '-'), v[10:])
}

func (c *id) appendJSON(b []byte, row int) []byte {
	return append(c.appendCSV(append(b, '"'), row), '"')
}

func (c *id) appendParquet(values []parquet.Value, index, from, to int) []parquet.Value {
	for row := from; row < to; row++ {
		values = append(values, parquet.FixedLenByteArrayValue(c.ColUUID[row][:]).Level(0, 0, index))
	}
	return values
}
