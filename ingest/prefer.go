package ingest

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	preferHeader  = "Prefer"
	appliedHeader = "Preference-Applied"

	preferRespondAsync = "respond-async"
	preferWait         = "wait"
)

// preferences are what a client would like of an answer (RFC 7240), as far as we can give it.
type preferences struct {
	// respondAsync: an acknowledgment will do where the answer takes long.
	respondAsync bool
	// wait is how long the answer may take; zero: that was not said.
	wait time.Duration
}

// preferencesOf reads the preferences of a request. What cannot be read, or is not known, is as if it were not there; of
// what is said twice the first counts.
func preferencesOf(h http.Header) preferences {
	var p preferences
	waits := false
	for _, field := range h.Values(preferHeader) {
		for rest := field; rest != ""; {
			var element string
			element, rest = cutUnquoted(rest, ',')
			switch name, value := preference(element); {
			case name == preferRespondAsync:
				p.respondAsync = true
			case name == preferWait && !waits:
				p.wait, waits = deltaSeconds(value), true
			}
		}
	}
	return p
}

// preference reads one: token [ "=" word ] *( ";" [ parameter ] ), as RFC 7240 section 2 has it; the parameters are left
// out. No name: it is not one.
func preference(element string) (name, value string) {
	element, _ = cutUnquoted(element, ';')
	name, value, _ = strings.Cut(element, "=")
	name, value = strings.Trim(name, " \t"), strings.Trim(value, " \t")
	if strings.HasPrefix(value, `"`) {
		var ok bool
		if value, ok = quotedString(value); !ok {
			return "", ""
		}
	}
	return strings.ToLower(name), value
}

// cutUnquoted cuts s at the first sep that is not in a quoted string.
func cutUnquoted(s string, sep byte) (before, after string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == sep && !quoted:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// quotedString returns what a quoted-string (RFC 9110 section 5.6.4) says; false: s is not one, and nothing more.
func quotedString(s string) (_ string, ok bool) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), i == len(s)-1
		case '\\':
			if i++; i == len(s) {
				return "", false
			}
		}
		b.WriteByte(s[i])
	}
	return "", false
}

// deltaSeconds reads a number of seconds (RFC 9110 section 10.2.3), of which any is taken that is written right; zero:
// it is not one.
func deltaSeconds(s string) time.Duration {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n > int64(math.MaxInt64/time.Second) {
		return math.MaxInt64
	}
	return time.Duration(n) * time.Second
}
