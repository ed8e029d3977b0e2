package clickhouse

import (
	"reflect"
	"strings"
	"testing"
)

func TestParseStatement(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]statement{
		"SELECT 1":                                           {kind: kindSelect, text: "SELECT 1"},
		" select 1 ; -- end":                                 {kind: kindSelect, text: " select 1"},
		"/* a ; */ # b\n (( SELECT 1))":                      {kind: kindSelect, text: "/* a ; */ # b\n (( SELECT 1))"},
		"SELECT 1 FORMAT JSON":                               {kind: kindSelect, text: "SELECT 1", format: "JSON"},
		"SELECT f(1) format CSV;":                            {kind: kindSelect, text: "SELECT f(1)", format: "CSV"},
		"SELECT 1 FORMAT CSV SETTINGS a=1":                   {kind: kindSelect, text: "SELECT 1 SETTINGS a=1", format: "CSV"},
		"SELECT 'FORMAT JSON'":                               {kind: kindSelect, text: "SELECT 'FORMAT JSON'"},
		"SELECT 1 AS format":                                 {kind: kindSelect, text: "SELECT 1 AS format"},
		"SELECT 1 AS format FORMAT TSV":                      {kind: kindSelect, text: "SELECT 1 AS format", format: "TSV"},
		"SELECT a, format b FROM t":                          {kind: kindSelect, text: "SELECT a, format b FROM t"},
		"SELECT t.format FROM t":                             {kind: kindSelect, text: "SELECT t.format FROM t"},
		"SELECT format x":                                    {kind: kindSelect, text: "SELECT format x"},
		"SHOW TABLES FORMAT JSON":                            {kind: kindOther, text: "SHOW TABLES", format: "JSON"},
		"SET a = 'x;y';":                                     {kind: kindSet, text: "SET a = 'x;y'"},
		"INSERT INTO t SELECT 1 FORMAT CSV":                  {kind: kindOther, text: "INSERT INTO t SELECT 1 FORMAT CSV"},
		"INSERT INTO t (SELECT 1)":                           {kind: kindOther, text: "INSERT INTO t (SELECT 1)"},
		"INSERT INTO t (a) WITH 1 AS x SELECT x":             {kind: kindOther, text: "INSERT INTO t (a) WITH 1 AS x SELECT x"},
		"INSERT INTO t FROM INFILE 'x'":                      {kind: kindOther, text: "INSERT INTO t FROM INFILE 'x'", clientFile: true},
		"SELECT 1 INTO OUTFILE 'x' FORMAT CSV":               {kind: kindSelect, text: "SELECT 1 INTO OUTFILE 'x'", format: "CSV", clientFile: true},
		"WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x": {kind: kindOther, text: "WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x"},
		"INSERT INTO t SETTINGS async_insert=1 SELECT 1":     {kind: kindOther, text: "INSERT INTO t SETTINGS async_insert=1 SELECT 1"},
		"INSERT INTO":                                        {kind: kindOther, text: "INSERT INTO"},
		"INSERT INTO t (a, (b":                               {kind: kindOther, text: "INSERT INTO t (a, (b"},
		"":                                                   {kind: kindOther},
		" ;; ":                                               {kind: kindOther},
		"EXPLAIN SELECT 1":                                   {kind: kindOther, text: "EXPLAIN SELECT 1"},
	} {
		if got := parseStatement(text); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}
}

func TestParseInsert(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		insertion
		format, rows string
	}{
		"INSERT INTO t":                                       {insertion{head: "INSERT INTO t", target: "t"}, "", ""},
		"insert into db.`my t` (a, `b c`);":                   {insertion{head: "insert into db.`my t` (a, `b c`)", target: "db.`my t`", columns: []string{"a", "b c"}}, "", ""},
		"INSERT INTO t VALUES":                                {insertion{head: "INSERT INTO t ", target: "t"}, "Values", ""},
		"INSERT INTO t VALUES (1);":                           {insertion{head: "INSERT INTO t ", target: "t", inline: true}, "Values", " (1);"},
		"INSERT INTO values VALUES (1)":                       {insertion{head: "INSERT INTO values ", target: "values", inline: true}, "Values", " (1)"},
		"INSERT INTO TABLE t(n.a) FORMAT TSV":                 {insertion{head: "INSERT INTO TABLE t(n.a) ", target: "t", columns: []string{"n.a"}}, "TSV", ""},
		"INSERT INTO t FORMAT CSV \r\n\n1":                    {insertion{head: "INSERT INTO t ", target: "t", inline: true}, "CSV", "\n1"},
		"INSERT INTO t FORMAT JSONEachRow {\"a\": 1}":         {insertion{head: "INSERT INTO t ", target: "t", inline: true}, "JSONEachRow", "{\"a\": 1}"},
		"INSERT INTO t (* EXCEPT (a)) VALUES":                 {insertion{head: "INSERT INTO t (* EXCEPT (a)) ", target: "t", matcher: "* EXCEPT (a)"}, "Values", ""},
		"INSERT INTO FUNCTION f('x (', 1) (a) FORMAT TSV":     {insertion{head: "INSERT INTO FUNCTION f('x (', 1) (a) ", target: "f('x (', 1)", columns: []string{"a"}}, "TSV", ""},
		"INSERT INTO t SETTINGS a = 'VALUES', b=2 VALUES (1)": {insertion{head: "INSERT INTO t SETTINGS a = 'VALUES', b=2 ", target: "t", inline: true}, "Values", " (1)"},
		"INSERT INTO t (`a``b\\`c`) VALUES":                   {insertion{head: "INSERT INTO t (`a``b\\`c`) ", target: "t", columns: []string{"a`b`c"}}, "Values", ""},
	} {
		got := parseStatement(text)
		if got.kind != kindInsert {
			t.Errorf("%q is of kind %d", text, got.kind)
			continue
		}
		if rows := text[got.insert.data:]; rows != want.rows && strings.Trim(rows, "; ") != "" || got.format != want.format {
			t.Errorf("%q: format %q, rows %q, want %q, %q", text, got.format, rows, want.format, want.rows)
		}
		got.insert.data = 0
		if !reflect.DeepEqual(got.insert, want.insertion) {
			t.Errorf("%q: %+v, want %+v", text, got.insert, want.insertion)
		}
	}
}

func TestLexer(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`a 'b\'c''d' e`:          `a|'b\'c''d'|e`,
		"`a``b` \"c\\\"d\"":      "`a``b`|\"c\\\"d\"",
		"$$a ; 'b$$ c":           "$$a ; 'b$$|c",
		"$x$ $$ $x$ $ 1.5e3":     "$x$ $$ $x$|$|1.5e3",
		"a--b\nc/*d*/e # f\n#!g": "a|c|e",
		"'open":                  "'open",
		"/* open":                "",
		"a#b":                    "a|#|b",
		"ü":                      "\xc3|\xbc",
		`'\`:                     `'\`,
	} {
		var got []string
		for _, tok := range tokenize(text) {
			got = append(got, text[tok.start:tok.end])
		}
		if g := strings.Join(got, "|"); g != want {
			t.Errorf("%q: %q, want %q", text, g, want)
		}
	}
}

func FuzzParseStatement(f *testing.F) {
	for _, text := range []string{
		"SELECT 1 FORMAT JSON SETTINGS a=1;", "INSERT INTO t (a, `b`) SETTINGS a=1 VALUES (1)", "INSERT INTO FUNCTION f(x) FORMAT CSV\n1",
		"SET a = $$b$$", "((/* */ WITH", "INSERT INTO t (* EXCEPT (a)) SELECT", "'\\",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := parseStatement(text)
		if len(s.text) > len(text) || s.insert.data > len(text) || !strings.HasPrefix(text, s.insert.head) {
			t.Errorf("%q: %+v", text, s)
		}
	})
}
