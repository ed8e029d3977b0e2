package sink

import "strings"

// table is a table of ClickHouse with the columns that an insert gives, in the order of the rows' values.
type table struct {
	name    string
	columns []string
}

func (t table) insert() string {
	return "INSERT INTO " + t.name + " (" + strings.Join(t.columns, ", ") + ")"
}

// rows are rows of one table, kept by columns: so the driver takes them over without looking at each value.
type rows interface {
	table() table
	len() int
	values() []any
}

// orNull is ms, or nil where there is no time.
func orNull(ms *int64) *int64 {
	if *ms == 0 {
		return nil
	}
	return ms
}
