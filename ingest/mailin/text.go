package mailin

import (
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"strings"
)

const (
	// textBytesMax bounds what is read of a text.
	textBytesMax = 64 << 10
	// depthMax bounds how deep parts hold parts: mixed, related, alternative, and one more.
	depthMax = 4
)

// plainText is the first part of a message that is text, and no file; empty: there is none.
func plainText(m *netmail.Message) string {
	return textIn(m.Header.Get, m.Body, depthMax)
}

// textIn looks in a part, with the headers that get finds.
func textIn(get func(string) string, body io.Reader, depth int) string {
	kind, parameters, err := mime.ParseMediaType(get("Content-Type"))
	if err != nil {
		kind, parameters = "text/plain", nil // RFC 2045, section 5.2
	}
	if kind == "text/plain" {
		if disposition, _, _ := mime.ParseMediaType(get("Content-Disposition")); disposition == "attachment" {
			return ""
		}
		return decoded(get("Content-Transfer-Encoding"), parameters["charset"], body)
	}
	if !strings.HasPrefix(kind, "multipart/") || depth == 0 {
		return ""
	}
	parts := multipart.NewReader(body, parameters["boundary"])
	for {
		part, err := parts.NextRawPart()
		if err != nil {
			return "" // the last is behind us, or nobody can tell where it is
		}
		if text := textIn(part.Header.Get, part, depth-1); text != "" {
			return text
		}
	}
}

// decoded is the beginning of a text. What cannot be decoded is left out with all that follows it.
func decoded(encoding, charset string, body io.Reader) string {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	}
	b, _ := io.ReadAll(io.LimitReader(body, textBytesMax)) // what has been read is a text
	switch strings.ToLower(charset) {
	case "iso-8859-1", "iso-8859-15", "windows-1252":
		return latin(b)
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}

// latin reads the bytes of Latin 1; the few signs that others of its kind have elsewhere are lost.
func latin(b []byte) string {
	runes := make([]rune, len(b))
	for i, c := range b {
		runes[i] = rune(c)
	}
	return string(runes)
}

// ownWords are the first paragraph that whoever replies has written, as one line: above what it replies to, or below it. Empty: there
// is none. A quotation begins each line with >; what stands right above it says whose it is. A line of dashes, or of underscores, begins what is
// quoted otherwise, and -- a signature.
func ownWords(text string) string {
	var own []string
	ended := false // with a colon: what follows may be the quotation
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, ">"):
			own, ended = nil, false
		case line == "--" || strings.HasPrefix(line, "-----") || strings.HasPrefix(line, "_____"):
			return strings.Join(own, " ")
		case line == "" && len(own) > 0:
			if ended = strings.HasSuffix(own[len(own)-1], ":"); !ended {
				return strings.Join(own, " ")
			}
		case line == "":
		case ended:
			return strings.Join(own, " ")
		default:
			own = append(own, line)
		}
	}
	return strings.Join(own, " ")
}
