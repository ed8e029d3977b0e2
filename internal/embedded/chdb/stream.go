package chdb

import "io"

// Stream is a running query whose rows are fetched piece by piece. One goroutine uses it at a time.
type Stream struct {
	conn  *Conn
	h     handle // 0 after the end
	buf   []byte // the last piece
	stats Stats
}

// Next returns the next piece of the output, or io.EOF after the last one. A piece holds whole rows
// (in format Native whole blocks) and is valid until the next call. A failure ends the stream.
func (s *Stream) Next() ([]byte, error) {
	if s.h == 0 {
		return nil, io.EOF
	}
	fn := &s.conn.lib.fn
	r := fn.streamFetch(s.conn.handle(), s.h)
	defer func() { fn.destroyResult(r) }()
	if err := s.conn.exception(r); err != nil {
		s.end()
		return nil, err
	}
	s.stats = s.conn.stats(r)
	s.buf = s.conn.copyData(s.buf[:0], r)
	if len(s.buf) == 0 {
		s.end()
		return nil, io.EOF
	}
	return s.buf, nil
}

// Stats counts what the last Next made the engine read.
func (s *Stream) Stats() Stats { return s.stats }

// Ended reports whether the last piece was fetched, or the stream has failed or was closed.
func (s *Stream) Ended() bool { return s.h == 0 }

// Close cancels the query if it still runs. Before the first Next the engine computes the first
// piece all the same, however long that takes; KILL QUERY from another connection cuts it short.
func (s *Stream) Close() {
	if s.h == 0 {
		return
	}
	s.conn.lib.fn.cancelQuery(s.conn.handle(), s.h)
	s.end()
}

func (s *Stream) end() {
	s.conn.lib.fn.destroyResult(s.h)
	s.h = 0
	s.conn.stream = nil
}
