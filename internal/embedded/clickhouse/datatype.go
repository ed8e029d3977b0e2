package clickhouse

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// layout says how the values of a data type lie in a Native block, as far as is needed to find their end.
type layout struct {
	kind     layoutKind
	width    int      // bytes of a value of layoutFixed, of an element's number in layoutVariant
	elems    []layout // what it is made of: one of Nullable, Array and LowCardinality, any number of the others
	prefixed bool     // it has a prefix, or an element has
}

type layoutKind byte

const (
	layoutFixed          layoutKind = iota // rows × width bytes
	layoutString                           // rows × (varint length, bytes)
	layoutNullable                         // rows × 1 byte, then the values
	layoutArray                            // rows × 8 bytes of end offsets, then the elements
	layoutTuple                            // one column after the other
	layoutLowCardinality                   // a dictionary and indexes into it
	layoutVariant                          // rows × the number of the element, then the values of each element
	layoutDynamic                          // as its prefix says; then it is a layoutVariant
	layoutJSON                             // as its prefix says; elems are the paths that the type names
)

// Bounds of a type's text: ClickHouse's own types stay far below.
const (
	typeDepthMax       = 32
	typeElementsMax    = 1000
	fixedStringSizeMax = 1 << 24
)

// fixedWidths are the types whose values have one size, by name without arguments.
var fixedWidths = map[string]int{
	"UInt8": 1, "UInt16": 2, "UInt32": 4, "UInt64": 8, "UInt128": 16, "UInt256": 32,
	"Int8": 1, "Int16": 2, "Int32": 4, "Int64": 8, "Int128": 16, "Int256": 32,
	"Float32": 4, "Float64": 8, "BFloat16": 2, "Bool": 1, "Nothing": 1,
	"Date": 2, "Date32": 4, "DateTime": 4, "DateTime64": 8, "Time": 4, "Time64": 8,
	"Decimal32": 4, "Decimal64": 8, "Decimal128": 16, "Decimal256": 32,
	"Enum8": 1, "Enum16": 2, "UUID": 16, "IPv4": 4, "IPv6": 16, "Point": 16,
	"IntervalNanosecond": 8, "IntervalMicrosecond": 8, "IntervalMillisecond": 8, "IntervalSecond": 8,
	"IntervalMinute": 8, "IntervalHour": 8, "IntervalDay": 8, "IntervalWeek": 8, "IntervalMonth": 8,
	"IntervalQuarter": 8, "IntervalYear": 8,
}

// layoutOf reads the text of a data type, such as Array(LowCardinality(String)).
func layoutOf(text string) (layout, error) { return parseType(text, 0) }

func parseType(text string, depth int) (layout, error) {
	if depth > typeDepthMax {
		return layout{}, exceptionf(codeTooDeep, "data type is nested more than %d times", typeDepthMax)
	}
	name, args, err := splitType(strings.TrimSpace(text))
	if err != nil {
		return layout{}, err
	}
	if width, ok := fixedWidths[name]; ok {
		return layout{kind: layoutFixed, width: width}, nil
	}
	switch name {
	case "String":
		return layout{kind: layoutString}, nil
	case "FixedString", "Decimal":
		return sizedType(name, args)
	case "QBit":
		return quantizedType(args)
	case "Nullable", "Array", "LowCardinality", "Tuple", "Map", "Nested", "Variant", "SimpleAggregateFunction":
		return compositeType(name, args, depth)
	case "Dynamic":
		return layout{kind: layoutDynamic, prefixed: true}, nil
	case "JSON":
		return jsonType(args, depth)
	case "Geometry":
		return parseType("Variant(LineString, MultiLineString, MultiPolygon, Point, Polygon, Ring)", depth)
	case "Ring", "LineString":
		return arrayOf(fixed(fixedWidths["Point"])), nil
	case "Polygon", "MultiLineString":
		return arrayOf(arrayOf(fixed(fixedWidths["Point"]))), nil
	case "MultiPolygon":
		return arrayOf(arrayOf(arrayOf(fixed(fixedWidths["Point"])))), nil
	}
	return layout{}, exceptionf(codeNotImplemented, "data type %s is not supported in format Native by the embedded server; for an AggregateFunction use finalizeAggregation or the -Merge functions, else another format over HTTP", name)
}

// sizedType is a type whose width is its first argument, or follows from it.
func sizedType(name string, args []string) (layout, error) {
	if len(args) == 0 {
		return layout{}, malformedType(name)
	}
	n, err := strconv.Atoi(args[0])
	if err != nil || n < 1 || n > fixedStringSizeMax {
		return layout{}, malformedType(name)
	}
	if name == "FixedString" {
		return fixed(n), nil
	}
	switch { // Decimal(precision, scale)
	case n <= 9:
		return fixed(4), nil
	case n <= 18:
		return fixed(8), nil
	case n <= 38:
		return fixed(16), nil
	}
	return fixed(32), nil
}

// compositeType is a type made of others.
func compositeType(name string, args []string, depth int) (layout, error) {
	if name == "SimpleAggregateFunction" && len(args) > 1 {
		args = args[1:] // the function's name
	}
	elems := make([]layout, len(args))
	for i, arg := range args {
		if name == "Tuple" || name == "Nested" {
			arg = withoutName(arg)
		}
		var err error
		if elems[i], err = parseType(arg, depth+1); err != nil {
			return layout{}, err
		}
	}
	switch {
	case name == "Tuple" && len(elems) == 0:
		return fixed(1), nil
	case name == "Tuple":
		return tupleOf(elems...), nil
	case name == "Map" && len(elems) == 2, name == "Nested" && len(elems) > 0:
		return arrayOf(tupleOf(elems...)), nil
	case name == "Variant" && len(elems) > 0:
		return layout{kind: layoutVariant, width: 1, elems: elems, prefixed: true}, nil
	case len(elems) != 1:
		return layout{}, malformedType(name)
	case name == "Array":
		return arrayOf(elems[0]), nil
	case name == "Nullable":
		return layout{kind: layoutNullable, elems: elems, prefixed: elems[0].prefixed}, nil
	case name == "LowCardinality":
		if elems[0].kind == layoutNullable { // the dictionary's first entry stands for NULL
			elems = elems[0].elems
		}
		if elems[0].kind != layoutFixed && elems[0].kind != layoutString {
			return layout{}, malformedType(name)
		}
		return layout{kind: layoutLowCardinality, elems: elems, prefixed: true}, nil
	case name == "SimpleAggregateFunction":
		return elems[0], nil
	}
	return layout{}, malformedType(name)
}

// quantizedType is QBit(element type, dimension): a bit of each dimension's value after the other.
func quantizedType(args []string) (layout, error) {
	if len(args) < 2 {
		return layout{}, malformedType("QBit")
	}
	n, err := strconv.Atoi(args[1])
	if err != nil || n < 1 || n > fixedStringSizeMax || !slices.Contains([]string{"BFloat16", "Float32", "Float64"}, args[0]) {
		return layout{}, malformedType("QBit")
	}
	return fixed(8 * fixedWidths[args[0]] * ((n + 7) / 8)), nil
}

// jsonType is JSON(path type, ..., name=value, ..., SKIP path, ..., SKIP REGEXP '...', ...). The paths lie sorted.
func jsonType(args []string, depth int) (layout, error) {
	type typed struct {
		path string
		layout
	}
	var paths []typed
	for _, arg := range args {
		path, typ := splitPath(arg)
		if path == "SKIP" || strings.HasPrefix(typ, "=") {
			continue
		}
		l, err := parseType(typ, depth+1)
		if err != nil {
			return layout{}, err
		}
		paths = append(paths, typed{path, l})
	}
	slices.SortFunc(paths, func(a, b typed) int { return strings.Compare(a.path, b.path) })
	out := layout{kind: layoutJSON, prefixed: true}
	for _, p := range paths {
		out.elems = append(out.elems, p.layout)
	}
	return out, nil
}

// splitPath cuts a.`b c` String into the path a.b c and what follows it.
func splitPath(arg string) (path, rest string) {
	lex := lexer{text: arg}
	for {
		t := lex.next()
		if t.kind != tokenWord && t.kind != tokenQuoted {
			return path, arg[t.start:]
		}
		path += unquote(arg[t.start:t.end])
		if lex.pos == len(arg) || arg[lex.pos] != '.' {
			return path, strings.TrimSpace(arg[lex.pos:])
		}
		path += "."
		lex.pos++
	}
}

func fixed(width int) layout       { return layout{kind: layoutFixed, width: width} }
func malformedType(n string) error { return exceptionf(codeUnknownType, "malformed data type %s", n) }

func arrayOf(elem layout) layout {
	return layout{kind: layoutArray, elems: []layout{elem}, prefixed: elem.prefixed}
}

func tupleOf(elems ...layout) layout {
	prefixed := slices.ContainsFunc(elems, func(l layout) bool { return l.prefixed })
	return layout{kind: layoutTuple, elems: elems, prefixed: prefixed}
}

// splitType cuts Name(a, b(c, d)) into Name and its arguments.
func splitType(text string) (name string, args []string, err error) {
	open := strings.IndexByte(text, '(')
	if open < 0 {
		return text, nil, nil
	}
	name = text[:open]
	lex := lexer{text: text, pos: open + 1}
	from := lex.pos
	for depth := 1; ; {
		t := lex.next()
		if t.kind == tokenEnd {
			return "", nil, malformedType(name)
		}
		switch {
		case isSymbol(text, t, '('):
			depth++
		case isSymbol(text, t, ')'):
			depth--
		}
		if depth > 0 && (depth > 1 || !isSymbol(text, t, ',')) {
			continue
		}
		if arg := strings.TrimSpace(text[from:t.start]); arg != "" {
			args = append(args, arg)
		}
		if len(args) > typeElementsMax {
			return "", nil, exceptionf(codeTooBig, "data type %s has more than %d elements", name, typeElementsMax)
		}
		if from = t.end; depth == 0 {
			return name, args, trailing(text, t.end)
		}
	}
}

func trailing(text string, pos int) error {
	if rest := strings.TrimSpace(text[pos:]); rest != "" {
		return exceptionf(codeUnknownType, "malformed data type: %q follows its end", fmt.Sprintf("%.40s", rest))
	}
	return nil
}

// withoutName cuts the name from an element of a tuple, which is a name and a type or a type alone.
func withoutName(elem string) string {
	lex := lexer{text: elem}
	lex.next()
	second := lex.next()
	if second.kind == tokenWord {
		return elem[second.start:]
	}
	return elem
}
