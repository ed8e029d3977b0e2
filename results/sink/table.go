package sink

import (
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// table is what an insert gives to a table of ClickHouse: some rows, by columns.
type table struct {
	name    string
	rows    int
	columns []tableColumn
}

type tableColumn struct {
	name string
	// fill gives the driver the column's values, one per row.
	fill func(to driver.BatchColumn) error
}

// column is a column of a table whose rows are made of R.
type column[R any] struct {
	name string
	fill func(to driver.BatchColumn, rows []R) error
}

// of is the column whose value in a row is value(row).
func of[R, T any](name string, value func(*R) T) column[R] {
	return column[R]{name, func(to driver.BatchColumn, rows []R) error {
		values := make([]T, len(rows))
		for i := range rows {
			values[i] = value(&rows[i])
		}
		return to.Append(values)
	}}
}

// wordOf is the column of LowCardinality(String) whose value in a row is value(row). A row after the other has the same
// word, most of the time, which is then given to the driver without an allocation.
func wordOf[R any](name string, value func(*R) string) column[R] {
	return column[R]{name, func(to driver.BatchColumn, rows []R) error {
		var last any = ""
		for i := range rows {
			if word := value(&rows[i]); word != last {
				last = word
			}
			if err := to.AppendRow(last); err != nil {
				return err
			}
		}
		return nil
	}}
}

// tableOf returns the table with a name that receives rows.
func tableOf[R any](name string, rows []R, columns []column[R]) table {
	t := table{name: name, rows: len(rows)}
	for _, c := range columns {
		t.columns = append(t.columns, tableColumn{c.name, func(to driver.BatchColumn) error { return c.fill(to, rows) }})
	}
	return t
}

// fill gives all values to a batch whose columns are those of the table.
func (t table) fill(batch driver.Batch) error {
	for i, c := range t.columns {
		if err := c.fill(batch.Column(i)); err != nil {
			return fmt.Errorf("append column %s of %s: %w", c.name, t.name, err)
		}
	}
	return nil
}

// orNull is ms, or nil where there is no time.
func orNull(ms *int64) *int64 {
	if *ms == 0 {
		return nil
	}
	return ms
}
