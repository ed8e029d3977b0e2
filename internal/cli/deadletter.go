package cli

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"parley/internal/cli/dead"
	"parley/schemas"
)

// letterSummary is a letter in a list, as JSON.
type letterSummary struct {
	Partition int32        `json:"partition"`
	Offset    int64        `json:"offset"`
	Time      time.Time    `json:"time"`
	Code      schemas.Code `json:"code"`
	Detail    string       `json:"detail"`
	// The source is where the record came from; null: it is not known.
	Source *placeJSON `json:"source"`
}

// placeJSON is where a record lies.
type placeJSON struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    *int64 `json:"offset,omitempty"`
}

// letterJSON is a whole letter.
type letterJSON struct {
	letterSummary
	Key     *bytesJSON   `json:"key"`
	Headers []headerJSON `json:"headers"`
	Value   *bytesJSON   `json:"value"`
}

type headerJSON struct {
	Name  string     `json:"name"`
	Value *bytesJSON `json:"value"`
}

// bytesJSON are bytes: as text, if they are text, else in base64.
type bytesJSON struct {
	Text   *string `json:"text,omitempty"`
	Base64 []byte  `json:"base64,omitempty"`
}

func summaryOf(l *dead.Letter) letterSummary {
	return letterSummary{
		Partition: l.Partition,
		Offset:    l.Offset,
		Time:      l.At.UTC(),
		Code:      l.Code,
		Detail:    l.Detail,
		Source:    placeJSONOf(l.Source),
	}
}

func placeJSONOf(p dead.Place) *placeJSON {
	if p.Topic == "" {
		return nil
	}
	out := &placeJSON{Topic: p.Topic, Partition: p.Partition}
	if p.Offset >= 0 {
		out.Offset = &p.Offset
	}
	return out
}

func letterJSONOf(l *dead.Letter) letterJSON {
	whole := letterJSON{letterSummary: summaryOf(l), Key: bytesJSONOf(l.Key), Value: bytesJSONOf(l.Value), Headers: []headerJSON{}}
	for _, h := range l.Headers {
		whole.Headers = append(whole.Headers, headerJSON{Name: h.Key, Value: bytesJSONOf(h.Value)})
	}
	return whole
}

func bytesJSONOf(b []byte) *bytesJSON {
	switch {
	case b == nil:
		return nil
	case isText(b):
		text := string(b)
		return &bytesJSON{Text: &text}
	}
	return &bytesJSON{Base64: b}
}

// printJSON prints one line.
func printJSON(w io.Writer, v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode as JSON: %w", err)
	}
	fmt.Fprintf(w, "%s\n", line)
	return nil
}

// letterText is a whole letter for a person.
func letterText(l *dead.Letter) string {
	var b strings.Builder
	fmt.Fprintf(&b, "record %d/%d, dead since %s\n", l.Partition, l.Offset, at(&l.At))
	fmt.Fprintf(&b, "source   %s\n", orDash(l.Source.String()))
	fmt.Fprintf(&b, "reason   %s\n", orDash(printable(reason(l.Code, l.Detail))))
	fmt.Fprintf(&b, "key      %s\n", orDash(printable(string(l.Key))))
	for _, h := range l.Headers {
		fmt.Fprintf(&b, "header   %s: %s\n", printable(h.Key), printable(string(h.Value)))
	}
	if l.Empty() {
		return b.String() + "value    -\n"
	}
	fmt.Fprintf(&b, "value    %s bytes\n\n", number(len(l.Value)))
	if isText(l.Value) {
		return b.String() + strings.TrimRight(string(l.Value), "\n") + "\n"
	}
	return b.String() + hex.Dump(l.Value)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// isText reports whether bytes can be printed as they are: a terminal obeys some characters.
func isText(b []byte) bool {
	if !utf8.Valid(b) {
		return false
	}
	return strings.IndexFunc(string(b), func(r rune) bool { return !unicode.IsPrint(r) && !strings.ContainsRune("\n\r\t", r) }) < 0
}

// printable is a text on one line that a terminal only shows.
func printable(s string) string {
	if isText([]byte(s)) && !strings.ContainsAny(s, "\n\r\t") {
		return s
	}
	return fmt.Sprintf("%q", s)
}

// excerpt is as much of a text as a row of a table has room for.
func excerpt(s string) string {
	const most = 100
	runes := []rune(printable(s))
	if len(runes) <= most {
		return string(runes)
	}
	return string(runes[:most-3]) + "..."
}
