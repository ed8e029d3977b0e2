package sink

// table is what an insert gives to a table of ClickHouse: some rows, by columns, which the driver takes over whole.
type table struct {
	name    string
	rows    int
	columns []tableColumn
}

type tableColumn struct {
	name string
	// values makes the slice of the column's values, one per row.
	values func() any
}

// column is a column of a table whose rows are made of R.
type column[R any] struct {
	name   string
	values func(rows []R) any
}

// of is the column whose value in a row is value(row).
func of[R, T any](name string, value func(R) T) column[R] {
	return column[R]{name, func(rows []R) any {
		values := make([]T, len(rows))
		for i, r := range rows {
			values[i] = value(r)
		}
		return values
	}}
}

// tableOf returns the table with a name that receives rows.
func tableOf[R any](name string, rows []R, columns []column[R]) table {
	t := table{name: name, rows: len(rows)}
	for _, c := range columns {
		t.columns = append(t.columns, tableColumn{c.name, func() any { return c.values(rows) }})
	}
	return t
}

// orNull is ms, or nil where there is no time.
func orNull(ms *int64) *int64 {
	if *ms == 0 {
		return nil
	}
	return ms
}
