package clickhouse_test

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/ClickHouse/ch-go/proto"
)

// FuzzServer sends anything to the running server, behind a hello, and then leaves. The server must end the connection and
// go on serving others.
func FuzzServer(f *testing.F) {
	var ping, query, block proto.Buffer
	proto.ClientCodePing.Encode(&ping)
	proto.Query{Body: "SELECT 1", Stage: proto.StageComplete, Info: proto.ClientInfo{Interface: proto.InterfaceTCP, Query: proto.ClientQueryInitial}}.EncodeAware(&query, servedRevision)
	encodeBlock(&block, []uint32{1, 2})
	for _, seed := range [][]byte{ping.Buf, query.Buf, append(query.Buf, block.Buf...), {3, 3, 3}, {}} {
		f.Add(seed)
	}
	tg := target{name: "embedded"}
	tg.options.Addr = []string{server.Addr()}
	f.Fuzz(func(t *testing.T, packets []byte) {
		conn, err := net.Dial("tcp", server.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		var b proto.Buffer
		proto.ClientHello{Name: "raw", ProtocolVersion: rawRevision, User: "default"}.Encode(&b)
		b.PutString("") // the addendum
		if _, err := conn.Write(append(b.Buf, packets...)); err != nil {
			t.Fatal(err)
		}
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, conn); isTimeout(err) {
			t.Errorf("the server keeps the connection of a client that has left")
		}
		if err := tg.connect(t).Ping(context.Background()); err != nil {
			t.Errorf("the server has suffered: %v", err)
		}
	})
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}
