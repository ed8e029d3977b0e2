package client

import (
	"net/url"
	"strings"
	"time"
)

// parameters are those of a question.
type parameters url.Values

// set sets a parameter that is not empty.
func (p parameters) set(name, value string) {
	if value != "" {
		url.Values(p).Set(name, value)
	}
}

// commas is a list as a parameter.
func commas[T ~string](list []T) string {
	texts := make([]string, len(list))
	for i, s := range list {
		texts[i] = string(s)
	}
	return strings.Join(texts, ",")
}

// instant is a time as a parameter; empty for the zero time.
func instant(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339Nano)
}
