package record

import (
	"fmt"
	"strings"
)

// statement is a statement of SQL, with the comments before it and without the semicolon behind it, as the tokens that it
// is made of: together they are its text.
type statement []token

// token is a piece of a statement as it is written.
type token struct {
	kind tokenKind
	text string
}

type tokenKind int

const (
	space  tokenKind = iota // blanks and comments
	word                    // a name, a keyword or a number
	quoted                  // a text, or a name in quotes
	sign                    // any other character, by itself
)

// String is the text.
func (s statement) String() string {
	var b strings.Builder
	for _, t := range s {
		b.WriteString(t.text)
	}
	return strings.TrimSpace(b.String())
}

// split returns the statements of a file. Lines for goose are left out, and so are comments behind the last statement.
func split(file string) ([]statement, error) {
	var all []statement
	var s statement
	full := false // s is more than blanks and comments
	for rest := file; rest != ""; {
		t, err := next(rest)
		if err != nil {
			return nil, err
		}
		rest = rest[len(t.text):]
		switch {
		case t.kind == sign && t.text == ";":
			if full {
				all = append(all, s)
			}
			s, full = nil, false
			continue
		case t.kind == space && strings.HasPrefix(t.text, "-- +goose"):
			continue
		}
		full = full || t.kind != space
		s = append(s, t)
	}
	if full {
		return nil, fmt.Errorf("no semicolon behind %q", s.String())
	}
	return all, nil
}

// next returns the token with which a text begins.
func next(text string) (token, error) {
	switch c := text[0]; {
	case strings.HasPrefix(text, "--"):
		return token{space, through(text, "\n")}, nil
	case strings.HasPrefix(text, "/*"):
		return token{space, through(text, "*/")}, nil
	case isSpace(c):
		return token{space, text[:len(text)-len(strings.TrimLeft(text, " \t\r\n"))]}, nil
	case c == '\'' || c == '`' || c == '"':
		return quotation(text)
	case isWord(c):
		n := 1
		for n < len(text) && isWord(text[n]) {
			n++
		}
		return token{word, text[:n]}, nil
	default:
		return token{sign, text[:1]}, nil
	}
}

// quotation returns the token of a text that begins with a quote. Inside, a backslash goes before what is meant as it is,
// and a quote that stands twice is one.
func quotation(text string) (token, error) {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case text[0]:
			return token{quoted, text[:i+1]}, nil // of one that stands twice the rest is the next token
		}
	}
	return token{}, fmt.Errorf("no end of the quotation %.40s", text)
}

// through is the beginning of text up to and including the first end, or all of it.
func through(text, end string) string {
	before, _, found := strings.Cut(text, end)
	if !found {
		return text
	}
	return text[:len(before)+len(end)]
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func isWord(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c >= 0x80
}
