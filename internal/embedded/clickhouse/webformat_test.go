package clickhouse_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// TestWebFormats has an answer of several blocks be one document in each format: what was written is read again by
// the engine, and all of it.
func TestWebFormats(t *testing.T) {
	t.Parallel()
	conn, db := embedded(t)
	for _, format := range []string{
		"Native", "RowBinary", "RowBinaryWithNames", "RowBinaryWithNamesAndTypes", "TSV", "TSVWithNames", "TSVWithNamesAndTypes", "CSV", "CSVWithNames",
		"JSON", "JSONCompact", "JSONColumns", "JSONColumnsWithMetadata", "JSONCompactColumns", "JSONEachRow", "JSONCompactEachRowWithNamesAndTypes",
		"Values", "Parquet", "Arrow", "ArrowStream", "ORC", "Avro", "MsgPack", "BSONEachRow", "TSKV", "CustomSeparatedWithNames",
	} {
		table := "t_" + strings.ToLower(format)
		mustExec(t, conn, "CREATE TABLE "+table+" (n UInt64, s String, d DateTime64(3, 'UTC'), x Nullable(Float64)) ENGINE = Memory")
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			const rows = 100_000
			sql := fmt.Sprintf("SELECT number AS n, toString(number) AS s, toDateTime64(number, 3, 'UTC') AS d, if(number %% 3 = 0, NULL, number / 4) AS x FROM numbers(%d)", rows)
			status, header, body := web(t, "POST", params("default_format", format), strings.NewReader(sql))
			if status != 200 || header.Get("X-ClickHouse-Format") != format {
				t.Fatalf("status %d, format %q, body %.200q", status, header.Get("X-ClickHouse-Format"), body)
			}
			if strings.HasPrefix(format, "JSON") && !strings.Contains(format, "EachRow") && !json.Valid([]byte(body)) {
				t.Error("the answer is not JSON")
			}
			if status, _, answer := web(t, "POST", params("database", db, "query", "INSERT INTO "+table+" FORMAT "+format), strings.NewReader(body)); status != 200 {
				t.Fatalf("reading it again: status %d, %s", status, answer)
			}
			got := value[string](t, conn, "SELECT concat(toString(count()), ' ', toString(sum(n)), ' ', toString(sum(toUInt64(s))), ' ', toString(sum(toUnixTimestamp(d))), ' ', toString(count(x))) FROM "+table)
			if want := "100000 4999950000 4999950000 4999950000 66666"; got != want {
				t.Errorf("%s, want %s", got, want)
			}
		})
	}
}

// TestWebTotals has totals, extremes, several parts of an answer and no rows at all be one document.
func TestWebTotals(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]string{
		"SELECT number % 2 AS k, count() AS c FROM numbers(10) GROUP BY k WITH TOTALS ORDER BY k": `{"data":[[0,5],[1,5]],"rows":2,"totals":[0,10]}`,
		"SELECT number AS n FROM numbers(3) SETTINGS extremes = 1":                                `{"data":[[0],[1],[2]],"rows":3,"extremes":{"min":[0],"max":[2]}}`,
		"SELECT number % 2 AS k, count() AS c FROM numbers(4) GROUP BY k WITH ROLLUP ORDER BY c":  `{"data":[[0,2],[1,2],[0,4]],"rows":3}`,
		"SELECT 1 WHERE 0": `{"data":[],"rows":0}`,
		"SELECT number FROM numbers(100) LIMIT 1 SETTINGS max_block_size = 3": `{"data":[[0]],"rows":1,"rows_before_limit_at_least":100}`,
	} {
		_, _, body := web(t, "POST", params("default_format", "JSONCompact", "output_format_json_quote_64bit_integers", "0"), strings.NewReader(sql))
		var got struct {
			Data     [][]int          `json:"data"`
			Rows     int              `json:"rows"`
			Totals   []int            `json:"totals,omitempty"`
			Extremes map[string][]int `json:"extremes,omitempty"`
		}
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Errorf("%s: %q: %v", sql, body, err)
			continue
		}
		if text, err := json.Marshal(got); err != nil || !sameJSON(t, strings.ReplaceAll(want, `,"rows_before_limit_at_least":100`, ""), string(text)) {
			t.Errorf("%s: %s, want %s: %v", sql, text, want, err)
		}
	}
}
