package record

import (
	"fmt"
	"slices"
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

// is reports whether a token is a keyword.
func (t token) is(keyword string) bool { return t.kind == word && strings.EqualFold(t.text, keyword) }

// The kinds of statements that a cluster has a form of.
const (
	createTable        = "CREATE TABLE"
	createView         = "CREATE VIEW"
	createMaterialized = "CREATE MATERIALIZED VIEW"
	alterTable         = "ALTER TABLE"
	insertInto         = "INSERT INTO"
)

// head returns what kind of statement it is, "" for any other, and where the name stands of what it makes or changes.
func (s statement) head() (kind string, name int) {
	var words []string
	for i, t := range s {
		switch {
		case t.kind == space || t.is("IF") || t.is("NOT") || t.is("EXISTS") || t.is("OR") || t.is("REPLACE"):
		case slices.Contains([]string{createTable, createView, createMaterialized, alterTable, insertInto}, strings.Join(words, " ")):
			return strings.Join(words, " "), i
		case len(words) == strings.Count(createMaterialized, " ")+1:
			return "", 0
		default:
			words = append(words, strings.ToUpper(t.text))
		}
	}
	return "", 0
}

// hasColumn reports whether the statement makes a table with a column.
func (s statement) hasColumn(name string) bool {
	depth := 0
	var before token
	for _, t := range s {
		if depth == 1 && t.is(name) && (before.text == "(" || before.text == ",") {
			return true
		}
		depth += t.deeper()
		if t.kind != space {
			before = t
		}
	}
	return false
}

// deeper is by how much what follows the token stands deeper in parentheses.
func (t token) deeper() int {
	switch {
	case t.kind != sign:
		return 0
	case t.text == "(" || t.text == "[" || t.text == "{":
		return 1
	case t.text == ")" || t.text == "]" || t.text == "}":
		return -1
	}
	return 0
}

// find returns where a keyword stands outside of parentheses, from a place on; len(s): nowhere.
func (s statement) find(from int, keyword string) int {
	depth := 0
	for i := from; i < len(s); i++ {
		if depth == 0 && s[i].is(keyword) {
			return i
		}
		depth += s[i].deeper()
	}
	return len(s)
}

// with returns the statement, which selects, with one more setting.
func (s statement) with(setting string) statement {
	if at := s.find(0, "SETTINGS"); at < len(s) {
		return slices.Insert(s, at+1, token{space, " " + setting + ","})
	}
	return slices.Insert(s, s.find(0, "COMMENT"), token{space, "\nSETTINGS " + setting + "\n"})
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
