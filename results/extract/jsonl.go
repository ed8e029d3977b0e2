package extract

import (
	"io"
	"strconv"
)

// jsonl writes a JSON object a line, its members in the order of the columns.
type jsonl struct {
	pieces
	// members are what stands before each value.
	members []string
}

func newJSONL(w io.Writer, b *block) *jsonl {
	j := &jsonl{pieces: pieces{w: w}}
	before := "{"
	for _, name := range b.names {
		j.members = append(j.members, before+strconv.Quote(name)+":")
		before = ","
	}
	return j
}

func (j *jsonl) write(b *block, from, to int) error {
	for row := from; row < to; row++ {
		for i, column := range b.columns {
			j.b = append(j.b, j.members[i]...)
			j.b = column.appendJSON(j.b, row)
		}
		j.b = append(j.b, "}\n"...)
		if err := j.cut(); err != nil {
			return err
		}
	}
	return nil
}
