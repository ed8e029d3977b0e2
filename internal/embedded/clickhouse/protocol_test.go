package clickhouse_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// embedded makes a database on the embedded server; raw clients talk to no other.
func embedded(t *testing.T) (conn driver.Conn, name string) {
	t.Helper()
	tg := target{name: "embedded"}
	tg.options.Addr = []string{server.Addr()}
	conn = tg.database(t)
	return conn, value[string](t, conn, "SELECT currentDatabase()")
}

func TestConnectionSurvivesExceptions(t *testing.T) {
	t.Parallel()
	_, db := embedded(t)
	c := dialRaw(t, db)
	for _, q := range []struct {
		sql  string
		code int
	}{
		{"SELECT * FROM nosuch", 60},
		{"SELEC", 62},
		{"SELECT throwIf(number = 200000) FROM numbers(300000)", 395},
		{"INSERT INTO nosuch FORMAT Native", 60},
		{"SELECT 1 INTO OUTFILE 'x'", 48},
		{"SHOW TABLES INTO OUTFILE 'x'", 48},
		{"INSERT INTO x FROM INFILE 'x' FORMAT CSV", 48},
		{"", 62},
		{";", 62},
		{"-- nothing", 62},
		{"exit", 62},
	} {
		c.query(q.sql)
		if a := c.answer(); a.code != q.code || !strings.HasPrefix(a.message, "DB::Exception: ") {
			t.Errorf("%q: exception %d %.100q, want %d", q.sql, a.code, a.message, q.code)
		}
		c.alive()
	}
	c.query("SELECT 1", proto.Setting{Key: "nosuch", Value: "1", Important: true})
	if a := c.answer(); a.code != 115 {
		t.Errorf("important unknown setting: %+v, want exception 115", a)
	}
	c.query("SELECT getSetting('max_threads')", proto.Setting{Key: "nosuch", Value: "1"}, proto.Setting{Key: "max_threads", Value: "3"})
	if a := c.answer(); a.code != 0 || a.rows != 1 {
		t.Errorf("unknown setting that is not important: %+v, want a row", a)
	}
	c.query("SELECT 1", proto.Setting{Key: "a = 1, b", Value: "1", Important: true})
	if a := c.answer(); a.code != 115 {
		t.Errorf("malformed setting: %+v, want exception 115", a)
	}
	c.alive()
}

func TestSampleBlock(t *testing.T) {
	t.Parallel()
	conn, db := embedded(t)
	mustExec(t, conn, "CREATE TABLE t (a UInt32, b String, m UInt8 MATERIALIZED 1, e UInt8 EPHEMERAL, l UInt32 ALIAS a) ENGINE = MergeTree ORDER BY a")
	for sql, want := range map[string][]string{
		"INSERT INTO t FORMAT Native":            {"a", "b"},
		"INSERT INTO t (b, a) VALUES":            {"b", "a"},
		"INSERT INTO " + db + ".t (e, a)":        {"e", "a"},
		"INSERT INTO t (* EXCEPT (b)) VALUES":    {"a"},
		"INSERT INTO TABLE t (a) FORMAT Values;": {"a"},
		"INSERT INTO FUNCTION null('x Int8')":    {"x"},
	} {
		c := dialRaw(t, db)
		c.query(sql)
		var a answer
		c.read(&a)
		var names []string
		for _, col := range a.columns {
			names = append(names, col.Name)
		}
		if !slices.Equal(names, want) || a.rows != 0 {
			t.Errorf("%s: sample block %q with %d rows, exception %q, want %q", sql, names, a.rows, a.message, want)
		}
		c.block(nil)
		if end := c.answer(); end.code != 0 {
			t.Errorf("%s: %s", sql, end.message)
		}
		c.alive()
	}
}

// TestRefusedInsertGoesOn has the engine refuse a block while the client goes on sending.
func TestRefusedInsertGoesOn(t *testing.T) {
	t.Parallel()
	conn, db := embedded(t)
	mustExec(t, conn, "CREATE TABLE t (a UInt8, CONSTRAINT small CHECK a < 10) ENGINE = MergeTree ORDER BY a")
	c := dialRaw(t, db)
	for range 2 {
		c.query("INSERT INTO t")
		c.read(new(answer))
		for range 50 {
			c.block([]uint32{1, 200})
		}
		c.block(nil)
		if a := c.answer(); a.code != 469 {
			t.Errorf("exception %d %q, want 469", a.code, a.message)
		}
		c.alive()
	}
	c.query("INSERT INTO t")
	c.read(new(answer))
	c.block([]uint32{1, 2}) // another type than the table's, which the server converts
	c.block(nil)
	if a := c.answer(); a.code != 0 {
		t.Errorf("good insert after bad ones: %s", a.message)
	}
	if n := value[uint64](t, conn, "SELECT count() FROM t"); n != 2 {
		t.Errorf("%d rows, want the 2 of the good insert", n)
	}
}

func TestCancelPacket(t *testing.T) {
	t.Parallel()
	conn, db := embedded(t)
	mustExec(t, conn, "CREATE TABLE t (a UInt32) ENGINE = MergeTree ORDER BY a")
	c := dialRaw(t, db)
	for i, sql := range []string{
		"SELECT count() /* %s */ FROM numbers(1000000000000) WHERE sipHash64(number) = 1",
		"SELECT number /* %s */ FROM numbers(1000000000000)",
		"INSERT INTO t SELECT number /* %s */ FROM numbers(1000000000000) WHERE sipHash64(number) = 1",
	} {
		mark := fmt.Sprintf("cancelpacket-%d", i)
		c.query(fmt.Sprintf(sql, mark))
		eventually(t, "the query runs", func() bool { return running(t, conn, mark) > 0 })
		c.cancel()
		if a := c.answer(); a.code != 0 {
			t.Errorf("%s: cancelled with exception %q, want the end of the stream", sql, a.message)
		}
		eventually(t, "the query has stopped", func() bool { return running(t, conn, mark) == 0 })
		c.alive()
	}
	c.query("INSERT INTO t")
	c.read(new(answer))
	c.block([]uint32{1, 2, 3})
	c.cancel()
	if a := c.answer(); a.code != 0 {
		t.Errorf("cancelled insert: %s", a.message)
	}
	eventually(t, "the insert has ended", func() bool { return running(t, conn, "INSERT INTO t") == 0 })
	c.alive()
	if n := value[uint64](t, conn, "SELECT count() FROM t"); n != 0 {
		t.Errorf("a cancelled insert has left %d rows", n)
	}
}

// TestCancelAtAnyTime sends Cancel right behind the query, so that it finds the query in all stages of its beginning.
func TestCancelAtAnyTime(t *testing.T) {
	t.Parallel()
	conn, db := embedded(t)
	c := dialRaw(t, db)
	for i := range 60 {
		c.query(endless("anytime"))
		<-time.After(time.Duration(i) * 100 * time.Microsecond)
		c.cancel()
		if a := c.answer(); a.code != 0 {
			t.Fatalf("cancelled with exception %q, want the end of the stream", a.message)
		}
	}
	c.alive()
	if n := running(t, conn, "anytime"); n != 0 {
		t.Errorf("%d cancelled queries are running", n)
	}
}

func TestVanishingClients(t *testing.T) {
	t.Parallel()
	conn, db := embedded(t)
	mustExec(t, conn, "CREATE TABLE t (a UInt32) ENGINE = MergeTree ORDER BY a")
	for range 10 {
		c := dialRaw(t, db)
		c.query("SELECT number /* vanishing */ FROM numbers(1000000000000)")
		c.read(new(answer))
		c.conn.Close()

		c = dialRaw(t, db)
		c.query(endless("vanishing"))
		c.conn.Close()

		c = dialRaw(t, db)
		c.query("INSERT INTO t")
		c.read(new(answer))
		for range 3 {
			c.block([]uint32{1, 2, 3})
		}
		c.conn.Close()

		c = dialRaw(t, db)
		c.query("INSERT INTO t")
		c.read(new(answer))
		c.write(func(b *proto.Buffer) { // half a block
			var whole proto.Buffer
			encodeBlock(&whole, []uint32{1, 2, 3})
			b.PutRaw(whole.Buf[:len(whole.Buf)-5])
		})
		c.conn.Close()
	}
	eventually(t, "the queries have stopped", func() bool { return running(t, conn, "vanishing") == 0 })
	eventually(t, "the inserts have ended", func() bool { return running(t, conn, "INSERT INTO t") == 0 })
	if n := value[uint64](t, conn, "SELECT count() FROM t"); n != 0 {
		t.Errorf("clients that vanished in an insert have left %d rows", n)
	}
}

func TestPipelinedQueries(t *testing.T) {
	t.Parallel()
	_, db := embedded(t)
	c := dialRaw(t, db)
	for range 20 {
		c.query("SELECT number FROM numbers(3)")
	}
	for range 20 {
		if a := c.answer(); a.rows != 3 {
			t.Fatalf("answer %+v, want 3 rows", a)
		}
	}
}

// TestHostileClients sends what no client should; each gets a reason and the end of its connection.
func TestHostileClients(t *testing.T) {
	t.Parallel()
	hello := func(b *proto.Buffer) {
		proto.ClientHello{Name: "raw", ProtocolVersion: rawRevision, User: "default"}.Encode(b)
	}
	for _, h := range []struct {
		name   string
		greet  bool
		packet func(*proto.Buffer)
		code   int
	}{
		{"http", false, func(b *proto.Buffer) { b.PutRaw([]byte("GET / HTTP/1.1\r\n\r\n")) }, 101},
		{"query without hello", false, proto.ClientCodeQuery.Encode, 101},
		{"long name", false, func(b *proto.Buffer) { proto.ClientCodeHello.Encode(b); b.PutUVarInt(1 << 60) }, 131},
		{"old client", false, func(b *proto.Buffer) {
			proto.ClientHello{Name: "old", ProtocolVersion: 54000, User: "default"}.Encode(b)
		}, 48},
		{"other user", false, func(b *proto.Buffer) {
			proto.ClientHello{Name: "raw", ProtocolVersion: rawRevision, User: "bob", Password: "x"}.Encode(b)
		}, 516},
		{"unknown packet", true, func(b *proto.Buffer) { b.PutUVarInt(99) }, 99},
		{"huge packet code", true, func(b *proto.Buffer) { b.PutUVarInt(1 << 60) }, 99},
		{"second hello", true, hello, 99},
		{"data without query", true, func(b *proto.Buffer) { encodeBlock(b, nil) }, 101},
		{"huge query", true, func(b *proto.Buffer) {
			proto.Query{Stage: proto.StageComplete, Info: proto.ClientInfo{Interface: proto.InterfaceTCP, Query: proto.ClientQueryInitial}}.EncodeAware(b, servedRevision)
			b.Buf = b.Buf[:len(b.Buf)-2] // the length of the empty text, and no parameters
			b.PutUVarInt(1 << 62)
		}, 131},
		{"corrupt frame", true, func(b *proto.Buffer) {
			proto.Query{Body: "SELECT 1", Stage: proto.StageComplete, Compression: proto.CompressionEnabled, Info: proto.ClientInfo{Interface: proto.InterfaceTCP, Query: proto.ClientQueryInitial}}.EncodeAware(b, servedRevision)
			proto.ClientCodeData.Encode(b)
			b.PutString("")
			b.PutRaw(make([]byte, 16))
			b.PutRaw([]byte{0x82, 12, 0, 0, 0, 3, 0, 0, 0, 1, 2, 3})
		}, 117},
	} {
		t.Run(h.name, func(t *testing.T) {
			t.Parallel()
			c := dial(t, server.Addr())
			if h.greet {
				c = dialRaw(t, "")
			}
			c.write(h.packet)
			if a := c.answer(); a.code != h.code {
				t.Errorf("exception %d %q, want %d", a.code, a.message, h.code)
			}
			c.ended()
		})
	}
}

// TestHostileBlocks sends malformed blocks into an insert.
func TestHostileBlocks(t *testing.T) {
	t.Parallel()
	conn, db := embedded(t)
	mustExec(t, conn, "CREATE TABLE t (a UInt32) ENGINE = MergeTree ORDER BY a")
	column := func(typ string, data ...byte) func(*proto.Buffer) {
		return func(b *proto.Buffer) {
			b.PutInt(1)
			b.PutInt(1)
			b.PutString("a")
			b.PutString(typ)
			b.PutRaw(data)
		}
	}
	for name, h := range map[string]struct {
		block func(*proto.Buffer)
		code  int
	}{
		"rows without end":  {func(b *proto.Buffer) { b.PutUVarInt(1); b.PutUVarInt(1 << 50) }, 117},
		"columns":           {func(b *proto.Buffer) { b.PutUVarInt(1 << 50); b.PutUVarInt(1) }, 117},
		"unknown type":      {column("AggregateFunction(sum, UInt8)", 0), 48},
		"own serialization": {column("UInt32", 1), 48},
		"json of a version": {column("JSON", 0, 9, 0, 0, 0, 0, 0, 0, 0), 117},
		"too big": {func(b *proto.Buffer) {
			b.PutInt(1)
			b.PutInt(90_000_000)
			b.PutString("a")
			b.PutString("FixedString(16777216)")
			b.PutByte(0)
		}, 131},
	} {
		t.Run(name, func(t *testing.T) {
			c := dialRaw(t, db)
			c.query("INSERT INTO t")
			c.read(new(answer))
			c.write(func(b *proto.Buffer) {
				proto.ClientCodeData.Encode(b)
				b.PutString("")
				proto.BlockInfo{BucketNum: -1}.Encode(b)
				h.block(b)
			})
			if a := c.answer(); a.code != h.code {
				t.Errorf("exception %d %q, want %d", a.code, a.message, h.code)
			}
			c.ended()
		})
	}
	if err := conn.Ping(context.Background()); err != nil {
		t.Errorf("the server has suffered: %v", err)
	}
}

// TestInsertIsAnswered has each block of an insert answered before the next one comes: clickhouse-driver waits for it.
func TestInsertIsAnswered(t *testing.T) {
	t.Parallel()
	conn, db := embedded(t)
	mustExec(t, conn, "CREATE TABLE t (a UInt32) ENGINE = MergeTree ORDER BY a")
	c := dialRaw(t, db)
	c.query("INSERT INTO t")
	c.read(new(answer))
	for _, values := range [][]uint32{{1, 2}, {3}, nil} {
		c.block(values)
		if events := c.profileEvents(); events != 0 {
			t.Errorf("%d profile events, want none", events)
		}
	}
	if a := c.answer(); a.code != 0 {
		t.Errorf("insert: %s", a.message)
	}
	if n := value[uint64](t, conn, "SELECT sum(a) FROM t"); n != 6 {
		t.Errorf("the rows have the sum %d, want 6", n)
	}
}
