package route

import (
	"sync/atomic"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// Current is the table in force; it can be replaced while calls run. It is safe for concurrent use. Who asks twice may
// be answered from two tables: a *Route stays as it was when it was asked for.
type Current struct {
	table atomic.Pointer[Table]
}

// NewCurrent returns a Current with t in force.
func NewCurrent(t *Table) *Current {
	c := new(Current)
	c.Replace(t)
	return c
}

// Table returns the table in force.
func (c *Current) Table() *Table { return c.table.Load() }

// Replace puts t in force.
func (c *Current) Replace(t *Table) { c.table.Store(t) }

// ForCall is Table.ForCall of the table in force.
func (c *Current) ForCall(call *parleyv1.Call) (*Route, *schemas.Problem) {
	return c.Table().ForCall(call)
}

// Named is Table.Named of the table in force.
func (c *Current) Named(name string) (*Route, bool) { return c.Table().Named(name) }
