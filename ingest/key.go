package ingest

import (
	"fmt"
	"net/http"
	"strings"

	"parley/schemas"
)

const (
	keyHeader   = "Idempotency-Key"
	keyBytesMax = 255
)

// idempotencyKey returns the key of a request, bare or as a quoted string (draft-ietf-httpapi-idempotency-key-header,
// RFC 8941 section 3.3.3), which are the same key; empty: there is none.
func idempotencyKey(h http.Header) (string, *schemas.Problem) {
	given := h.Values(keyHeader)
	if len(given) == 0 {
		return "", nil
	}
	key, ok := unquote(strings.TrimSpace(given[0]))
	if len(given) > 1 || !ok || key == "" || len(key) > keyBytesMax || strings.ContainsFunc(key, notPrintable) {
		return "", &schemas.Problem{
			Code:   schemas.InvalidParameter,
			Detail: fmt.Sprintf("the header %s is given once: 1 to %d printable ASCII characters, bare or in double quotes", keyHeader, keyBytesMax),
		}
	}
	return key, nil
}

func notPrintable(r rune) bool { return r < ' ' || r > '~' }

// unquote undoes the quotes and escapes of s, if it begins with a quote.
func unquote(s string) (_ string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		return s, true
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), i == len(s)-1
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
		case s[i] == '\\':
			return "", false
		}
		b.WriteByte(s[i])
	}
	return "", false
}
