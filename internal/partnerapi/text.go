package partnerapi

import (
	"strconv"
	"unicode/utf8"
)

// AppendText appends text as it stands in an element or an attribute. What XML cannot hold becomes U+FFFD.
func AppendText(b []byte, text string) []byte {
	from := 0
	for i := 0; i < len(text); {
		r, width := utf8.DecodeRuneInString(text[i:])
		var with string
		switch {
		case r == '&':
			with = "&amp;"
		case r == '<':
			with = "&lt;"
		case r == '>':
			with = "&gt;"
		case r == '"':
			with = "&#34;"
		case r == '\r' || r == '\n' || r == '\t': // an attribute would have spaces of them, and text no carriage return
			with = "&#" + strconv.Itoa(int(r)) + ";"
		case !isChar(r) || r == utf8.RuneError && width == 1:
			with = "\uFFFD"
		}
		if with != "" {
			b = append(append(b, text[from:i]...), with...)
			from = i + width
		}
		i += width
	}
	return append(b, text[from:]...)
}

// isChar says whether XML 1.0 has a character (section 2.2).
func isChar(r rune) bool {
	return r >= 0x20 && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 || r == '\t' || r == '\n' || r == '\r'
}

// AppendElement appends an element that holds text.
func AppendElement(b []byte, element, text string) []byte {
	b = append(append(append(b, '<'), element...), '>')
	b = AppendText(b, text)
	return append(append(append(b, '<', '/'), element...), '>')
}

// appendOptional appends an element, unless it would be empty.
func appendOptional(b []byte, element, text string) []byte {
	if text == "" {
		return b
	}
	return AppendElement(b, element, text)
}

// appendName appends a name that is data as one of XML without prefix, and what cannot stand in such a name as _xHHHH_, the way of
// SQL/XML (ISO/IEC 9075-14) and of .NET's XmlConvert.EncodeName.
func appendName(b []byte, name string) []byte {
	if name == "" {
		return append(b, "_x0000_"...)
	}
	for i, r := range name {
		if isNameStart(r) || i > 0 && (r >= '0' && r <= '9' || r == '-' || r == '.' || r == 0xB7) {
			b = utf8.AppendRune(b, r)
			continue
		}
		hex := strconv.FormatInt(int64(r), 16)
		b = append(b, "_x0000"[:max(2, 6-len(hex))]...)
		b = append(append(b, hex...), '_')
	}
	return b
}

// isNameStart says whether a name of Namespaces in XML may begin with r. Of what lies beyond ASCII it knows the blocks that are letters
// in every edition of XML.
func isNameStart(r rune) bool {
	return r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= 0xC0 && r <= 0x2FF && r != 0xD7 && r != 0xF7 ||
		r >= 0x370 && r <= 0x1FFF && r != 0x37E || r >= 0x3001 && r <= 0xD7FF
}
