package telemetry

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
)

func TestHandler(t *testing.T) {
	t.Parallel()
	inTrace := Trace{Traceparent: parent}.In(t.Context())
	const ids = " trace_id=4bf92f3577b34da6a3ce929d0e0e4736 span_id=00f067aa0ba902b7"
	for _, c := range []struct {
		name string
		ctx  context.Context
		want string
	}{
		{"nothing to add", t.Context(), ""},
		{"a request", WithRequest(t.Context(), "r-1"), " http_request=r-1"},
		{"a trace", inTrace, ids},
		{"both", WithRequest(inTrace, "r-1"), " http_request=r-1" + ids},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			log := slog.New(NewHandler(slog.NewTextHandler(&out, nil))).With("instance", "i")
			log.InfoContext(c.ctx, "message", "key", "value")
			if want := "instance=i key=value" + c.want + "\n"; !strings.HasSuffix(out.String(), want) {
				t.Errorf("%q, want the end %q", out.String(), want)
			}
		})
	}
}

func TestRequestName(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"a", "01J9ZQ-x_y.z:1/2+3=@", strings.Repeat("x", requestBytesMax)} {
		if got := RequestName(good); got != good {
			t.Errorf("%q becomes %q", good, got)
		}
	}
	seen := make(map[string]bool)
	for _, bad := range []string{"", "a b", "a\nb", "a\"b", "é", "{", strings.Repeat("x", requestBytesMax+1)} {
		got := RequestName(bad)
		if got == bad || got == "" || seen[got] || RequestName(got) != got {
			t.Errorf("%q becomes %q, want a new name", bad, got)
		}
		seen[got] = true
	}
}
