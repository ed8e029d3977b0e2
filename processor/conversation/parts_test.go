package conversation

import (
	"slices"
	"testing"
)

func TestParts(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		added   []int32
		calls   int32
		bytes   int
		missing []int32
	}{
		"empty":                       {nil, 3, 0, []int32{1, 2, 3}},
		"one":                         {[]int32{1}, 1, 1, nil},
		"last bit of a byte":          {[]int32{8}, 9, 1, []int32{1, 2, 3, 4, 5, 6, 7, 9}},
		"first bit of the next":       {[]int32{9}, 9, 2, []int32{1, 2, 3, 4, 5, 6, 7, 8}},
		"any order, one twice":        {[]int32{3, 1, 3}, 4, 1, []int32{2, 4}},
		"a late byte, then the first": {[]int32{17, 1}, 3, 3, []int32{2, 3}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var p Parts
			for _, k := range tt.added {
				p = p.With(k)
			}
			distinct := slices.Compact(slices.Sorted(slices.Values(tt.added)))
			if got := p.Count(); int(got) != len(distinct) {
				t.Errorf("Count() = %d, want %d", got, len(distinct))
			}
			for k := int32(1); k <= 40; k++ {
				if got, want := p.Has(k), slices.Contains(distinct, k); got != want {
					t.Errorf("Has(%d) = %t, want %t", k, got, want)
				}
			}
			if got := p.Missing(tt.calls, 100); !slices.Equal(got, tt.missing) {
				t.Errorf("Missing(%d) = %v, want %v", tt.calls, got, tt.missing)
			}
			if len(p) != tt.bytes {
				t.Errorf("%d bytes, want %d", len(p), tt.bytes)
			}
		})
	}
}

func TestPartsMissingIsBounded(t *testing.T) {
	t.Parallel()
	p := Parts(nil).With(2)
	for limit, want := range [][]int32{{}, {1}, {1, 3}, {1, 3, 4}} {
		if got := p.Missing(10_000, limit); !slices.Equal(got, want) {
			t.Errorf("Missing(10000, %d) = %v, want %v", limit, got, want)
		}
	}
}

func TestAllParts(t *testing.T) {
	t.Parallel()
	for _, calls := range []int32{0, 1, 8, 9, 10_000} {
		all := All(calls)
		if all.Count() != calls || len(all.Missing(calls, 1)) > 0 || len(all) != int(calls+7)/8 {
			t.Errorf("All(%d) has %d parts in %d bytes, missing %v", calls, all.Count(), len(all), all.Missing(calls, 1))
		}
	}
}

// A set outlives those made of it, even where its bytes have room behind them.
func TestPartsWithLeavesTheSet(t *testing.T) {
	t.Parallel()
	set := slices.Grow(Parts(nil).With(1), 8)
	a, b := set.With(9), set.With(10)
	same := set.With(2)
	if set.Count() != 1 || a.Has(10) || b.Has(9) || a.Has(2) || !same.Has(1) {
		t.Errorf("set %08b, with 9 %08b, with 10 %08b, with 2 %08b", set, a, b, same)
	}
}
