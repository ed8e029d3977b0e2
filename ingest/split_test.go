package ingest

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"parley/schemas"
)

func TestSplitArray(t *testing.T) {
	t.Parallel()
	tests := []struct {
		body string
		want []string
	}{
		{`[{}]`, []string{`{}`}},
		{" [ 1 ,\t\"a]\\\"\" , [2, 3] , {\"a\" : [ ] }\n]\r\n", []string{`1`, `"a]\""`, `[2, 3]`, `{"a" : [ ] }`}},
		{`[null,true]`, []string{`null`, `true`}},
		{`[{"a":1,"a":2}]`, []string{`{"a":1,"a":2}`}},
		{"[\"\xff\"]", []string{"\"\xff\""}},
	}
	for _, tt := range tests {
		got, p := split([]byte(tt.body), callArray, 4)
		if p != nil || !slices.EqualFunc(got, tt.want, func(b []byte, s string) bool { return string(b) == s }) {
			t.Errorf("split(%q) = %q, %v, want %q", tt.body, got, p, tt.want)
		}
	}
}

func TestSplitRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, body    string
		form          form
		code          schemas.Code
		pointer, says string
	}{
		{"empty array", `[]`, callArray, schemas.InvalidBody, "", "no call"},
		{"no lines", "", callLines, schemas.InvalidBody, "", "no call"},
		{"blank lines", "\n \r\n\t\n", callLines, schemas.InvalidBody, "", "no call"},
		{"cut array", `[{},`, callArray, schemas.InvalidBody, "/1", "at byte 4"},
		{"cut element", `[{},{"a":`, callArray, schemas.InvalidBody, "/1", "at byte 9"},
		{"broken element", `[{},{"a" "b"},{}]`, callArray, schemas.InvalidBody, "/1", "at byte 9"},
		{"wrong end", `[{}}`, callArray, schemas.InvalidBody, "/1", "at byte 3"},
		{"trailing comma", `[{},]`, callArray, schemas.InvalidBody, "/1", "at byte 3"},
		{"more after it", `[{}] x`, callArray, schemas.InvalidBody, "", "ends at byte 4"},
		{"another after it", `[{}][{}]`, callArray, schemas.InvalidBody, "", "ends at byte 4"},
		{"too many elements", `[1,2,3,4]`, callArray, schemas.TooLarge, "", "at most 3 calls"},
		{"too many lines", "1\n2\n3\n4", callLines, schemas.TooLarge, "", "at most 3 calls"},
		{"deep nesting", strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000), callArray, schemas.InvalidBody, "/0", "exceeded max depth"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			calls, p := split([]byte(tt.body), tt.form, 3)
			if p == nil {
				t.Fatalf("taken as %q", calls)
			}
			if p.Code != tt.code || p.Pointer != tt.pointer || !strings.Contains(p.Detail, tt.says) {
				t.Errorf("%s\nwant %s at %q, saying %q", p, tt.code, tt.pointer, tt.says)
			}
		})
	}
}

// The elements of what is an array are the values that it has, byte for byte; nothing else is taken for one.
func FuzzSplitArray(f *testing.F) {
	f.Add([]byte(`[{"a":1}, "]" ,[2,{}],-1e5]`))
	f.Add([]byte(`[1 2]`))
	f.Add([]byte("[\"\\u00\xff\"]\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		body = append([]byte("["), body...)
		calls, p := split(bytes.Clone(body), callArray, 100)
		if p != nil {
			return
		}
		rejoined := jsontext.Value(slices.Concat([]byte("["), bytes.Join(calls, []byte(",")), []byte("]")))
		whole := jsontext.Value(bytes.Clone(body))
		options := []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}
		if err := whole.Compact(options...); err != nil {
			t.Fatalf("%q is not JSON, and was split: %v", body, err)
		}
		if err := rejoined.Compact(options...); err != nil || !bytes.Equal(rejoined, whole) {
			t.Fatalf("%q was split into %q, %v", body, calls, err)
		}
	})
}
