package clickhouse_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	ch "github.com/ClickHouse/clickhouse-go/v2"
)

// TestJSON sends JSON columns as text and as objects, and reads them in each form that a client may ask for.
func TestJSON(t *testing.T) {
	t.Parallel()
	documents := []string{
		`{"a":1,"b":{"c":"x","d":[1,2]},"typed":"t"}`,
		`{"e":["f","g"],"typed":""}`,
		`{"a":"text now","n":true,"typed":"u"}`,
	}
	objects := []map[string]any{
		{"a": int64(1), "b": map[string]any{"c": "x", "d": []int64{1, 2}}, "typed": "t"},
		{"e": []string{"f", "g"}, "typed": ""},
		{"a": "text now", "n": true, "typed": "u"},
	}
	eachTarget(t, func(t *testing.T, tg target) {
		conn := tg.database(t)
		mustExec(t, conn, "CREATE TABLE t (n UInt32, j JSON(typed String), behind UInt32) ENGINE = MergeTree ORDER BY n")
		insert := func(value func(int) any) {
			t.Helper()
			mustExec(t, conn, "TRUNCATE TABLE t")
			batch, err := conn.PrepareBatch(context.Background(), "INSERT INTO t")
			if err != nil {
				t.Fatal(err)
			}
			for i := range documents {
				err = errors.Join(err, batch.Append(uint32(i), value(i), uint32(i*7)))
			}
			if err := errors.Join(err, batch.Send()); err != nil {
				t.Fatal(err)
			}
		}
		for name, value := range map[string]func(int) any{
			"text":   func(i int) any { return documents[i] },
			"object": func(i int) any { return objects[i] },
		} {
			insert(value)
			for form, settings := range map[string]ch.Settings{
				"text":    {"output_format_native_write_json_as_string": 1},
				"flat":    {"output_format_native_use_flattened_dynamic_and_json_serialization": 1},
				"default": {},
			} {
				ctx := ch.Context(context.Background(), ch.WithSettings(settings))
				rest := ", [j], tuple(1, j)"
				if form == "text" {
					rest = "" // clickhouse-go reads it at the top alone
				}
				rows, err := conn.Query(ctx, "SELECT j, behind"+rest+" FROM t ORDER BY n")
				if err != nil {
					t.Fatalf("%s as %s: %v", name, form, err)
				}
				n := uint32(0)
				for ; rows.Next(); n++ {
					var behind uint32
					into := []any{new(ch.JSON), &behind, new([]ch.JSON), new([]any)}
					if form == "text" {
						into = []any{new(string), &behind}
					}
					if err := rows.Scan(into...); err != nil {
						t.Fatalf("%s as %s: %v", name, form, err)
					}
					if behind != 7*n {
						t.Errorf("%s as %s: %d behind row %d", name, form, behind, n)
					}
					if text, ok := into[0].(*string); ok && !sameJSON(t, *text, documents[n]) {
						t.Errorf("%s: %s, want %s", name, *text, documents[n])
					}
				}
				if err := errors.Join(rows.Err(), rows.Close()); err != nil || n != 3 {
					t.Errorf("%s as %s: %d rows: %v", name, form, n, err)
				}
			}
		}
		if got := value[int64](t, conn, "SELECT j.a.:Int64 FROM t WHERE n = 0"); got != 1 {
			t.Errorf("path a is %d, want 1", got)
		}
	})
}

func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var x, y any
	if err := errors.Join(json.Unmarshal([]byte(a), &x), json.Unmarshal([]byte(b), &y)); err != nil {
		t.Errorf("%s or %s: %v", a, b, err)
	}
	return reflect.DeepEqual(x, y)
}
