package clickhouse

import (
	"fmt"
	"net"
	"time"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/ClickHouse/ch-go/proto"

	"parley/internal/embedded/chdb"
)

// packetWriter sends packets to a native client. Packets are gathered until they are worth a write or
// flush is called.
type packetWriter struct {
	conn     net.Conn
	timeout  time.Duration // for the client to take a write
	revision int
	compress bool // blocks
	method   compress.Method

	buf     proto.Buffer
	writers map[compress.Method]*compress.Writer
	piece   []byte
}

const (
	// flushBytes is how much is gathered before a write.
	flushBytes = 64 << 10
	// pieceBytes of a block go into one compressed frame.
	pieceBytes = 1 << 20
)

// blockInfo says that a block is an ordinary one: no overflow, no bucket.
var blockInfo = func() []byte {
	var b proto.Buffer
	proto.BlockInfo{BucketNum: -1}.Encode(&b)
	return b.Buf
}()

func (w *packetWriter) hello(e engineInfo) error {
	h := proto.ServerHello{
		Name: "ClickHouse", Major: e.major, Minor: e.minor, Patch: e.patch, Revision: revisionMax,
		Timezone: e.timezone, DisplayName: e.host,
	}
	h.EncodeAware(&w.buf, w.revision)
	return w.flush()
}

func (w *packetWriter) pong() error {
	proto.ServerCodePong.Encode(&w.buf)
	return w.flush()
}

func (w *packetWriter) endOfStream() error {
	proto.ServerCodeEndOfStream.Encode(&w.buf)
	return w.flush()
}

func (w *packetWriter) exception(e *chdb.Exception) error {
	proto.ServerCodeException.Encode(&w.buf)
	p := proto.Exception{Code: proto.Error(e.Code), Name: "DB::Exception", Message: "DB::Exception: " + e.Message}
	p.EncodeAware(&w.buf, w.revision)
	return w.flush()
}

// progress tells what was read and written since the last one.
func (w *packetWriter) progress(s chdb.Stats) error {
	if s == (chdb.Stats{}) {
		return nil
	}
	proto.ServerCodeProgress.Encode(&w.buf)
	p := proto.Progress{Rows: s.RowsRead, Bytes: s.BytesRead, WroteRows: s.RowsWritten, WroteBytes: s.BytesWritten}
	p.EncodeAware(&w.buf, w.revision)
	return w.flushFull()
}

// profile counts what was sent.
type profile struct{ rows, blocks, bytes int }

func (p *profile) add(q profile) {
	p.rows += q.rows
	p.blocks += q.blocks
	p.bytes += q.bytes
}

// profile sums up what was sent.
func (w *packetWriter) profile(sum profile) error {
	p := proto.Profile{Rows: uint64(sum.rows), Blocks: uint64(sum.blocks), Bytes: uint64(sum.bytes)}
	p.EncodeAware(&w.buf, w.revision)
	return w.flushFull()
}

// revisionProfileEvents is the first with an answer to each block of an insert, for which some clients wait.
const revisionProfileEvents = 54456

// profileEventColumns are those of a ProfileEvents packet.
var profileEventColumns = []column{
	{"host_name", "String"},
	{"current_time", "DateTime"},
	{"thread_id", "UInt64"},
	{"type", "Enum8('increment' = 1, 'gauge' = 2)"},
	{"name", "String"},
	{"value", "Int64"},
}

// profileEvents answers a block of an insert: with no events.
func (w *packetWriter) profileEvents() error {
	if w.revision < revisionProfileEvents {
		return nil
	}
	proto.ServerProfileEvents.Encode(&w.buf)
	w.buf.PutString("") // the name of a table, of which there is none
	w.buf.PutRaw(blockInfo)
	w.buf.PutRaw(headerBlock(profileEventColumns, w.revision)) // never compressed
	return w.flush()
}

// header sends a block without rows: the names and types of the columns that follow, or are expected.
func (w *packetWriter) header(columns []column) error {
	return w.data(headerBlock(columns, w.revision))
}

// headerBlock is a block without rows.
func headerBlock(columns []column, revision int) []byte {
	var b proto.Buffer
	b.PutInt(len(columns))
	b.PutInt(0)
	for _, c := range columns {
		b.PutString(c.name)
		b.PutString(c.typ)
		if marksBlocks(revision) {
			b.PutByte(0)
		}
	}
	return b.Buf
}

// marksBlocks reports whether the columns of a block have their marks at this revision.
func marksBlocks(revision int) bool { return proto.FeatureCustomSerialization.In(revision) }

// data sends a block, as it is at the client's revision.
func (w *packetWriter) data(raw []byte) error {
	proto.ServerCodeData.Encode(&w.buf)
	w.buf.PutString("") // the name of a temporary table, of which there is none
	if !w.compress {
		w.buf.PutRaw(blockInfo)
		w.buf.PutRaw(raw)
		return w.flushFull()
	}
	w.piece = append(w.piece[:0], blockInfo...)
	for {
		n := min(len(raw), pieceBytes-len(w.piece))
		w.piece = append(w.piece, raw[:n]...)
		if err := w.frame(); err != nil {
			return err
		}
		if raw = raw[n:]; len(raw) == 0 {
			return nil
		}
		w.piece = w.piece[:0]
	}
}

// frame sends w.piece compressed.
func (w *packetWriter) frame() error {
	c := w.writers[w.method]
	if c == nil {
		c = compress.NewWriter(compress.LevelZero, w.method)
		w.writers[w.method] = c
	}
	if err := c.Compress(w.piece); err != nil {
		return fmt.Errorf("compress block: %w", err)
	}
	w.buf.PutRaw(c.Data)
	return w.flushFull()
}

// flushFull writes when enough has been gathered.
func (w *packetWriter) flushFull() error {
	if len(w.buf.Buf) < flushBytes {
		return nil
	}
	return w.flush()
}

// flush writes what has been gathered.
func (w *packetWriter) flush() error {
	if len(w.buf.Buf) == 0 {
		return nil
	}
	if err := w.conn.SetWriteDeadline(time.Now().Add(w.timeout)); err != nil {
		return fmt.Errorf("write to client: %w", err)
	}
	_, err := w.conn.Write(w.buf.Buf)
	w.buf.Reset()
	if err != nil {
		return fmt.Errorf("write to client: %w", err)
	}
	return nil
}
