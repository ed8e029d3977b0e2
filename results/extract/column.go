package extract

import (
	"fmt"
	"slices"

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
	case "sequence_code":
		return new(integer), nil
	case "accepted_at", "completed_at":
		return new(instant), nil
	case "started_at":
		return newMaybeInstant(), nil
	}
	return nil, fmt.Errorf("results have no column %q", name)
}

// block is some rows of results_log, in the order of its key.
type block struct {
	// names and columns are what is written of them.
	names   []string
	columns []column
	// What a row is known by is read in any case, from columns of its own if it is not written.
	partition, ordinal *integer
	sequence           *long
	hidden             []string

	// last is the row before.
	last identity
}

// identity is what no two results share.
type identity struct {
	partition, ordinal int32
	sequence           int64
}

// newBlock returns a block with columns; nil: all.
func newBlock(names []string) (*block, error) {
	if names == nil {
		names = schemas.ResultColumns()
	}
	b := &block{names: names, partition: new(integer), ordinal: new(integer), sequence: new(long), last: identity{partition: -1}}
	known := map[string]column{"partition": b.partition, "ordinal": b.ordinal, "sequence": b.sequence}
	for _, name := range names {
		c, ok := known[name]
		if !ok {
			var err error
			if c, err = newColumn(name); err != nil {
				return nil, err
			}
		}
		b.columns = append(b.columns, c)
	}
	for _, name := range []string{"partition", "sequence", "ordinal"} {
		if !slices.Contains(names, name) {
			b.hidden = append(b.hidden, name)
		}
	}
	return b, nil
}

// rows is how many there are.
func (b *block) rows() int { return b.sequence.Rows() }

// once calls each for the rows, from one to another (exclusive), but for those that were inserted twice: equal ones, which
// follow one another.
func (b *block) once(each func(from, to int) error) error {
	from, rows := 0, b.rows()
	for row := range rows {
		at := identity{b.partition.ColInt32[row], b.ordinal.ColInt32[row], b.sequence.ColInt64[row]}
		if at == b.last {
			if from < row {
				if err := each(from, row); err != nil {
					return err
				}
			}
			from = row + 1
		}
		b.last = at
	}
	if from == rows {
		return nil
	}
	return each(from, rows)
}

// read are the names of all columns that are read.
func (b *block) read() []string { return slices.Concat(b.names, b.hidden) }

// results are what ClickHouse's answer is decoded into.
func (b *block) results() proto.Results {
	hidden := map[string]proto.ColResult{"partition": b.partition.data(), "sequence": b.sequence.data(), "ordinal": b.ordinal.data()}
	var out proto.Results
	for i, name := range b.names {
		out = append(out, proto.ResultColumn{Name: name, Data: b.columns[i].data()})
	}
	for _, name := range b.hidden {
		out = append(out, proto.ResultColumn{Name: name, Data: hidden[name]})
	}
	return out
}
