package extract

import (
	"fmt"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/parquet-go/parquet-go"

	"parley/schemas"
)

// column holds the values of one column of a block, until the next block takes their place.
type column interface {
	// data is what a block is decoded into.
	data() proto.ColResult
	// appendCSV and appendJSON append the value of a row as a field, or as a JSON value.
	appendCSV(b []byte, row int) []byte
	appendJSON(b []byte, row int) []byte
	// appendParquet appends the values of the rows from one to another (exclusive), as those of the column with an index;
	// they hold as long as the block does.
	appendParquet(values []parquet.Value, index, from, to int) []parquet.Value
	// size is about how many bytes the value of a row takes in a file.
	size(row int) int
	// node is the type in Parquet.
	node() parquet.Node
}

// newColumn returns an empty column of the view results.
func newColumn(name string) (column, error) {
	switch name {
	case "conversation_id", "correlation_id", "customer_key", "message":
		return new(text), nil
	case "account", "method", "object_type", "status", "error_code":
		return newWord(), nil
	case "request_id":
		return new(id), nil
	case "sequence_code", "ordinal", "partition":
		return new(integer), nil
	case "sequence":
		return new(long), nil
	case "accepted_at", "completed_at":
		return new(instant), nil
	case "started_at":
		return newMaybeInstant(), nil
	}
	return nil, fmt.Errorf("results have no column %q", name)
}

// block is some rows.
type block struct {
	names   []string
	columns []column
}

// newBlock returns a block with columns; nil: all.
func newBlock(names []string) (*block, error) {
	if names == nil {
		names = schemas.ResultColumns()
	}
	b := &block{names: names}
	for _, name := range names {
		c, err := newColumn(name)
		if err != nil {
			return nil, err
		}
		b.columns = append(b.columns, c)
	}
	return b, nil
}

// rows is how many there are.
func (b *block) rows() int { return b.columns[0].data().Rows() }

// results are what ClickHouse's answer is decoded into.
func (b *block) results() proto.Results {
	out := make(proto.Results, len(b.names))
	for i, name := range b.names {
		out[i] = proto.ResultColumn{Name: name, Data: b.columns[i].data()}
	}
	return out
}
