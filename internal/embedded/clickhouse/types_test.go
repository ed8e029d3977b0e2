package clickhouse_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/big"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
	"github.com/shopspring/decimal"
)

// types are the data types that Parley uses or may use, with values that come back as they went.
var types = []struct {
	typ    string
	values []any
}{
	{"UInt8", []any{uint8(0), uint8(255)}},
	{"UInt16", []any{uint16(0), uint16(math.MaxUint16)}},
	{"UInt32", []any{uint32(1), uint32(math.MaxUint32)}},
	{"UInt64", []any{uint64(1), uint64(math.MaxUint64)}},
	{"UInt128", []any{*big.NewInt(7), *new(big.Int).Lsh(big.NewInt(1), 127)}},
	{"Int8", []any{int8(-128), int8(127)}},
	{"Int16", []any{int16(-1), int16(math.MaxInt16)}},
	{"Int32", []any{int32(-1), int32(math.MinInt32)}},
	{"Int64", []any{int64(-1), int64(math.MinInt64)}},
	{"Float32", []any{float32(-1.5), float32(0)}},
	{"Float64", []any{math.Pi, math.Inf(1)}},
	{"Bool", []any{true, false}},
	{"String", []any{"", "a", "über\x00\xff'\\\n", strings.Repeat("long", 100_000)}},
	{"FixedString(4)", []any{"abcd", "\x00\x01\x02\x03"}},
	{"LowCardinality(String)", []any{"low", "", "low"}},
	{"LowCardinality(Nullable(String))", []any{ptr("low"), (*string)(nil), ptr("")}},
	{"LowCardinality(FixedString(2))", []any{"ab", "cd"}},
	{"Nullable(String)", []any{ptr("x"), (*string)(nil)}},
	{"Nullable(Int64)", []any{ptr(int64(-5)), (*int64)(nil)}},
	{"Nullable(DateTime64(3, 'UTC'))", []any{ptr(time.UnixMilli(1_700_000_000_123).UTC()), (*time.Time)(nil)}},
	{"Array(String)", []any{[]string{"a", ""}, []string{}}},
	{"Array(Array(UInt8))", []any{[][]uint8{{1}, {}, {2, 3}}, [][]uint8{}}},
	{"Array(LowCardinality(String))", []any{[]string{"a", "b", "a"}, []string{}}},
	{"Array(Nullable(UInt16))", []any{[]*uint16{ptr(uint16(1)), nil}, []*uint16{}}},
	{"Map(String, String)", []any{map[string]string{"k": "v", "": "x"}, map[string]string{}}},
	{"Map(LowCardinality(String), UInt64)", []any{map[string]uint64{"k": 1}, map[string]uint64{}}},
	{"Map(String, Array(String))", []any{map[string][]string{"k": {"v", "w"}}}},
	{"Tuple(String, UInt8)", []any{[]any{"a", uint8(1)}}},
	{"Tuple(name String, tags Array(LowCardinality(String)))", []any{map[string]any{"name": "n", "tags": []string{"a"}}}},
	{"Enum8('OK' = 1, 'not ok' = -2)", []any{"OK", "not ok"}},
	{"Enum16('a' = 1000)", []any{"a"}},
	{"Date", []any{time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)}},
	{"Date32", []any{time.Date(1960, 1, 2, 0, 0, 0, 0, time.UTC)}},
	{"DateTime('UTC')", []any{time.Unix(1_700_000_000, 0).UTC()}},
	{"DateTime64(3, 'UTC')", []any{time.UnixMilli(1_700_000_000_123).UTC()}},
	{"DateTime64(6, 'UTC')", []any{time.UnixMicro(1_700_000_000_123_456).UTC()}},
	{"DateTime64(9, 'UTC')", []any{time.Unix(1_700_000_000, 123_456_789).UTC()}},
	{"Decimal(9, 2)", []any{decimal.RequireFromString("-1.25")}},
	{"Decimal(18, 4)", []any{decimal.RequireFromString("12345678.9012")}},
	{"Decimal(38, 10)", []any{decimal.RequireFromString("1.0000000001")}},
	{"UUID", []any{uuid.MustParse("61f0c404-5cb3-11e7-907b-a6006ad3dba0"), uuid.UUID{}}},
	{"IPv4", []any{net.ParseIP("192.0.2.7").To4()}},
	{"IPv6", []any{net.ParseIP("2001:db8::7")}},
	{"SimpleAggregateFunction(sum, UInt64)", []any{uint64(5)}},
	{"Int128", []any{*big.NewInt(-7)}},
	{"UInt256", []any{*new(big.Int).Lsh(big.NewInt(1), 255)}},
	{"Decimal(76, 20)", []any{decimal.RequireFromString("-1.00000000000000000001")}},
	{"Nullable(UUID)", []any{ptr(uuid.MustParse("61f0c404-5cb3-11e7-907b-a6006ad3dba0")), (*uuid.UUID)(nil)}},
	{"LowCardinality(Nullable(FixedString(2)))", []any{ptr("ab"), (*string)(nil)}},
	{"Array(Tuple(UInt8, Nullable(String)))", []any{[][]any{{uint8(1), ptr("a")}, {uint8(2), (*string)(nil)}}}},
	{"Map(UInt8, Map(String, Array(Nullable(Int64))))", []any{map[uint8]map[string][]*int64{1: {"a": {ptr(int64(1)), nil}}}}},
	{"Variant(Array(UInt8), String, UInt64)", []any{
		ch.NewVariantWithType("text", "String"), ch.NewVariantWithType(uint64(7), "UInt64"),
		ch.NewVariantWithType([]uint8{1, 2}, "Array(UInt8)"), ch.NewVariant(nil),
	}},
	{"Dynamic", []any{
		ch.NewDynamicWithType("text", "String"), ch.NewDynamicWithType(int64(7), "Int64"),
		ch.NewDynamicWithType([]string{"a"}, "Array(String)"), ch.NewDynamic(nil),
	}},
	{"Array(Dynamic)", []any{[]ch.Dynamic{ch.NewDynamicWithType("text", "String"), ch.NewDynamicWithType(true, "Bool")}, []ch.Dynamic{}}},
}

func TestTypes(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, tg target) {
		methods := []ch.CompressionMethod{ch.CompressionNone, ch.CompressionLZ4, ch.CompressionZSTD}
		if tg.options.Protocol == ch.HTTP {
			methods = methods[1:2] // the others have a test of their own
		}
		for _, method := range methods {
			conn := tg.database(t, withCompression(method))
			for i, c := range types {
				t.Run(method.String()+"/"+c.typ, func(t *testing.T) {
					roundTrip(t, conn, fmt.Sprintf("t%d", i), c.typ, c.values)
				})
			}
		}
	})
}

// roundTrip inserts values of one type and selects them again.
func roundTrip(t *testing.T, conn driver.Conn, table, typ string, values []any) {
	t.Helper()
	ctx := context.Background()
	mustExec(t, conn, fmt.Sprintf("CREATE TABLE %s (n UInt32, v %s) ENGINE = MergeTree ORDER BY n", table, typ))
	batch, err := conn.PrepareBatch(ctx, "INSERT INTO "+table)
	if err != nil {
		t.Fatal(err)
	}
	for n, v := range values {
		if err := batch.Append(uint32(n), v); err != nil {
			t.Fatal(err)
		}
	}
	if err := batch.Send(); err != nil {
		t.Fatal(err)
	}
	rows, err := conn.Query(ctx, "SELECT v FROM "+table+" ORDER BY n")
	if err != nil {
		t.Fatal(err)
	}
	var got []any
	for rows.Next() {
		v := reflect.New(reflect.TypeOf(values[0]))
		if err := rows.Scan(v.Interface()); err != nil {
			t.Fatal(err)
		}
		got = append(got, v.Elem().Interface())
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		t.Fatal(err)
	}
	if g, w := comparable(got), comparable(values); g != w {
		t.Errorf("got %.300s, want %.300s", g, w)
	}
}

// comparable writes values so that equal ones look equal, whatever their inner representation.
func comparable(values []any) string {
	var b strings.Builder
	for _, v := range values {
		switch v := v.(type) {
		case big.Int:
			b.WriteString(v.String())
		case net.IP:
			b.WriteString(netip.MustParseAddr(v.String()).String())
		case time.Time:
			b.WriteString(v.UTC().Format(time.RFC3339Nano))
		default:
			writeValue(&b, reflect.ValueOf(v))
		}
		b.WriteByte('|')
	}
	return b.String()
}

// writeValue follows pointers and sorts maps by their keys, which are strings.
func writeValue(b *strings.Builder, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			b.WriteString("NULL")
			return
		}
		writeValue(b, v.Elem())
	case reflect.Slice:
		b.WriteByte('[')
		for i := range v.Len() {
			writeValue(b, v.Index(i))
			b.WriteByte(',')
		}
		b.WriteByte(']')
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return cmp.Compare(a.String(), b.String()) })
		for _, k := range keys {
			fmt.Fprintf(b, "%v=", k)
			writeValue(b, v.MapIndex(k))
			b.WriteByte(',')
		}
	default:
		fmt.Fprintf(b, "%v", v.Interface())
	}
}
