package clickhouse

import "slices"

// The prefix of a column comes before its values and says what its type leaves open:
//
//	LowCardinality  version                                                        8 bytes
//	Variant         mode, 0                                                        8
//	Dynamic         version                                                        8
//	                1: a count of no use here, then as 2                           varint
//	                2: number of types, their names; mode, 0                       varint, strings; 8
//	                3: number of types, their names                                varint, strings
//	JSON            version                                                        8
//	                1: no more: the values are strings
//	                0: a count of no use here, then as 2                           varint
//	                2, 3: number of paths that the type does not name, the paths   varint, strings
//
// followed by the prefixes of the elements: of a Variant in its order, of a Dynamic in that of its values, of a JSON first
// those of the paths that the type names, then a Dynamic for each of the others. Versions 1 and 2 of a Dynamic have
// its types sorted, among them SharedVariant, whose values are strings; 0 and 2 of a JSON end with an Array(Tuple(String,
// String)) of the paths that were too many.
const (
	dynamicV1   = 1
	dynamicV2   = 2
	dynamicFlat = 3
	jsonV1      = 0
	jsonString  = 1
	jsonV2      = 2
	jsonFlat    = 3

	sharedVariant = "SharedVariant"
	jsonPathsMax  = 10_000
)

// prefix moves over the prefix of a column, if it has one, and returns the layout that its values then have.
func (w *blockWalk) prefix(l layout, depth int) (layout, error) {
	if !l.prefixed {
		return l, nil
	}
	if depth > typeDepthMax {
		return l, exceptionf(codeTooDeep, "data type is nested more than %d times", typeDepthMax)
	}
	switch l.kind {
	case layoutLowCardinality:
		_, err := w.tape.take(8)
		return l, err
	case layoutDynamic:
		return w.dynamicPrefix(depth)
	case layoutJSON:
		return w.jsonPrefix(l, depth)
	case layoutVariant:
		if err := w.basicMode(); err != nil {
			return l, err
		}
	}
	elems, err := w.prefixes(l.elems, depth)
	return layout{kind: l.kind, width: l.width, elems: elems}, err
}

// prefixes moves over the prefixes of elements.
func (w *blockWalk) prefixes(elems []layout, depth int) ([]layout, error) {
	out := slices.Clone(elems)
	for i := range out {
		var err error
		if out[i], err = w.prefix(out[i], depth+1); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// basicMode refuses the one in which the numbers of a Variant's elements are compressed.
func (w *blockWalk) basicMode() error {
	mode, err := w.uint64()
	if err == nil && mode != 0 {
		return exceptionf(codeNotImplemented, "Variant column in mode %d; only mode 0 is supported by the embedded server", mode)
	}
	return err
}

func (w *blockWalk) dynamicPrefix(depth int) (layout, error) {
	version, err := w.uint64()
	if err != nil {
		return layout{}, err
	}
	if version < dynamicV1 || version > dynamicFlat {
		return layout{}, unknownVersion("Dynamic", version)
	}
	if version == dynamicV1 {
		if _, err := w.tape.uvarint(); err != nil {
			return layout{}, err
		}
	}
	names, err := w.names("types", typeElementsMax)
	if err != nil {
		return layout{}, err
	}
	if version != dynamicFlat {
		names = append(names, sharedVariant)
		slices.Sort(names)
		if err := w.basicMode(); err != nil {
			return layout{}, err
		}
	}
	l := layout{kind: layoutVariant, width: 1, elems: make([]layout, len(names))}
	for len(names) >= 1<<(8*l.width) {
		l.width *= 2
	}
	for i, name := range names {
		if name == sharedVariant {
			name = "String"
		}
		if l.elems[i], err = w.layout(name); err != nil {
			return l, err
		}
	}
	l.elems, err = w.prefixes(l.elems, depth)
	return l, err
}

func (w *blockWalk) jsonPrefix(l layout, depth int) (layout, error) {
	version, err := w.uint64()
	if err != nil {
		return layout{}, err
	}
	switch version {
	case jsonString:
		return layout{kind: layoutString}, nil
	case jsonV1:
		if _, err := w.tape.uvarint(); err != nil {
			return layout{}, err
		}
	case jsonV2, jsonFlat:
	default:
		return layout{}, unknownVersion("JSON", version)
	}
	paths, err := w.names("paths", jsonPathsMax)
	if err != nil {
		return layout{}, err
	}
	elems := slices.Clone(l.elems)
	for range paths {
		elems = append(elems, layout{kind: layoutDynamic, prefixed: true})
	}
	if elems, err = w.prefixes(elems, depth); err != nil {
		return layout{}, err
	}
	if version != jsonFlat {
		elems = append(elems, arrayOf(tupleOf(layout{kind: layoutString}, layout{kind: layoutString})))
	}
	return tupleOf(elems...), nil
}

// names moves over a number and as many strings.
func (w *blockWalk) names(what string, max int) ([]string, error) {
	n, err := w.number(what, max)
	if err != nil {
		return nil, err
	}
	var names []string
	for range n {
		name, err := w.string(what)
		if err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}

func unknownVersion(typ string, version uint64) error {
	return exceptionf(codeIncorrectData, "%s column with serialization version %d", typ, version)
}
