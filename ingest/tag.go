package ingest

import (
	"net/http"
	"slices"
	"strings"
)

// tags are the ETags of the statuses that a client has, as If-None-Match lists them (RFC 9110, 13.1.2).
type tags struct {
	// any is set for "*": the client has whatever there is.
	any bool
	// list has them without their W/: none of ours is strong, and If-None-Match compares weakly.
	list []string
}

// knownTags reads the If-None-Match of a request. What is not an entity tag, and what follows it, is left out: the client
// is then told more than it needed to be.
func knownTags(h http.Header) tags {
	return tagsIn(strings.Join(h.Values("If-None-Match"), ","))
}

func tagsIn(list string) tags {
	rest := list
	if strings.TrimSpace(rest) == "*" {
		return tags{any: true}
	}
	var t tags
	for {
		rest = strings.TrimPrefix(strings.TrimLeft(rest, " \t,"), weak)
		if !strings.HasPrefix(rest, `"`) {
			return t
		}
		end := strings.IndexByte(rest[1:], '"')
		if end < 0 {
			return t
		}
		t.list = append(t.list, rest[:end+2])
		rest = rest[end+2:]
	}
}

// weak begins a tag that says of two documents that they mean the same, not that they are the same.
const weak = "W/"

// first is one of the tags as an owner knows it; empty: there is none.
func (t tags) first() string {
	if len(t.list) == 0 {
		return ""
	}
	return weak + t.list[0]
}

// has reports whether the client has the status with a tag.
func (t tags) has(tag string) bool {
	return t.any || slices.Contains(t.list, strings.TrimPrefix(tag, weak))
}
