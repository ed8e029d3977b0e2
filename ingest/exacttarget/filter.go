package exacttarget

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"

	"parley/ingest/soap"
)

// What a Filter may have.
const (
	// filterPartsMax bounds the comparisons.
	filterPartsMax = 100
	// filterBytesMax bounds the text of all values: an answer that is not the last carries the filter in its RequestID.
	filterBytesMax = 16 << 10
	// likeWeight is how many bytes a byte of a pattern counts for: to apply a pattern takes as long as the product of the lengths.
	likeWeight = 64
)

// Filter says which objects a Retrieve asks for: a comparison, or, when Logical is set, what several of them have in common.
type Filter struct {
	// Logical is AND or OR (LogicalOperators); empty: it is a comparison.
	Logical  string   `json:"l,omitzero"`
	Operands []Filter `json:"f,omitzero"`

	Property string `json:"p,omitzero"`
	// Operator is one of SimpleOperators.
	Operator string   `json:"o,omitzero"`
	Values   []string `json:"v,omitzero"`
}

// The values of LogicalOperators.
const (
	logicalAnd = "AND"
	logicalOr  = "OR"
)

// The values of SimpleOperators that are told apart outside of satisfies.
const (
	opEquals    = "equals"
	opIn        = "IN"
	opBetween   = "between"
	opIsNull    = "isNull"
	opIsNotNull = "isNotNull"

	opLike              = "like"
	opNotEquals         = "notEquals"
	opNotContains       = "notContains"
	opNotExistsInString = "notExistsInString"
)

// readFilter reads a FilterPart; nil: it asks for everything. Its type is the one that it names, else the one whose members it has.
func readFilter(e *soap.Element) (*Filter, error) {
	if e == nil || e.Nil || e.Type.Local == "" && len(e.Children) == 0 {
		return nil, nil
	}
	switch kind := e.Type.Local; {
	case kind == "ComplexFilterPart", kind != "SimpleFilterPart" && e.Child("LeftOperand") != nil:
		return readComplex(e)
	case kind == "SimpleFilterPart", e.Child("Property") != nil:
		return readSimple(e), nil
	default:
		return nil, refuse("the Filter is a SimpleFilterPart or a ComplexFilterPart, as its xsi:type says, not %.100q", kind)
	}
}

func readSimple(e *soap.Element) *Filter {
	f := &Filter{Property: e.Child("Property").Value(), Operator: e.Child("SimpleOperator").Value()}
	for _, name := range []string{"Value", "DateValue"} {
		for v := range e.All(name) {
			f.Values = append(f.Values, v.Value())
		}
	}
	return f
}

func readComplex(e *soap.Element) (*Filter, error) {
	f := &Filter{Logical: cmp.Or(e.Child("LogicalOperator").Value(), logicalAnd)}
	operands := []*soap.Element{e.Child("LeftOperand"), e.Child("RightOperand")}
	for more := range e.All("AdditionalOperands") {
		for o := range more.All("Operand") {
			operands = append(operands, o)
		}
	}
	for _, o := range operands {
		part, err := readFilter(o)
		if err != nil {
			return nil, err
		}
		if part != nil {
			f.Operands = append(f.Operands, *part)
		}
	}
	return f, nil
}

// check returns why a filter cannot be applied to objects of a type, and brings names and values into the form that they are
// compared in.
func (f *Filter) check(t *resultType) error {
	var parts, bytes int
	return f.checkWithin(t, &parts, &bytes)
}

func (f *Filter) checkWithin(t *resultType, parts, bytes *int) error {
	if f.Logical != "" {
		if f.Logical != logicalAnd && f.Logical != logicalOr {
			return refuse("the LogicalOperator of a Filter is AND or OR, not %.100q", f.Logical)
		}
		if len(f.Operands) == 0 {
			return refuse("a ComplexFilterPart of the Filter has no operands")
		}
		for i := range f.Operands {
			if err := f.Operands[i].checkWithin(t, parts, bytes); err != nil {
				return err
			}
		}
		return nil
	}
	if *parts++; *parts > filterPartsMax {
		return refuse("a Filter has at most %d comparisons", filterPartsMax)
	}
	weight := 1
	if f.Operator == opLike {
		weight = likeWeight
	}
	for _, v := range f.Values {
		*bytes += weight * len(v)
	}
	if *bytes > filterBytesMax {
		return refuse("the values of a Filter have at most %d bytes, and those of like %d; ask in several requests", filterBytesMax, filterBytesMax/likeWeight)
	}
	return f.checkSimple(t)
}

func (f *Filter) checkSimple(t *resultType) error {
	p, ok := t.property(f.Property)
	if !ok || p.value == nil || p.told {
		return refuse("the Filter Property %.100q is none that a %s is found by", f.Property, t.name)
	}
	f.Property = p.name
	if err := f.checkCount(); err != nil {
		return err
	}
	for i, v := range f.Values {
		if f.Values[i], ok = p.kind.canonical(v); !ok {
			return refuse("the Filter compares %s with %.100q, which is %s", f.Property, v, p.kind.not())
		}
	}
	return nil
}

// checkCount returns what is wrong with how many values an operator has.
func (f *Filter) checkCount() error {
	n := len(f.Values)
	switch f.Operator {
	case opIsNull, opIsNotNull:
		f.Values = nil
	case opIn:
		if n == 0 {
			return refuse("the operator IN of the Filter has no Value")
		}
	case opBetween:
		if n != 2 {
			return refuse("the operator between of the Filter has two values, from and to, not %d", n)
		}
	default:
		if _, known := kindText.satisfies(f.Operator, "", ""); !known {
			return refuse("the Filter has the operator %.100q, which is none for the properties of results", f.Operator)
		}
		if n != 1 {
			return refuse("the operator %s of the Filter has one value, not %d", f.Operator, n)
		}
	}
	return nil
}

// takes reports whether an object is asked for. A nil f takes all.
func (f *Filter) takes(t *resultType, r *Row) bool {
	if f == nil {
		return true
	}
	has := func(o Filter) bool { return o.takes(t, r) }
	switch f.Logical {
	case logicalAnd:
		return !slices.ContainsFunc(f.Operands, func(o Filter) bool { return !has(o) })
	case logicalOr:
		return slices.ContainsFunc(f.Operands, has)
	}
	p, _ := t.property(f.Property)
	return f.compares(p.kind, p.value(r))
}

// compares applies a comparison. What an object does not have is no value: it is null, differs from every value, and contains
// none.
func (f *Filter) compares(k kind, value string) bool {
	null := value == ""
	switch f.Operator {
	case opIsNull:
		return null
	case opIsNotNull:
		return !null
	case opIn:
		return !null && slices.Contains(f.Values, value)
	case opBetween:
		return !null && k.compare(value, f.Values[0]) >= 0 && k.compare(value, f.Values[1]) <= 0
	}
	if null {
		return f.Operator == opNotEquals || f.Operator == opNotContains || f.Operator == opNotExistsInString
	}
	holds, _ := k.satisfies(f.Operator, value, f.Values[0])
	return holds
}

// satisfies applies an operator of SimpleOperators that compares with one value; false: it is none. Those that are about anniversaries
// are none: there is nothing in a result that has any.
func (k kind) satisfies(operator, value, with string) (holds, known bool) {
	switch operator {
	case opEquals:
		return value == with, true
	case opNotEquals:
		return value != with, true
	case "greaterThan":
		return k.compare(value, with) > 0, true
	case "lessThan":
		return k.compare(value, with) < 0, true
	case "greaterThanOrEqual":
		return k.compare(value, with) >= 0, true
	case "lessThanOrEqual":
		return k.compare(value, with) <= 0, true
	case opLike:
		return like(value, with), true
	case "contains", "existsInString":
		return strings.Contains(value, with), true
	case opNotContains, opNotExistsInString:
		return !strings.Contains(value, with), true
	case "existsInStringAsAWord":
		return slices.Contains(words(value), with), true
	case "beginsWith":
		return strings.HasPrefix(value, with), true
	case "endsWith":
		return strings.HasSuffix(value, with), true
	}
	return false, false
}

func words(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// like reports whether text is as a pattern of SQL: % stands for any text, _ for one character. It takes no more than the product of
// their lengths.
func like(text, pattern string) bool {
	t, p := []rune(text), []rune(pattern)
	star, from := -1, 0 // the last %, and where the text goes on behind what it stands for
	i, j := 0, 0
	for i < len(t) {
		switch {
		case j < len(p) && p[j] == '%':
			star, from = j, i
			j++
		case j < len(p) && (p[j] == '_' || p[j] == t[i]):
			i, j = i+1, j+1
		case star >= 0:
			from++
			i, j = from, star+1
		default:
			return false
		}
	}
	for j < len(p) && p[j] == '%' {
		j++
	}
	return j == len(p)
}

// kind is how the values of a property are compared, and written.
type kind int

const (
	kindText kind = iota
	kindID        // a UUID
	kindNumber
	kindTime
	kindDetail // a document
)

// canonical is a value as those of objects are written; false: it is none.
func (k kind) canonical(value string) (string, bool) {
	switch k {
	case kindID:
		if id, err := uuid.Parse(value); err == nil { // in braces, too
			return id.String(), true
		}
		return value, true // the id of nothing
	case kindNumber:
		n, err := strconv.ParseInt(value, 10, 64)
		return strconv.FormatInt(n, 10), err == nil
	case kindTime:
		at, ok := parseInstant(value)
		return formatInstant(at), ok
	}
	return value, true
}

// not says what a value is that is none.
func (k kind) not() string {
	if k == kindTime {
		return "no time, as 2026-12-01T08:00:00Z"
	}
	return "no whole number"
}

// compare orders two canonical values, as cmp.Compare does. Those that are fixed in their length are ordered as text is.
func (k kind) compare(a, b string) int {
	if k != kindNumber {
		return cmp.Compare(a, b)
	}
	x, _ := strconv.ParseInt(a, 10, 64)
	y, _ := strconv.ParseInt(b, 10, 64)
	return cmp.Compare(x, y)
}

// parseInstant reads an xs:dateTime or an xs:date. Without a zone it is UTC.
func parseInstant(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil && at.Year() > 0 && at.UTC().Year() <= 9999 {
			return at.UTC(), true
		}
	}
	return time.Time{}, false
}

// formatInstant writes an xs:dateTime to the millisecond.
func formatInstant(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format("2006-01-02T15:04:05.000Z")
}
