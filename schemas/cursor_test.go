package schemas_test

import (
	"math"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"parley/schemas"
)

func TestCursorText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		cursor schemas.Cursor
		text   string
	}{
		{"before all", schemas.Cursor{}, "AQA"},
		{"of nothing", schemas.Cursor{Sequences: []int64{0, 0}}, "AQA"},
		{"two partitions", schemas.Cursor{Sequences: []int64{0, 300}}, "AQIArAI"},
		{"a call in part", schemas.Cursor{Sequences: []int64{7}, Part: &schemas.CursorPart{Partition: 1, Sequence: 1, Ordinal: 99}}, "AQEHAQFj"},
	} {
		if got := c.cursor.String(); got != c.text {
			t.Errorf("%s: text = %q, want %q", c.name, got, c.text)
		}
	}
}

func TestCursorRefused(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"empty":                          "",
		"another version":                "AgA",
		"no base64":                      "A+==",
		"cut":                            "AQIA",
		"zeros at the end":               "AQEA",
		"a call that was given as whole": schemas.Cursor{Sequences: []int64{7}, Part: &schemas.CursorPart{Partition: 0, Sequence: 7}}.String(),
		"more":                           "AQAAAAAA",
	} {
		if c, err := schemas.ParseCursor(text); err == nil {
			t.Errorf("%s: ParseCursor(%q) = %+v, no error", name, text, c)
		}
	}
}

func TestCursorRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var c schemas.Cursor
		for partition, sequence := range rapid.MapOfN(rapid.Int32Range(0, 64), rapid.Int64Range(1, math.MaxInt64-1), 0, 8).Draw(t, "sequences") {
			c.Advance(partition, sequence)
		}
		if rapid.Bool().Draw(t, "part") {
			partition := rapid.Int32Range(0, schemas.PartitionsMax-1).Draw(t, "partition")
			c.Part = &schemas.CursorPart{
				Partition: partition,
				Sequence:  rapid.Int64Range(c.Sequence(partition)+1, math.MaxInt64).Draw(t, "sequence"),
				Ordinal:   rapid.Int32Range(0, schemas.ObjectsCeiling).Draw(t, "ordinal"),
			}
		}
		got, err := schemas.ParseCursor(c.String())
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, c) {
			t.Errorf("read %+v, want %+v", got, c)
		}
	})
}

func FuzzParseCursor(f *testing.F) {
	f.Add("AQA")
	f.Add("AQIArAI")
	f.Add("AQEHAQFj")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := schemas.ParseCursor(text)
		if err == nil && c.String() != text {
			t.Errorf("%q is read as %+v, whose text is %q", text, c, c.String())
		}
	})
}
