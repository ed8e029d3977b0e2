package clickhouse_test

import (
	"bytes"
	"context"
	"mime/multipart"
	"strings"
	"testing"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"
)

// TestExternalTables sends tables along with a query.
func TestExternalTables(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, tg target) {
		conn := tg.database(t, oneConnection)
		one, err := ext.NewTable("one", ext.Column("a", "UInt32"), ext.Column("b", "LowCardinality(String)"))
		if err != nil {
			t.Fatal(err)
		}
		two, err := ext.NewTable("two", ext.Column("a", "UInt32"))
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			if err := one.Append(uint32(i), strings.Repeat("x", i)); err != nil {
				t.Fatal(err)
			}
		}
		if err := two.Append(uint32(2)); err != nil {
			t.Fatal(err)
		}
		ctx := ch.Context(context.Background(), ch.WithExternalTable(one, two))
		for range 2 {
			var got string
			if err := conn.QueryRow(ctx, "SELECT b FROM one WHERE a IN (SELECT a FROM two)").Scan(&got); err != nil || got != "xx" {
				t.Errorf("got %q: %v", got, err)
			}
		}
		wantCode(t, conn.Exec(ctx, "SELECT nosuch FROM one"), 47)
		wantCode(t, conn.Exec(context.Background(), "SELECT * FROM one"), 60)
	})
}

// TestWebForm sends query, parameters and tables as the fields of a form.
func TestWebForm(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		url  []string
		want string
	}{
		{"structure", []string{"rows_structure", "a UInt8, b String", "rows_format", "CSV"}, "3\txy\n"},
		{"types", []string{"rows_types", "UInt8, String", "rows_format", "CSV"}, "47"},
		{"neither", nil, "36"},
		{"structure of no sense", []string{"rows_structure", "a Nosuch"}, "50"},
		{"other format", []string{"rows_structure", "a UInt8, b String"}, "27"},
	} {
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		for _, field := range [][2]string{{"query", "SELECT sum(a), arrayStringConcat(groupArray(b)) FROM rows WHERE a < {max:UInt8}"}, {"param_max", "9"}} {
			if err := form.WriteField(field[0], field[1]); err != nil {
				t.Fatal(err)
			}
		}
		file, err := form.CreateFormFile("rows", "rows.csv")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.Write([]byte("1,x\n2,y\n9,z\n")); err != nil {
			t.Fatal(err)
		}
		if err := form.Close(); err != nil {
			t.Fatal(err)
		}
		_, header, got := web(t, "POST", params(append(c.url, "session_id", t.Name())...), &body, "Content-Type", form.FormDataContentType())
		if code := header.Get("X-ClickHouse-Exception-Code"); code != "" && code != c.want || code == "" && got != c.want {
			t.Errorf("%s: %q, want %s", c.name, got, c.want)
		}
	}
	if _, header, _ := web(t, "POST", params("session_id", t.Name()), strings.NewReader("SELECT * FROM rows")); header.Get("X-ClickHouse-Exception-Code") != "60" {
		t.Error("an external table is left in the session")
	}
	if _, header, _ := web(t, "POST", nil, strings.NewReader("no form"), "Content-Type", "multipart/form-data; boundary=x"); header.Get("X-ClickHouse-Exception-Code") != "117" {
		t.Error("a body that is no form is taken")
	}
}
