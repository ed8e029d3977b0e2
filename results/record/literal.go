package record

import (
	"strings"
	"time"

	"parley/schemas"
)

// Literal writes a text into a statement that takes no parameters.
func Literal(text string) string {
	return `'` + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + `'`
}

// Identifier writes the name of a database, a table or a cluster into a statement.
func Identifier(name string) string {
	return "`" + strings.NewReplacer(`\`, `\\`, "`", "\\`").Replace(name) + "`"
}

// milliMax is 2299-12-31T23:59:59.999Z, the last time that DateTime64 can hold for certain
// (https://clickhouse.com/docs/sql-reference/data-types/datetime64).
const milliMax = 10_413_791_999_999

// Milli is a time in milliseconds since 1970, brought within what DateTime64(3) can hold: what a bound of a query becomes.
func Milli(at time.Time) int64 { return min(max(0, schemas.MilliOf(at)), milliMax) }
