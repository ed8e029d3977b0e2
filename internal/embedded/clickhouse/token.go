package clickhouse

import "strings"

// token is a lexical element of SQL: where it lies in the text, and of what kind it is.
type token struct {
	kind       tokenKind
	start, end int
}

type tokenKind byte

const (
	tokenEnd    tokenKind = iota
	tokenWord             // keyword or bare identifier
	tokenQuoted           // identifier in backticks or double quotes
	tokenString           // 'text' or $tag$text$tag$
	tokenNumber
	tokenSymbol // one byte of anything else
)

// lexer cuts ClickHouse SQL into tokens, without comments and white space. It accepts every text: an
// unclosed string or comment reaches to the end, for the engine to complain about.
type lexer struct {
	text string
	pos  int
}

func (l *lexer) next() token {
	l.skipBlank()
	start := l.pos
	if start >= len(l.text) {
		return token{tokenEnd, start, start}
	}
	kind := tokenSymbol
	switch c := l.text[start]; {
	case c == '\'':
		kind = tokenString
		l.quoted(c)
	case c == '`' || c == '"':
		kind = tokenQuoted
		l.quoted(c)
	case c == '$' && l.heredoc():
		kind = tokenString
	case isDigit(c):
		kind = tokenNumber
		l.while(func(c byte) bool { return isWordByte(c) || c == '.' })
	case isWordByte(c):
		kind = tokenWord
		l.while(isWordByte)
	default:
		l.pos++
	}
	return token{kind, start, l.pos}
}

// skipBlank moves over white space and comments: -- and # (followed by a blank or !) to the end of the
// line, and /* */, which does not nest.
func (l *lexer) skipBlank() {
	for l.pos < len(l.text) {
		rest := l.text[l.pos:]
		switch {
		case strings.IndexByte(" \t\n\r\f\v", rest[0]) >= 0:
			l.pos++
		case strings.HasPrefix(rest, "--"), strings.HasPrefix(rest, "# "), strings.HasPrefix(rest, "#!"):
			l.skipPast("\n", 0)
		case strings.HasPrefix(rest, "/*"):
			l.skipPast("*/", len("/*"))
		default:
			return
		}
	}
}

// skipPast moves behind the next occurrence of mark after from more bytes, or to the end.
func (l *lexer) skipPast(mark string, from int) {
	i := strings.Index(l.text[l.pos+from:], mark)
	if i < 0 {
		l.pos = len(l.text)
		return
	}
	l.pos += from + i + len(mark)
}

// quoted moves behind the closing quote. A backslash escapes, and so does doubling the quote.
func (l *lexer) quoted(quote byte) {
	for l.pos++; l.pos < len(l.text); l.pos++ {
		switch l.text[l.pos] {
		case '\\':
			l.pos++
		case quote:
			if l.pos+1 == len(l.text) || l.text[l.pos+1] != quote {
				l.pos++
				return
			}
			l.pos++
		}
	}
	l.pos = len(l.text)
}

// heredoc moves behind $tag$text$tag$, if there is one here.
func (l *lexer) heredoc() bool {
	rest := l.text[l.pos:]
	n := 1
	for n < len(rest) && isWordByte(rest[n]) {
		n++
	}
	if n == len(rest) || rest[n] != '$' {
		return false
	}
	tag := rest[:n+1]
	if !strings.Contains(rest[len(tag):], tag) {
		return false
	}
	l.skipPast(tag, len(tag))
	return true
}

func (l *lexer) while(ok func(byte) bool) {
	for l.pos < len(l.text) && ok(l.text[l.pos]) {
		l.pos++
	}
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isWordByte(c byte) bool {
	return c == '_' || isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
