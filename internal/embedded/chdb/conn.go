package chdb

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"
)

// Conn is a session of the engine. It serves one goroutine at a time and runs one statement at a time:
// while a Stream or an Insert of it is open it refuses others.
type Conn struct {
	lib *Library
	ref unsafe.Pointer // chdb_connection *, the place of the handle; nil after Close

	stream *Stream // open, or nil
	insert *Insert // open, or nil
}

// Result is a statement's whole answer.
type Result struct {
	// Data is in the format asked for; empty when the statement gives no rows.
	Data  []byte
	Stats Stats
}

// Stats counts what a statement, or one step of a stream, read from tables and wrote to them.
// Writes include those of dependent materialized views.
type Stats struct {
	RowsRead, BytesRead, RowsWritten, BytesWritten uint64
}

// Query runs a statement of any kind to its end and returns all of its output, whatever its size.
// A refusal of the engine is an *Exception.
func (c *Conn) Query(s Statement) (Result, error) {
	if err := c.idle(); err != nil {
		return Result{}, fmt.Errorf("query: %w", err)
	}
	r := s.begin(c.lib.fn.query, c.handle())
	defer c.lib.fn.destroyResult(r)
	if err := c.exception(r); err != nil {
		return Result{}, err
	}
	return Result{Data: c.copyData(nil, r), Stats: c.stats(r)}, nil
}

// Stream begins a statement that gives rows; DDL and inserts are refused by the engine.
func (c *Conn) Stream(s Statement) (*Stream, error) {
	if err := c.idle(); err != nil {
		return nil, fmt.Errorf("stream: %w", err)
	}
	h := s.begin(c.lib.fn.streamQuery, c.handle())
	if err := c.exception(h); err != nil {
		c.lib.fn.destroyResult(h)
		return nil, err
	}
	c.stream = &Stream{conn: c, h: h}
	return c.stream, nil
}

// Insert begins an INSERT whose data follows in s.Format. The text has no FORMAT clause and no data.
func (c *Conn) Insert(s Statement) (*Insert, error) {
	if err := c.idle(); err != nil {
		return nil, fmt.Errorf("insert: %w", err)
	}
	h := s.begin(c.lib.fn.streamInsert, c.handle())
	if msg := c.lib.fn.insertError(h); msg != "" {
		c.lib.fn.destroyInsert(h)
		return nil, parseException(msg)
	}
	c.insert = &Insert{conn: c, h: h}
	return c.insert, nil
}

// Close ends the session; the last one stops the engine. An open stream or insert is cancelled. Repeating
// it does nothing.
func (c *Conn) Close() {
	if c.ref == nil {
		return
	}
	if c.stream != nil {
		c.stream.Close()
	}
	if c.insert != nil {
		c.insert.Abort()
	}
	c.lib.fn.closeConn(c.ref)
	c.ref = nil
}

// idle reports why no statement can begin now.
func (c *Conn) idle() error {
	switch {
	case c.ref == nil:
		return ErrClosed
	case c.stream != nil:
		return errors.New("a stream of this connection is open")
	case c.insert != nil:
		return errors.New("an insert of this connection is open")
	}
	return nil
}

func (c *Conn) handle() handle { return *(*handle)(c.ref) }

// exception returns what the engine reports in a result, nil if all is well.
func (c *Conn) exception(r handle) error {
	if r == 0 {
		return errors.New("the engine returned no result")
	}
	if msg := c.lib.fn.resultError(r); msg != "" {
		return parseException(msg)
	}
	return nil
}

// copyData appends the data of a result to dst: the engine frees its buffer with the result.
func (c *Conn) copyData(dst []byte, r handle) []byte {
	n := c.lib.fn.resultLength(r)
	if n == 0 {
		return dst
	}
	return append(dst, unsafe.Slice((*byte)(c.lib.fn.resultBuffer(r)), n)...)
}

func (c *Conn) stats(r handle) Stats {
	f := &c.lib.fn
	return Stats{
		RowsRead: f.resultRowsRead(r), BytesRead: f.resultBytesRead(r),
		RowsWritten: f.resultRowsWritten(r), BytesWritten: f.resultBytesWritten(r),
	}
}

// Analysis is what the engine's parser says of a text without running it.
type Analysis struct {
	// Statements that the text holds; 0 when it is empty or does not parse.
	Statements int
	// ReadOnly is set when all of them only read.
	ReadOnly bool
}

// Analyze parses a text with the session's settings. A text that does not parse is no error.
func (c *Conn) Analyze(sql string) (Analysis, error) {
	if err := c.idle(); err != nil {
		return Analysis{}, fmt.Errorf("analyze: %w", err)
	}
	out := queryAnalysis{size: uint32(unsafe.Sizeof(queryAnalysis{}))}
	state := c.lib.fn.classify(c.handle(), unsafe.Pointer(unsafe.StringData(sql)), uintptr(len(sql)), nil, 0, unsafe.Pointer(&out))
	runtime.KeepAlive(sql)
	if state != stateSuccess {
		return Analysis{}, errors.New("analyze: the engine refused")
	}
	return Analysis{Statements: int(out.statements), ReadOnly: out.statements > 0 && out.class == classReadOnly}, nil
}

// queryAnalysis is chdb_query_analysis_v1.
type queryAnalysis struct {
	size, statements, flags, class uint32
}

// classReadOnly is CHDB_QUERY_READ_ONLY of enum chdb_query_class.
const classReadOnly = 0
