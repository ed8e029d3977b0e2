package clickhouse

import (
	"bufio"
	"bytes"
	"reflect"
	"testing"

	"github.com/ClickHouse/ch-go/proto"
	"go.opentelemetry.io/otel/trace"

	"parley/internal/embedded/chdb"
)

func sampleQuery() proto.Query {
	return proto.Query{
		ID: "id", Body: "SELECT 1", Stage: proto.StageComplete, Compression: proto.CompressionEnabled, Secret: "s",
		Settings:   []proto.Setting{{Key: "max_threads", Value: "3", Important: true}, {Key: "x", Value: ""}},
		Parameters: []proto.Parameter{{Key: "n", Value: "7"}, {Key: "s", Value: `'it\'s \\t'`}},
		Info: proto.ClientInfo{
			Query: proto.ClientQueryInitial, Interface: proto.InterfaceTCP, ProtocolVersion: 54460, ClientName: "c", OSUser: "u",
			Span: trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}}),
		},
	}
}

func TestReadQuery(t *testing.T) {
	t.Parallel()
	for _, revision := range []int{revisionMin, 54441, 54442, 54447, 54448, 54449, 54453, revisionMax} {
		var b proto.Buffer
		sampleQuery().EncodeAware(&b, revision)
		r := bufio.NewReader(bytes.NewReader(b.Buf[1:])) // without the packet's code
		q, err := readQuery(wire{r}, revision, 100)
		want := query{id: "id", text: "SELECT 1", compress: true, settings: []setting{{"max_threads", "3", true}, {"x", "", false}}}
		if revision == revisionMax {
			want.params = []chdb.Param{{Name: "n", Value: "7"}, {Name: "s", Value: `it's \t`}}
		}
		if err != nil || !reflect.DeepEqual(q, want) || r.Buffered() != 0 {
			t.Errorf("revision %d: %+v, %d bytes left, want %+v: %v", revision, q, r.Buffered(), want, err)
		}
		for n := range len(b.Buf) - 1 {
			if _, err := readQuery(wire{bufio.NewReader(bytes.NewReader(b.Buf[1 : 1+n]))}, revision, 100); err == nil {
				t.Fatalf("revision %d: a packet cut after %d bytes is taken", revision, n)
			}
		}
		if _, err := readQuery(wire{bufio.NewReader(bytes.NewReader(b.Buf[1:]))}, revision, 7); asException(err).Code != codeTooBigString {
			t.Errorf("revision %d: a text above the limit: %v", revision, err)
		}
	}
}

func FuzzReadQuery(f *testing.F) {
	var b proto.Buffer
	sampleQuery().EncodeAware(&b, revisionMax)
	f.Add(b.Buf[1:])
	f.Fuzz(func(t *testing.T, raw []byte) {
		_, _ = readQuery(wire{bufio.NewReader(bytes.NewReader(raw))}, revisionMax, 1<<16)
		_, _ = readHello(wire{bufio.NewReader(bytes.NewReader(raw))})
	})
}
