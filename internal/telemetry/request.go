package telemetry

import (
	"context"
	"math/rand/v2"
	"strconv"
)

// HeaderRequest names an HTTP request, which may bring many calls, each with a request id of its own. The answer repeats
// the name, and every log line about the request has it.
const HeaderRequest = "X-Request-Id"

// requestBytesMax bounds a name that a client gives.
const requestBytesMax = 128

// RequestName is the name of an HTTP request: the one given, if it can stand in a log as it is, else a random one.
func RequestName(given string) string {
	if given != "" && len(given) <= requestBytesMax && printable(given) {
		return given
	}
	return strconv.FormatUint(rand.Uint64(), 36)
}

// printable reports whether all of s are letters, digits, or what separates them in identifiers.
func printable(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '-', c == '_', c == '.', c == ':', c == '/', c == '+', c == '=', c == '@':
		default:
			return false
		}
	}
	return true
}

type requestKey struct{}

// requestContext is the context of what is done for an HTTP request: there is one for each, so it is one allocation.
type requestContext struct {
	context.Context //nolint:containedctx // it is a context itself

	name string
}

// Value implements context.Context.
func (c *requestContext) Value(key any) any {
	if key == (requestKey{}) {
		return c.name
	}
	return c.Context.Value(key)
}

// WithRequest returns ctx for what is done for an HTTP request of a name.
func WithRequest(ctx context.Context, name string) context.Context {
	return &requestContext{Context: ctx, name: name}
}

// requestOf returns the name of the request that something is done for; false: it is done for none.
func requestOf(ctx context.Context) (string, bool) {
	name, ok := ctx.Value(requestKey{}).(string)
	return name, ok
}
