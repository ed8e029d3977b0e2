package clickhouse

import (
	"slices"
	"strings"
)

// statement is what the server must know of an SQL text in order to hand it to the engine. Whether the
// text is correct is for the engine to say: one that is not understood here is passed on as it is.
type statement struct {
	kind statementKind
	// text without the semicolon and comments that may follow it, and without the FORMAT clause for its output,
	// which the engine would obey against what the interface needs.
	text string
	// format is what a FORMAT clause names; empty without one.
	format string
	// clientFile is set when there is INTO OUTFILE or FROM INFILE, which the engine would obey.
	clientFile bool
	// insert describes a statement of kind kindInsert.
	insert insertion
}

type statementKind byte

const (
	kindOther  statementKind = iota // DDL, SHOW, INSERT ... SELECT and whatever else the engine runs in one go
	kindSelect                      // rows that can be streamed
	kindInsert                      // INSERT whose rows come as data, in the text or after it
	kindSet                         // SET: changes the session's settings
)

// insertion is an INSERT with data.
type insertion struct {
	// head is the text before VALUES or FORMAT.
	head string
	// target is the table, or the table function, as the text has it.
	target string
	// columns as listed, unquoted. nil: there is no list.
	columns []string
	// matcher is the text of a list that holds more than names, such as * EXCEPT (x); else empty.
	matcher string
	// data is where the rows begin in the text that was parsed.
	data int
	// inline is set when rows are in the text.
	inline bool
}

// parseStatement recognizes the statement that text begins with.
func parseStatement(text string) statement {
	p := &parser{lex: lexer{text: text}}
	p.advance()
	first := p.tok
	for first.kind == tokenSymbol && text[first.start] == '(' {
		first = p.lex.next()
	}
	switch strings.ToUpper(text[first.start:first.end]) {
	case "INSERT":
		p.advance()
		if ins, format, ok := p.insertion(); ok {
			return statement{kind: kindInsert, text: text, format: format, insert: ins}
		}
		return statement{kind: kindOther, text: text, clientFile: hasClientFile(text, tokenize(text))}
	case "SELECT", "WITH", "FROM":
		return parseOutput(kindSelect, text)
	case "SET":
		return parseOutput(kindSet, text)
	}
	return parseOutput(kindOther, text)
}

// parseOutput separates the FORMAT clause.
func parseOutput(kind statementKind, text string) statement {
	tokens := tokenize(text)
	s := statement{kind: kind, text: text[:endOf(tokens)], clientFile: hasClientFile(text, tokens)}
	if kind == kindSelect && isInsertBehindWith(text, tokens) {
		s.kind = kindOther
		return s
	}
	for i, t := range slices.Backward(tokens) {
		if !wordIs(text, t, "FORMAT") || i+1 == len(tokens) || tokens[i+1].kind != tokenWord {
			continue
		}
		name := tokens[i+1]
		tail := tokens[i+2:]
		if i == 0 || !endsExpression(text, tokens[i-1]) || len(tail) > 0 && !wordIs(text, tail[0], "SETTINGS") {
			return s // a column or an alias of this name
		}
		s.format = text[name.start:name.end]
		s.text = text[:tokens[i-1].end] + text[name.end:endOf(tokens)]
		return s
	}
	return s
}

// hasClientFile looks for INTO OUTFILE and FROM INFILE.
func hasClientFile(text string, tokens []token) bool {
	for i := 1; i < len(tokens); i++ {
		before, t := tokens[i-1], tokens[i]
		if wordIs(text, before, "INTO") && wordIs(text, t, "OUTFILE") || wordIs(text, before, "FROM") && wordIs(text, t, "INFILE") {
			return true
		}
	}
	return false
}

// isInsertBehindWith recognizes WITH ... INSERT INTO ... SELECT.
func isInsertBehindWith(text string, tokens []token) bool {
	if len(tokens) == 0 || !wordIs(text, tokens[0], "WITH") {
		return false
	}
	return slices.ContainsFunc(tokens, func(t token) bool { return wordIs(text, t, "INSERT") })
}

// endsExpression reports whether a clause can begin behind t.
func endsExpression(text string, t token) bool {
	if t.kind == tokenSymbol {
		return strings.IndexByte(")]}*", text[t.start]) >= 0
	}
	return !wordIs(text, t, "AS") && !wordIs(text, t, "SELECT") && !wordIs(text, t, "BY")
}

// parser looks at one token at a time.
type parser struct {
	lex lexer
	tok token
}

func (p *parser) advance() { p.tok = p.lex.next() }

func (p *parser) raw(t token) string { return p.lex.text[t.start:t.end] }

func (p *parser) atWord(word string) bool { return wordIs(p.lex.text, p.tok, word) }

func (p *parser) atSymbol(c byte) bool {
	return p.tok.kind == tokenSymbol && p.lex.text[p.tok.start] == c
}

// skipWord moves over the keyword if it is there.
func (p *parser) skipWord(word string) bool {
	if !p.atWord(word) {
		return false
	}
	p.advance()
	return true
}

// insertion reads what follows INSERT up to its data. It fails when no data is expected, because the rows come
// from a SELECT or a file, or when the text is not understood.
func (p *parser) insertion() (ins insertion, format string, ok bool) {
	p.skipWord("INTO")
	p.skipWord("TABLE")
	from := p.tok.start
	function := p.skipWord("FUNCTION")
	if function {
		from = p.tok.start
	}
	end, ok := p.name()
	if !ok {
		return ins, "", false
	}
	if function {
		if end, ok = p.parenthesis(); !ok {
			return ins, "", false
		}
	}
	ins.target = p.lex.text[from:end]
	if p.atSymbol('(') {
		inner := p.lex // behind the parenthesis
		open := p.tok
		if end, ok = p.parenthesis(); !ok {
			return ins, "", false
		}
		if ins.columns, ok = columnList(p.lex.text[:end], inner.pos); !ok {
			ins.matcher = p.lex.text[open.end : end-1]
			if first := inner.next(); wordIs(p.lex.text, first, "SELECT") || wordIs(p.lex.text, first, "WITH") {
				return ins, "", false
			}
		}
	}
	if p.atWord("SETTINGS") {
		p.settings()
	}
	ins.head = p.lex.text[:p.tok.start]
	return p.data(ins)
}

// data reads VALUES or FORMAT name, and finds where the rows begin. Both may be missing: then the rows
// come after the statement, in the format that the interface says.
func (p *parser) data(ins insertion) (insertion, string, bool) {
	switch {
	case p.tok.kind == tokenEnd, p.atSymbol(';'):
		ins.data = len(p.lex.text)
		return ins, "", true
	case p.atWord("VALUES"):
		ins.data = p.tok.end
		p.advance()
		ins.inline = p.tok.kind != tokenEnd && !p.atSymbol(';')
		return ins, "Values", true
	case p.skipWord("FORMAT") && p.tok.kind == tokenWord:
		ins.data = p.tok.end + leadingBlank(p.lex.text[p.tok.end:])
		rows := strings.TrimSpace(p.lex.text[ins.data:])
		ins.inline = rows != "" && rows != ";"
		return ins, p.raw(p.tok), true
	}
	return ins, "", false
}

// leadingBlank counts what lies between the name of a format and its data: blanks and one line end.
func leadingBlank(s string) int {
	rest := strings.TrimLeft(s, " \t\f")
	rest = strings.TrimPrefix(rest, "\r")
	rest = strings.TrimPrefix(rest, "\n")
	return len(s) - len(rest)
}

// name moves over a name or a dotted pair, and returns where it ends.
func (p *parser) name() (end int, ok bool) {
	for {
		if p.tok.kind != tokenWord && p.tok.kind != tokenQuoted {
			return 0, false
		}
		end = p.tok.end
		p.advance()
		if !p.atSymbol('.') {
			return end, true
		}
		p.advance()
	}
}

// parenthesis moves over a balanced pair and returns where it ends.
func (p *parser) parenthesis() (end int, ok bool) {
	if !p.atSymbol('(') {
		return 0, false
	}
	for depth := 0; p.tok.kind != tokenEnd; {
		switch {
		case p.atSymbol('('):
			depth++
		case p.atSymbol(')'):
			depth--
		}
		end = p.tok.end
		p.advance()
		if depth == 0 {
			return end, true
		}
	}
	return 0, false
}

// settings moves over SETTINGS name = value, ...
func (p *parser) settings() {
	for p.tok.kind != tokenEnd && !p.atWord("VALUES") && !p.atWord("FORMAT") && !p.atWord("SELECT") && !p.atWord("WITH") && !p.atSymbol(';') {
		p.advance()
	}
}

// columnList reads names up to a closing parenthesis, which ends text. It fails when there is more than names.
func columnList(text string, pos int) ([]string, bool) {
	lex := lexer{text: text, pos: pos}
	columns := []string{}
	for {
		name := ""
		for {
			t := lex.next()
			if t.kind != tokenWord && t.kind != tokenQuoted {
				return nil, false
			}
			name += unquote(text[t.start:t.end])
			if t = lex.next(); t.kind != tokenSymbol {
				return nil, false
			}
			if text[t.start] == '.' {
				name += "."
				continue
			}
			columns = append(columns, name)
			switch text[t.start] {
			case ')':
				return columns, true
			case ',':
			default:
				return nil, false
			}
			break
		}
	}
}

// unquote returns the identifier that a word or quoted token stands for.
func unquote(s string) string {
	if s[0] != '`' && s[0] != '"' {
		return s
	}
	return unescape(strings.TrimSuffix(s[1:], s[:1]), s[0])
}

// escapes are the characters that stand for others behind a backslash; all else stands for itself.
var escapes = map[byte]byte{'b': '\b', 'f': '\f', 'r': '\r', 'n': '\n', 't': '\t', '0': 0, 'a': '\a', 'v': '\v'}

// unescape returns what lies between quotes as it was meant: with a backslash, or doubling the quote, for what has a
// meaning of its own.
func unescape(s string, quote byte) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if i+1 < len(s) && c == '\\' {
			i++
			c = s[i]
			if meant, ok := escapes[c]; ok {
				c = meant
			}
		} else if i+1 < len(s) && c == quote && s[i+1] == quote {
			i++
		}
		b.WriteByte(c)
	}
	return b.String()
}

// wordIs reports whether t is the keyword, in any case.
func wordIs(text string, t token, word string) bool {
	return t.kind == tokenWord && strings.EqualFold(text[t.start:t.end], word)
}

func tokenize(text string) []token {
	var tokens []token
	lex := lexer{text: text}
	for t := lex.next(); t.kind != tokenEnd; t = lex.next() {
		tokens = append(tokens, t)
	}
	for len(tokens) > 0 && isSymbol(text, tokens[len(tokens)-1], ';') {
		tokens = tokens[:len(tokens)-1]
	}
	return tokens
}

func isSymbol(text string, t token, c byte) bool {
	return t.kind == tokenSymbol && text[t.start] == c
}

// endOf is where the last token ends.
func endOf(tokens []token) int {
	if len(tokens) == 0 {
		return 0
	}
	return tokens[len(tokens)-1].end
}
