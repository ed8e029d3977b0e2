package ingest

import (
	"net/http"
	"strings"
	"testing"

	"parley/schemas"
)

// A key that is taken bare is taken in quotes, too, and is the same.
func FuzzIdempotencyKey(f *testing.F) {
	for _, s := range []string{"k", `"k"`, `a"b`, `a\b`, `"a\"b"`, `"`, "", strings.Repeat("k", keyBytesMax), "\x00", "é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		key, p := idempotencyKey(http.Header{keyHeader: {text}})
		if p != nil {
			if p.Code != schemas.InvalidParameter {
				t.Errorf("%q: %v", text, p)
			}
			return
		}
		if key == "" || len(key) > keyBytesMax || strings.ContainsFunc(key, notPrintable) {
			t.Fatalf("%q is the key %q", text, key)
		}
		quoted := `"` + strings.NewReplacer(`"`, `\"`, `\`, `\\`).Replace(key) + `"`
		if again, p := idempotencyKey(http.Header{keyHeader: {quoted}}); p != nil || again != key {
			t.Errorf("%q is the key %q, and %s is %q, %v", text, key, quoted, again, p)
		}
	})
}
