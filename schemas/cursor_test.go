package schemas_test

import (
	"math"
	"reflect"
	"testing"
	"time"

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
		{"a time alone", schemas.Cursor{Since: time.UnixMilli(300)}, "AqwCAA"},
		{"a time for one of two", schemas.Cursor{Since: time.UnixMilli(300), Sequences: []int64{schemas.Unplaced, 0}}, "AqwCAgAB"},
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
		"another version":                "AwA",
		"a time without partitions":      "AgA",
		"unplaced at the end":            "AqwCAQA",
		"a time and a call in part":      "AqwCAAEBAQ",
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
		if rapid.Bool().Draw(t, "since") {
			c.Since = time.UnixMilli(rapid.Int64Range(0, 1<<47).Draw(t, "milliseconds")).UTC()
		}
		for partition, sequence := range rapid.MapOfN(rapid.Int32Range(0, 64), rapid.Int64Range(1, math.MaxInt64-1), 0, 8).Draw(t, "sequences") {
			c.Advance(partition, sequence)
		}
		if c.Since.IsZero() && rapid.Bool().Draw(t, "part") {
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
	f.Add("AqwCAgAB")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := schemas.ParseCursor(text)
		if err == nil && c.String() != text {
			t.Errorf("%q is read as %+v, whose text is %q", text, c, c.String())
		}
	})
}

// A cursor with a time knows of some partitions where they stand, and forgets it again.
func TestCursorWithATime(t *testing.T) {
	t.Parallel()
	c := schemas.Cursor{Since: time.UnixMilli(300)}
	c.Advance(2, 7)
	c.Advance(0, 0)
	c.Withdraw(2, 9)
	c.Withdraw(1, 9)
	if want := []int64{0, schemas.Unplaced, 7}; !reflect.DeepEqual(c.Sequences, want) {
		t.Errorf("advanced to %v, want %v", c.Sequences, want)
	}
	if c.Settle(3); c.Since.IsZero() {
		t.Error("it has no time, and does not know partition 1")
	}
	c.Withdraw(2, 5)
	c.Unplace(0)
	if want := []int64{schemas.Unplaced, schemas.Unplaced, 4}; !reflect.DeepEqual(c.Sequences, want) || c.Sequence(3) != schemas.Unplaced {
		t.Errorf("withdrawn to %v, want %v", c.Sequences, want)
	}
	c.Advance(0, 1)
	c.Advance(1, 1)
	if c.Settle(3); c.String() != (schemas.Cursor{Sequences: []int64{1, 1, 4}}).String() {
		t.Errorf("a cursor that knows all partitions is %q", c.String())
	}
}
