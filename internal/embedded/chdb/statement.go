package chdb

import (
	"runtime"
	"unsafe"
)

// Statement is one SQL statement for a connection.
type Statement struct {
	// SQL is the text, any bytes.
	SQL string
	// Format names the output format, or the input format of an insert; a FORMAT clause in the text of
	// a query goes before it. Empty: the session's default, TSV.
	Format string
	// Params are the values of {name:Type} placeholders, as text.
	Params []Param
}

// Param is a value for the placeholder {Name:Type}.
type Param struct{ Name, Value string }

// begin hands the statement to fn. The engine copies what it keeps, so the strings need to live no
// longer than the call.
func (s Statement) begin(fn statementFunc, conn handle) handle {
	names, nameLens := pointers(s.Params, func(p Param) string { return p.Name })
	values, valueLens := pointers(s.Params, func(p Param) string { return p.Value })
	h := fn(conn,
		unsafe.Pointer(unsafe.StringData(s.SQL)), uintptr(len(s.SQL)),
		unsafe.Pointer(unsafe.StringData(s.Format)), uintptr(len(s.Format)),
		unsafe.Pointer(unsafe.SliceData(names)), unsafe.Pointer(unsafe.SliceData(nameLens)),
		unsafe.Pointer(unsafe.SliceData(values)), unsafe.Pointer(unsafe.SliceData(valueLens)),
		uintptr(len(s.Params)))
	runtime.KeepAlive(s)
	runtime.KeepAlive(names)
	runtime.KeepAlive(nameLens)
	runtime.KeepAlive(values)
	runtime.KeepAlive(valueLens)
	return h
}

// pointers returns where the chosen string of each parameter lies, and its length.
func pointers(params []Param, choose func(Param) string) ([]*byte, []uintptr) {
	data := make([]*byte, len(params))
	lens := make([]uintptr, len(params))
	for i, p := range params {
		s := choose(p)
		data[i], lens[i] = unsafe.StringData(s), uintptr(len(s))
	}
	return data, lens
}
