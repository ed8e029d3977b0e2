// Package chdb binds libchdb, the ClickHouse engine as a shared library, without cgo.
//
// A process has one engine. It starts with the first connection, works on the data folder that this one
// names, and stops when the last connection has closed: then everything is on disk, and the next
// connection starts it anew. Connections are cheap sessions of the engine. Each has its own settings,
// current database and temporary tables, and runs one statement at a time.
//
//	lib, err := chdb.Load(path)                  // dlopen, resolve the symbols
//	conn, err := lib.Connect("--path=" + folder) // the first one starts the engine
//	rows, err := conn.Query(chdb.Statement{SQL: "SELECT 1", Format: "TSV"})
//	conn.Close()
//
// A Conn with its Stream or Insert serves one goroutine at a time; different connections work in
// parallel. A running statement is stopped from another connection, with KILL QUERY.
//
// The C interface is documented in programs/local/chdb.h of https://github.com/chdb-io/chdb-core.
package chdb

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"github.com/ebitengine/purego"
)

// ErrClosed is returned for work on a connection, stream or insert that has ended.
var ErrClosed = errors.New("engine session has ended")

// Library is a loaded libchdb. It stays loaded until the process ends. Several goroutines may use it.
type Library struct{ fn functions }

// Load opens the library at path and resolves what this package calls. It takes the process's signals
// away from the engine before the engine can install a handler: the Go runtime owns them.
func Load(path string) (*Library, error) {
	so, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return nil, fmt.Errorf("load engine %s: %w", path, err)
	}
	l := &Library{}
	for name, fn := range l.fn.symbols() {
		addr, err := purego.Dlsym(so, name)
		if err != nil {
			return nil, fmt.Errorf("load engine %s: it is not a libchdb of version %s: %w", path, Version, err)
		}
		purego.RegisterFunc(fn, addr)
	}
	l.fn.setSignalHandlersEnabled(0)
	return l, nil
}

// Version is what the loaded library says of itself, e.g. "26.7.3".
func (l *Library) Version() string { return l.fn.version() }

// Connect opens a session; the first one starts the engine, which takes some hundred milliseconds.
//
// The arguments have the form --name=value. A name that is a query setting applies to this session, as
// SET would; --path=FOLDER and the other names of the server's configuration are taken by the first
// connection and must not differ afterwards. The engine says why it refuses only on its standard error.
func (l *Library) Connect(args ...string) (*Conn, error) {
	argv := cStrings(append([]string{"clickhouse"}, args...))
	ref := l.fn.connect(int32(len(argv)), unsafe.Pointer(&argv[0]))
	runtime.KeepAlive(argv)
	if ref == nil {
		return nil, fmt.Errorf("connect: the engine refused the arguments %q", args)
	}
	return &Conn{lib: l, ref: ref}, nil
}

// cStrings returns the strings with a terminating zero each, as C wants its argv.
func cStrings(ss []string) []*byte {
	out := make([]*byte, len(ss))
	for i, s := range ss {
		out[i] = unsafe.SliceData(append([]byte(s), 0))
	}
	return out
}
