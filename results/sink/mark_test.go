package sink

import "testing"

func TestParseMark(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		offset   int64
		metadata string
		want     mark
		ok       bool
	}{
		{-1, "", mark{offset: -1}, true},
		{7, "", mark{offset: 7}, true},
		{7, "parley.sink/1 to=9", mark{offset: 7, to: 9, planned: true}, true},
		{7, "parley.sink/1 to=7", mark{offset: 7}, false},
		{7, "parley.sink/1 to=", mark{offset: 7}, false},
		{7, "parley.sink/2 to=9", mark{offset: 7}, false},
		{7, "member-1", mark{offset: 7}, false},
		{-1, "parley.sink/1 to=9", mark{offset: -1}, false},
	} {
		if got, err := parseMark(c.offset, c.metadata); got != c.want || (err == nil) != c.ok {
			t.Errorf("parseMark(%d, %q) = %+v, %v; want %+v", c.offset, c.metadata, got, err, c.want)
		}
	}
}

func FuzzParseMark(f *testing.F) {
	f.Add(int64(7), "parley.sink/1 to=9")
	f.Add(int64(7), "")
	f.Fuzz(func(t *testing.T, offset int64, metadata string) {
		m, err := parseMark(offset, metadata)
		if m.offset != offset || m.planned && (err != nil || m.to <= m.offset) {
			t.Fatalf("parseMark(%d, %q) = %+v, %v", offset, metadata, m, err)
		}
		if again, err := parseMark(m.offset, m.metadata()); err != nil || again != m {
			t.Fatalf("parseMark(%d, %q) = %+v, %v; want %+v", m.offset, m.metadata(), again, err, m)
		}
	})
}
