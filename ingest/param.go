package ingest

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"parley/schemas"
)

// pathValue is what stands between prefix and suffix in the path, decoded once: it may hold any character, "/" and "%"
// among them. echo's own parameters are decoded or not, depending on whether the path needed it.
func pathValue(c echo.Context, prefix, suffix string) string {
	escaped := strings.TrimSuffix(strings.TrimPrefix(c.Request().URL.EscapedPath(), prefix), suffix)
	text, err := url.PathUnescape(escaped)
	if err != nil {
		return "" // EscapedPath is always well formed
	}
	return text
}

// wait reads how long a poll may wait: a Go duration or seconds, at most WaitMax; absent: not at all.
func (s *Server) wait(c echo.Context) (time.Duration, *schemas.Problem) {
	text := c.QueryParam("wait")
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		d, err = seconds(text)
	}
	if err != nil || d < 0 {
		return 0, &schemas.Problem{Code: schemas.InvalidParameter, Detail: "wait is a duration, as 30s or 1m30s, or a number of seconds"}
	}
	return min(d, s.waitMax), nil
}

func seconds(text string) (time.Duration, error) {
	n, err := strconv.ParseUint(text, 10, 31)
	return time.Duration(n) * time.Second, err
}
