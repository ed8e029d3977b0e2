package partnerapi

import (
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// exactMax bounds the whole numbers that every reader of JSON keeps exactly (RFC 8259, section 6).
const exactMax = 1<<53 - 1

// AppendJSON appends the text of an element of type t as JSON. What is no value of t, and what a number of JSON does not hold exactly,
// is a string, as it stands. A nil t is of an element that is not known.
func (t *Type) AppendJSON(b []byte, text string) []byte {
	if t != nil {
		value := strings.Trim(text, " \t\r\n")
		switch t.Kind {
		case Boolean:
			switch value {
			case "true", "1":
				return append(b, "true"...)
			case "false", "0":
				return append(b, "false"...)
			}
		case Whole:
			if n, err := strconv.ParseInt(value, 10, t.bits); err == nil && -exactMax <= n && n <= exactMax {
				return strconv.AppendInt(b, n, 10)
			}
		case Number:
			if number, ok := exact(value); ok {
				return append(b, number...)
			}
		case Text, Time, Complex:
		}
	}
	return appendString(b, text)
}

// exact is a decimal number as JSON has it, if a float64 (which is what most readers make of it) stands for that number and no other.
func exact(text string) (string, bool) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return "", false
	}
	short := strconv.FormatFloat(f, 'e', -1, 64)
	if digits, ok := significant(text); !ok || digits != mantissa(short) {
		return "", false
	}
	return strconv.FormatFloat(f, 'g', -1, 64), true
}

// significant are the digits of a decimal number without zeros around them; false: it is written otherwise, as INF or 0x1p-2.
func significant(text string) (string, bool) {
	if strings.Trim(text, "+-.0123456789eE") != "" {
		return "", false
	}
	return mantissa(text), true
}

func mantissa(text string) string {
	end := strings.IndexAny(text, "eE")
	if end < 0 {
		end = len(text)
	}
	return strings.Trim(strings.Replace(strings.TrimLeft(text[:end], "+-"), ".", "", 1), "0")
}

func appendString(b []byte, text string) []byte {
	b, _ = jsontext.AppendQuote(b, text) // the only error is that invalid UTF-8 has become U+FFFD
	return b
}
