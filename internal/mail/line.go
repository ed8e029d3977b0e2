package mail

import (
	"strings"
	"unicode/utf8"
)

// Line makes of any text one that can stand in a header: what is no visible character is a space, and it has at most bytesMax
// bytes.
func Line(s string, bytesMax int) string {
	s = strings.Map(func(r rune) rune {
		if isControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	if len(s) <= bytesMax {
		return s
	}
	for bytesMax > 0 && !utf8.RuneStart(s[bytesMax]) {
		bytesMax--
	}
	return s[:bytesMax]
}
