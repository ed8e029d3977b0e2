package schemas_test

import (
	"testing"

	"pgregory.net/rapid"

	"parley/schemas"
)

func anyCursor(t *rapid.T, name string) schemas.Cursor {
	c := schemas.Cursor{Sequences: rapid.SliceOfN(rapid.Int64Range(0, 6), 0, 4).Draw(t, name)}
	if rapid.Bool().Draw(t, name+" in a call") {
		p := rapid.Int32Range(0, 3).Draw(t, name+" partition")
		c.Part = &schemas.CursorPart{Partition: p, Sequence: c.Sequence(p) + rapid.Int64Range(1, 2).Draw(t, name+" sequence"), Ordinal: rapid.Int32Range(0, 3).Draw(t, name+" ordinal")}
	}
	return c
}

// given are all results that were given at a cursor.
func given(c schemas.Cursor) map[schemas.CursorPart]bool {
	all := map[schemas.CursorPart]bool{}
	for p := range int32(4) {
		for s := range int64(12) {
			for o := range int32(5) {
				part := c.Part != nil && c.Part.Partition == p && c.Part.Sequence == s && o <= c.Part.Ordinal
				if s > 0 && s <= c.Sequence(p) || part {
					all[schemas.CursorPart{Partition: p, Sequence: s, Ordinal: o}] = true
				}
			}
		}
	}
	return all
}

func within(a, b map[schemas.CursorPart]bool) bool {
	for k := range a {
		if !b[k] {
			return false
		}
	}
	return true
}

func TestCursorReaches(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyCursor(t, "a"), anyCursor(t, "b")
		if got, want := b.Reaches(a), within(given(a), given(b)); got != want {
			t.Errorf("%+v reaches %+v: %t, want %t", b, a, got, want)
		}
	})
}

// Steps go on, in the order of extracts, until the end is reached.
func TestCursorToward(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		at, end := anyCursor(t, "from"), anyCursor(t, "end")
		if !end.Reaches(at) {
			return
		}
		step := rapid.Int64Range(1, 5).Draw(t, "step")
		for range 100 {
			next := at.Toward(end, step)
			if !next.Reaches(at) || !end.Reaches(next) {
				t.Fatalf("from %+v to %+v, which is not on the way to %+v", at, next, end)
			}
			// What comes before in the order of extracts is given first.
			for k := range given(next) {
				for l := range given(end) {
					earlier := l.Partition < k.Partition || l.Partition == k.Partition && (l.Sequence < k.Sequence || l.Sequence == k.Sequence && l.Ordinal < k.Ordinal)
					if earlier && !given(at)[k] && !given(next)[l] {
						t.Fatalf("from %+v to %+v gives %+v before %+v", at, next, k, l)
					}
				}
			}
			if next.String() == end.String() {
				return
			}
			at = next
		}
		t.Fatalf("the end %+v is not reached: %+v", end, at)
	})
}
