package clickhouse_test

import (
	"net"
	"testing"
	"time"

	"github.com/ClickHouse/ch-go/proto"
)

// rawClient speaks the native protocol packet by packet, for what clickhouse-go never does.
type rawClient struct {
	t    *testing.T
	conn net.Conn
	r    *proto.Reader
}

// rawRevision is what the client says of itself: a recent revision, which the server lowers.
const rawRevision = 54470

// servedRevision is what the server speaks.
const servedRevision = 54460

// dialRaw connects and greets the embedded server.
func dialRaw(t *testing.T, database string) *rawClient {
	t.Helper()
	c := dial(t, server.Addr())
	c.hello(database)
	if code := c.greeted(); code != 0 {
		t.Fatalf("exception %d instead of a hello", code)
	}
	return c
}

func (c *rawClient) hello(database string) {
	c.t.Helper()
	c.write(func(b *proto.Buffer) {
		proto.ClientHello{Name: "raw", Major: 1, ProtocolVersion: rawRevision, Database: database, User: "default"}.Encode(b)
	})
}

// greeted reads the server's hello, or the exception in its place, whose code it returns.
func (c *rawClient) greeted() (exception int) {
	c.t.Helper()
	switch code := c.code(); code {
	case proto.ServerCodeHello:
		var h proto.ServerHello
		c.decode(h.DecodeAware(c.r, servedRevision))
		c.write(func(b *proto.Buffer) { b.PutString("") }) // the addendum
		return 0
	case proto.ServerCodeException:
		var e proto.Exception
		c.decode(e.DecodeAware(c.r, servedRevision))
		return int(e.Code)
	default:
		c.t.Fatalf("packet %v instead of a hello", code)
		return 0
	}
}

// dial connects without a word.
func dial(t *testing.T, addr string) *rawClient {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	return &rawClient{t: t, conn: conn, r: proto.NewReader(conn)}
}

func (c *rawClient) write(encode func(*proto.Buffer)) {
	c.t.Helper()
	var b proto.Buffer
	encode(&b)
	if _, err := c.conn.Write(b.Buf); err != nil {
		c.t.Fatal(err)
	}
}

// query sends a Query packet and the empty block that follows it.
func (c *rawClient) query(text string, settings ...proto.Setting) {
	c.t.Helper()
	c.write(func(b *proto.Buffer) {
		proto.Query{
			Body: text, Stage: proto.StageComplete, Compression: proto.CompressionDisabled, Settings: settings,
			Info: proto.ClientInfo{ProtocolVersion: rawRevision, Interface: proto.InterfaceTCP, Query: proto.ClientQueryInitial},
		}.EncodeAware(b, servedRevision)
		encodeBlock(b, nil)
	})
}

// block sends a block of one column of type UInt32, or the empty one for no values.
func (c *rawClient) block(values []uint32) {
	c.t.Helper()
	c.write(func(b *proto.Buffer) { encodeBlock(b, values) })
}

func encodeBlock(b *proto.Buffer, values []uint32) {
	proto.ClientCodeData.Encode(b)
	b.PutString("")
	proto.BlockInfo{BucketNum: -1}.Encode(b)
	if values == nil {
		b.PutInt(0)
		b.PutInt(0)
		return
	}
	b.PutInt(1)
	b.PutInt(len(values))
	b.PutString("a")
	b.PutString("UInt32")
	b.PutByte(0)
	for _, v := range values {
		b.PutUInt32(v)
	}
}

func (c *rawClient) cancel() {
	c.t.Helper()
	c.write(proto.ClientCodeCancel.Encode)
}

// code reads the code of the next packet.
func (c *rawClient) code() proto.ServerCode {
	c.t.Helper()
	n, err := c.r.UVarInt()
	if err != nil {
		c.t.Fatalf("read packet: %v", err)
	}
	return proto.ServerCode(n)
}

// answer is what a server says to a query.
type answer struct {
	columns proto.Results
	blocks  int
	rows    int
	code    int // of the exception, 0 without one
	message string
}

// read reads one packet into the answer; it returns false after the last one.
func (c *rawClient) read(a *answer) bool {
	c.t.Helper()
	switch code := c.code(); code {
	case proto.ServerCodeData:
		if _, err := c.r.Str(); err != nil {
			c.t.Fatal(err)
		}
		var b proto.Block
		if err := b.DecodeBlock(c.r, servedRevision, a.columns.Auto()); err != nil {
			c.t.Fatal(err)
		}
		a.blocks++
		a.rows += b.Rows
	case proto.ServerCodeProgress:
		var p proto.Progress
		c.decode(p.DecodeAware(c.r, servedRevision))
	case proto.ServerProfileEvents:
		c.events()
	case proto.ServerCodeProfile:
		var p proto.Profile
		c.decode(p.DecodeAware(c.r, servedRevision))
	case proto.ServerCodeException:
		var e proto.Exception
		c.decode(e.DecodeAware(c.r, servedRevision))
		a.code, a.message = int(e.Code), e.Message
		return false
	case proto.ServerCodeEndOfStream:
		return false
	default:
		c.t.Fatalf("packet %v in an answer", code)
	}
	return true
}

// profileEvents reads the packet of this name and returns how many there are.
func (c *rawClient) profileEvents() int {
	c.t.Helper()
	if code := c.code(); code != proto.ServerProfileEvents {
		c.t.Fatalf("packet %v instead of profile events", code)
	}
	return c.events()
}

// events reads profile events behind the packet's code.
func (c *rawClient) events() int {
	c.t.Helper()
	if _, err := c.r.Str(); err != nil {
		c.t.Fatal(err)
	}
	var b proto.Block
	c.decode(b.DecodeBlock(c.r, servedRevision, new(proto.Results).Auto()))
	return b.Rows
}

func (c *rawClient) decode(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// answer reads to the end.
func (c *rawClient) answer() answer {
	c.t.Helper()
	var a answer
	for c.read(&a) {
	}
	return a
}

// alive checks that the connection still answers.
func (c *rawClient) alive() {
	c.t.Helper()
	c.write(proto.ClientCodePing.Encode)
	if code := c.code(); code != proto.ServerCodePong {
		c.t.Fatalf("packet %v instead of a pong", code)
	}
	c.query("SELECT 1")
	if a := c.answer(); a.rows != 1 || a.code != 0 {
		c.t.Fatalf("SELECT 1 gives %+v", a)
	}
}

// ended checks that the server has closed the connection.
func (c *rawClient) ended() {
	c.t.Helper()
	if _, err := c.r.ReadByte(); err == nil {
		c.t.Fatal("the connection goes on")
	}
}
