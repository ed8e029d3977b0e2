package httppost

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"parley/processor/notify"
	"parley/schemas"
)

func refused(why schemas.Code, format string, args ...any) notify.Verdict {
	return notify.Verdict{Kind: notify.Refused, Code: why, Message: fmt.Sprintf(format, args...)}
}

func again(why schemas.Code, format string, args ...any) notify.Verdict {
	return notify.Verdict{Kind: notify.Again, Code: why, Message: fmt.Sprintf(format, args...)}
}

// retryAfterMax is more than is waited for anybody.
const retryAfterMax = 24 * time.Hour

// retryAfter is how long a receiver asks to be left alone (RFC 9110, section 10.2.3): seconds, or a date; zero: it says
// nothing that can be read.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, retryAfterMax)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(at.Sub(now), 0), retryAfterMax)
	}
	return 0
}
