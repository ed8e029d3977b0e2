package clickhouse

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"syscall"
	"time"

	"parley/internal/pause"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/ClickHouse/ch-go/proto"
)

// nativeConn is a client that speaks the native protocol. Its goroutine reads a packet, answers it, and
// reads the next; while a query runs, watch looks out for a cancel.
type nativeConn struct {
	srv  *Server
	conn net.Conn
	in   *bufio.Reader
	out  *packetWriter
	log  *slog.Logger

	revision int
	sess     *session
	cutter   blockCutter
	headed   bool // the header of the answer has been sent
}

var (
	// errHangUp ends a connection after its client was told why.
	errHangUp = errors.New("connection is of no more use")
	// errClientGone is why the query of a client that left is cancelled.
	errClientGone = errors.New("client has closed the connection")
)

// acceptPause is the wait after an accept that failed for a reason that passes.
const acceptPause = 50 * time.Millisecond

// serveNative accepts clients until the listener closes.
func (s *Server) serveNative(ctx context.Context) error {
	for {
		conn, err := s.native.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case passes(err):
			s.cfg.Log.Warn("accept failed", "error", err)
			if pause.For(ctx, acceptPause) != nil {
				return nil
			}
			continue
		case err != nil:
			return fmt.Errorf("accept native client: %w", err)
		}
		if !s.admit(conn) {
			return conn.Close()
		}
		go func() {
			defer s.dismiss(conn)
			s.serveClient(ctx, conn)
		}()
	}
}

// passes reports whether the next accept may succeed: a client was gone before it was accepted, or the machine is short of
// descriptors or memory for the moment.
func passes(err error) bool {
	errno, ok := errors.AsType[syscall.Errno](err)
	return ok && slices.Contains([]syscall.Errno{syscall.ECONNABORTED, syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM}, errno)
}

// admit counts a connection, unless the server is closing.
func (s *Server) admit(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.conns[conn] = struct{}{}
	s.work.Add(1)
	return true
}

func (s *Server) dismiss(conn net.Conn) {
	if err := ignoreClosed(conn.Close()); err != nil {
		s.cfg.Log.Debug("close failed", "client", conn.RemoteAddr(), "error", err)
	}
	s.mu.Lock()
	delete(s.conns, conn)
	s.mu.Unlock()
	s.work.Done()
}

func (s *Server) serveClient(ctx context.Context, conn net.Conn) {
	c := &nativeConn{
		srv: s, conn: conn, in: bufio.NewReaderSize(conn, 64<<10),
		log: s.cfg.Log.With("client", conn.RemoteAddr()),
	}
	c.out = &packetWriter{conn: conn, timeout: s.cfg.IOTimeout, method: compress.LZ4, writers: map[compress.Method]*compress.Writer{}}
	err := c.serve(ctx)
	if c.sess != nil {
		c.sess.close()
	}
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, errHangUp) && ctx.Err() == nil {
		c.log.Debug("native client lost", "error", err)
	}
}

// serve greets the client and answers its packets until it leaves.
func (c *nativeConn) serve(ctx context.Context) error {
	if err := c.handshake(); err != nil {
		return c.refuse(err)
	}
	defer func() { <-c.srv.slots }()
	if err := c.out.hello(c.srv.engine); err != nil {
		return err
	}
	if err := c.addendum(); err != nil {
		return c.refuse(err)
	}
	for {
		code, err := c.nextPacket()
		if err != nil {
			return err
		}
		switch code {
		case proto.ClientCodePing:
			err = c.out.pong()
		case proto.ClientCodeCancel: // came after the end of its query
		case proto.ClientCodeQuery:
			err = c.query(ctx)
		case proto.ClientCodeData:
			err = c.refuse(exceptionf(codeUnexpectedPacket, "data without a query"))
		default:
			err = c.refuse(exceptionf(codeUnknownPacket, "packet %d", code))
		}
		if err != nil {
			return err
		}
	}
}

// nextPacket waits for a packet and returns its code.
func (c *nativeConn) nextPacket() (proto.ClientCode, error) {
	if err := c.conn.SetReadDeadline(time.Now().Add(c.srv.cfg.IdleTimeout)); err != nil {
		return 0, fmt.Errorf("wait for packet: %w", err)
	}
	if _, err := c.in.Peek(1); err != nil {
		return 0, fmt.Errorf("wait for packet: %w", err)
	}
	if err := c.conn.SetReadDeadline(time.Now().Add(c.srv.cfg.IOTimeout)); err != nil {
		return 0, fmt.Errorf("read packet: %w", err)
	}
	code, err := wire{c.in}.uvarint()
	if code > 255 {
		code = 255
	}
	return proto.ClientCode(code), err
}

// handshake reads the client's hello, takes a place and opens the session.
func (c *nativeConn) handshake() error {
	if err := c.conn.SetReadDeadline(time.Now().Add(handshakeTimeout)); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	code, err := wire{c.in}.uvarint()
	if err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	if proto.ClientCode(code) != proto.ClientCodeHello {
		return exceptionf(codeUnexpectedPacket, "packet %d instead of a hello: this port speaks the native protocol", code)
	}
	h, err := readHello(wire{c.in})
	if err != nil {
		return err
	}
	c.revision, c.out.revision = h.revision, h.revision
	if h.revision < revisionMin {
		return exceptionf(codeNotImplemented, "client revision %d is too old, at least %d is needed", h.revision, revisionMin)
	}
	if err := authenticate(h.user, h.password); err != nil {
		return err
	}
	return c.open(h.database)
}

// addendum reads what a client has to say after the server's hello: a quota key.
func (c *nativeConn) addendum() error {
	if !proto.FeatureAddendum.In(c.revision) {
		return nil
	}
	_, err := wire{c.in}.string("quota key", wordBytesMax)
	return err
}

// open takes a place and a session; the place is given back here if the session fails.
func (c *nativeConn) open(database string) (err error) {
	if err := c.srv.takeSlot(); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			<-c.srv.slots
		}
	}()
	if c.sess, err = c.srv.newSession(); err != nil {
		return err
	}
	if database == "" {
		return nil
	}
	return c.sess.use(database)
}

// takeSlot takes a place among the clients; receiving from s.slots gives it back.
func (s *Server) takeSlot() error {
	select {
	case s.slots <- struct{}{}:
		return nil
	default:
		return exceptionf(codeTooManyConnections, "%d clients are connected already", cap(s.slots))
	}
}

// refuse tells the client why its connection ends.
func (c *nativeConn) refuse(reason error) error {
	if errors.Is(reason, io.EOF) || errors.Is(reason, io.ErrUnexpectedEOF) || isNetError(reason) {
		return reason
	}
	err := c.out.exception(asException(reason))
	if err == nil {
		c.linger()
	}
	return errors.Join(errHangUp, err)
}

// lingerTime is how long the server reads on after its last word.
const lingerTime = time.Second

// linger reads what the client is still sending. Closing the connection with unread data would reset it, and the client
// might not read the reason.
func (c *nativeConn) linger() {
	if tcp, ok := c.conn.(*net.TCPConn); ok && tcp.CloseWrite() == nil && c.conn.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
		_, _ = io.Copy(io.Discard, c.in) // ends with the client or the time
	}
}

func isNetError(err error) bool {
	_, ok := errors.AsType[net.Error](err)
	return ok
}

// query answers one Query packet. ctx ends with the server. An error ends the connection; a failed statement is none.
func (c *nativeConn) query(ctx context.Context) (ended error) {
	q, err := readQuery(wire{c.in}, c.revision, c.srv.cfg.QueryBytesMax)
	if err != nil {
		return c.refuse(err)
	}
	c.setCompression(q)
	tables, refused, err := c.externalTables(ctx, q)
	defer func() { ended = errors.Join(ended, c.sess.forget(tables)) }()
	if err != nil {
		return c.refuse(err)
	}
	if refused != nil {
		return c.out.exception(asException(refused))
	}
	if err := c.srv.queryIDs.begin(q.id, c.sess.tag); err != nil {
		return c.out.exception(asException(err))
	}
	defer c.srv.queryIDs.end(q.id)
	return c.answer(ctx, q)
}

// answer runs the statement of a query.
func (c *nativeConn) answer(ctx context.Context, q query) error {
	st := parseStatement(c.srv.queryIDs.translate(q.text))
	settings, readOnly := splitReadOnly(q.settings)
	if st.kind != kindSet {
		if err := c.sess.lend(settings); err != nil {
			return c.out.exception(asException(err))
		}
	}
	if st.kind == kindInsert && !st.insert.inline && !readOnly {
		return c.insert(ctx, st, q)
	}
	running, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := c.watch(cancel)
	err := c.execute(running, st, q)
	return errors.Join(c.conclude(ctx, err), stop())
}

// setCompression prepares the answer's blocks.
func (c *nativeConn) setCompression(q query) {
	c.out.compress, c.out.method = q.compress, compress.LZ4
	for _, s := range q.settings {
		if s.name == "network_compression_method" && s.value == "ZSTD" {
			c.out.method = compress.ZSTD
		}
	}
}

// externalTables reads the tables that a client sends behind a query, up to the empty block. refused is why the engine does
// not take one of them; the connection can go on.
func (c *nativeConn) externalTables(ctx context.Context, q query) (names []string, refused, err error) {
	for blocks := c.newBlockReader(q); ; {
		code, err := wire{c.in}.uvarint()
		if err != nil {
			return names, refused, err
		}
		if proto.ClientCode(code) != proto.ClientCodeData {
			return names, refused, exceptionf(codeUnexpectedPacket, "packet %d instead of the data that follows a query", code)
		}
		name, b, err := c.readBlock(blocks)
		if err != nil || len(b.columns) == 0 {
			return names, refused, err
		}
		if refused != nil {
			continue
		}
		e := external{name: name, structure: structureOf(b.columns), format: formatNative}
		if !slices.Contains(names, name) {
			names = append(names, name)
			refused = c.sess.create(ctx, e)
		}
		if refused == nil && b.rows > 0 {
			refused = c.sess.load(ctx, e, bytes.NewReader(b.raw))
		}
		if len(names) > externalTablesMax {
			return names, refused, exceptionf(codeTooBig, "query with more than %d external tables", externalTablesMax)
		}
	}
}

// newBlockReader reads the blocks of one query.
func (c *nativeConn) newBlockReader(q query) *blockReader {
	src := c.in
	if q.compress {
		src = bufio.NewReader(&frameReader{src: c.in})
	}
	return &blockReader{r: src, max: c.srv.cfg.BlockBytesMax, marked: marksBlocks(c.revision)}
}

// readBlock reads a Data packet behind its code: the name of an external table, empty in an insert, and a block.
func (c *nativeConn) readBlock(blocks *blockReader) (name string, b block, err error) {
	if name, err = (wire{c.in}).string("table name", wordBytesMax); err != nil {
		return name, b, err
	}
	if err := readBlockInfo(wire{blocks.r}); err != nil {
		return name, b, err
	}
	b, err = blocks.next()
	return name, b, err
}

// readBlockInfo reads numbered fields up to 0: 1 is a byte, 2 has four.
func readBlockInfo(w wire) error {
	for {
		field, err := w.uvarint()
		if err != nil {
			return err
		}
		switch field {
		case 0:
			return nil
		case 1:
			err = w.skip(1)
		case 2:
			err = w.skip(4)
		default:
			err = exceptionf(codeIncorrectData, "unknown field %d of a block", field)
		}
		if err != nil {
			return err
		}
	}
}

// conclude ends an answer: with the end of the stream, also when the client has cancelled, or with the exception.
// ctx ends with the server.
func (c *nativeConn) conclude(ctx context.Context, err error) error {
	switch {
	case err == nil, errors.Is(err, errCancelled):
		return c.out.endOfStream()
	case errors.Is(err, errClientGone), isNetError(err):
		return err
	case ctx.Err() != nil:
		return errors.Join(errHangUp, c.out.exception(exceptionf(codeQueryCancelled, "Query was cancelled: the server is stopping.")))
	}
	return c.out.exception(asException(err))
}

// errCancelled is why a query ends whose client asked for it.
var errCancelled = errors.New("client has cancelled the query")

// watch looks at the client while a query runs: a Cancel packet, or the end of the connection, cancels it. The
// returned function ends the watch and must be called.
func (c *nativeConn) watch(cancel context.CancelCauseFunc) (stop func() error) {
	done := make(chan struct{})
	if err := c.conn.SetReadDeadline(time.Time{}); err != nil {
		cancel(errClientGone)
	}
	go func() {
		defer close(done)
		for {
			next, err := c.in.Peek(1)
			if isTimeout(err) {
				return // the query has ended
			}
			if err != nil {
				cancel(errClientGone)
				return
			}
			if proto.ClientCode(next[0]) != proto.ClientCodeCancel {
				return // the next packet came early; it is read after this query
			}
			if _, err := c.in.Discard(1); err == nil {
				cancel(errCancelled)
			}
		}
	}()
	return func() error {
		err := c.conn.SetReadDeadline(time.Unix(1, 0)) // wakes the reader
		<-done
		return ignoreClosed(err)
	}
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}
