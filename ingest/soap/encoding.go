package soap

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// encodings are those that an XML declaration may name beside UTF-8, in lower case. UTF-16 is known by its first bytes.
var encodings = map[string]encoding.Encoding{
	"iso-8859-1":   charmap.ISO8859_1,
	"windows-1252": charmap.Windows1252,
}

// decodeText is a document in UTF-8 and without a byte order mark (XML 1.0, appendix F). Its declaration may still name
// another encoding.
func decodeText(document []byte) ([]byte, error) {
	var from encoding.Encoding
	switch {
	case hasPrefix(document, "\xff\xfe", "<\x00"):
		from = unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)
	case hasPrefix(document, "\xfe\xff", "\x00<"):
		from = unicode.UTF16(unicode.BigEndian, unicode.UseBOM)
	default:
		switch name := declaredEncoding(document); name {
		case "", "utf-8", "us-ascii":
			text := bytes.TrimPrefix(document, []byte("\xef\xbb\xbf"))
			if !utf8.Valid(text) {
				return nil, errors.New("the document is not UTF-8")
			}
			return text, nil
		default:
			if from = encodings[name]; from == nil {
				return nil, fmt.Errorf("the encoding %.40q is not known here; write UTF-8", name)
			}
		}
	}
	text, err := from.NewDecoder().Bytes(document)
	if err != nil {
		return nil, fmt.Errorf("decode text: %w", err)
	}
	return text, nil
}

func hasPrefix(document []byte, prefixes ...string) bool {
	for _, p := range prefixes {
		if bytes.HasPrefix(document, []byte(p)) {
			return true
		}
	}
	return false
}

// declaredEncoding is what the XML declaration says, in lower case; "" if it says nothing, or there is none. Whether it is well
// formed is found when the document is read.
func declaredEncoding(document []byte) string {
	declaration, _, _ := bytes.Cut(document, []byte("?>"))
	if !bytes.HasPrefix(declaration, []byte("<?xml")) {
		return ""
	}
	_, value, _ := bytes.Cut(declaration, []byte("encoding"))
	value = bytes.TrimLeft(value, "= \t\r\n")
	if len(value) == 0 {
		return ""
	}
	name, _, _ := bytes.Cut(value[1:], value[:1]) // between quotes
	return strings.ToLower(string(name))
}
