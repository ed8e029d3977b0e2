package ingest

import (
	"net/http"
	"testing"
	"time"

	"parley/schemas"
)

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		code  schemas.Code
		after time.Duration
		want  string
	}{
		{"of a bad call", schemas.InvalidBody, 0, ""},
		{"usual of an unavailable queue", schemas.QueueUnavailable, 0, "1"},
		{"usual of a limit", schemas.RateLimited, 0, "1"},
		{"less than a second", schemas.RateLimited, time.Millisecond, "1"},
		{"whole seconds", schemas.RateLimited, 30 * time.Second, "30"},
		{"rounded up", schemas.RateLimited, 30*time.Second + 1, "31"},
		{"of any status", schemas.Internal, time.Minute, "60"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := make(http.Header)
			setRetryAfter(h, documentOf(&schemas.Problem{Code: c.code, RetryAfter: c.after}).retryAfter())
			if got := h.Get("Retry-After"); got != c.want {
				t.Errorf("Retry-After %q, want %q", got, c.want)
			}
		})
	}
}
