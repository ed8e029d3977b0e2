package processor

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"parley/processor/store"
	"parley/schemas"
)

// waits is an attempt that became ready so many seconds after the epoch of a test.
func waits(account string, p schemas.Priority, readySeconds int) *work {
	key := schemas.NewConversationKey(account, fmt.Sprint(readySeconds), schemas.RequestID{})
	c := &class{Class: store.Class{Account: account, Priority: p}}
	return &work{key: key, class: c, ready: int64(readySeconds), readyAt: time.Unix(int64(readySeconds), 0)}
}

func (w *work) String() string {
	return fmt.Sprintf("%s/%d/%d", w.class.Account, w.class.Priority, w.ready)
}

// order takes n out, at a time in seconds.
func (f *fair) order(n, seconds int) []string {
	var out []string
	for range n {
		out = append(out, f.pop(time.Unix(int64(seconds), 0)).String())
	}
	return out
}

func TestPlacesGoByPriorityThenTurnThenArrival(t *testing.T) {
	t.Parallel()
	var f fair
	for _, w := range []*work{
		waits("a", schemas.Medium, 3), waits("a", schemas.Medium, 1), waits("a", schemas.Medium, 2),
		waits("b", schemas.Medium, 4), waits("a", schemas.Low, 0), waits("b", schemas.High, 6), waits("b", schemas.High, 5),
		waits("c", schemas.Foremost, 7),
	} {
		f.push(w)
	}
	want := []string{"c/2/7", "b/1/5", "b/1/6", "a/0/1", "b/0/4", "a/0/2", "a/0/3", "a/-1/0"}
	if got := f.order(8, 7); !slices.Equal(got, want) {
		t.Errorf("order %v, want %v", got, want)
	}
	if w := f.pop(time.Unix(7, 0)); w != nil || f.len != 0 || len(f.oldest) != 0 {
		t.Errorf("at the end %v, %d left, lanes %v", w, f.len, f.oldest)
	}
}

// TestAccountsTakeTurns has one account with much and one with little.
func TestAccountsTakeTurns(t *testing.T) {
	t.Parallel()
	var f fair
	for i := range 1_000 {
		f.push(waits("heavy", schemas.Medium, i))
	}
	for i := range 5 {
		f.push(waits("light", schemas.Medium, 1_000+i))
	}
	light := 0
	for range 10 {
		if f.pop(time.Unix(1_005, 0)).class.Account == "light" {
			light++
		}
	}
	if light < 4 { // an aged place may have gone to the heavy one
		t.Errorf("of 10 places the light account had %d, want every second", light)
	}
}

func TestEachEighthPlaceIsOfWhoHasWaitedLongest(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		now  int
		want int
	}{
		"more than ten seconds": {now: 100, want: 3},
		"ten seconds":           {now: 10, want: 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var f fair
			for i := range 100 {
				f.push(waits("a", schemas.Low, i))
				f.push(waits("a", schemas.High, i))
			}
			low := 0
			for i := range 3 * agedEvery {
				w := f.pop(time.Unix(int64(tt.now), 0))
				if w.class.Priority != schemas.Low {
					continue
				}
				low++
				if (i+1)%agedEvery != 0 {
					t.Errorf("place %d went to low priority", i+1)
				}
			}
			if low != tt.want {
				t.Errorf("%d places went to low priority, want %d", low, tt.want)
			}
		})
	}
}

// TestFairAgreesWithAModel puts in and takes out at random.
func TestFairAgreesWithAModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var f fair
		var in []*work
		drop := func(w *work) { in = slices.DeleteFunc(in, func(o *work) bool { return o == w }) }
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				w := waits(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "account"), schemas.Priority(rapid.IntRange(-1, 2).Draw(t, "priority")), rapid.IntRange(0, 20).Draw(t, "ready"))
				f.push(w)
				in = append(in, w)
			},
			"pop": func(t *rapid.T) {
				before := aheadOf(t, &f, in)
				w := f.pop(time.Unix(0, 0))
				if (w == nil) != (len(in) == 0) {
					t.Fatalf("popped %v of %v", w, in)
				}
				for _, o := range in {
					if o.class.Priority > w.class.Priority || o.class.Class == w.class.Class && o.compare(w) < 0 {
						t.Fatalf("popped %v before %v", w, o)
					}
				}
				drop(w)
				for o, after := range aheadOf(t, &f, in) {
					if before[w] != 0 || after != before[o]-1 {
						t.Fatalf("ahead of %v, which was popped, were %d; ahead of %v %d, then %d", w, before[w], o, before[o], after)
					}
				}
			},
			"pop oldest": func(t *rapid.T) {
				w := f.popOldest()
				for _, o := range in {
					if o.compare(w) < 0 {
						t.Fatalf("popped %v before %v", w, o)
					}
				}
				drop(w)
			},
			"remove": func(t *rapid.T) {
				if len(in) > 0 {
					w := rapid.SampledFrom(in).Draw(t, "removed")
					f.remove(w)
					f.remove(w) // it is not there any more
					drop(w)
				}
			},
			"take all": func(t *rapid.T) {
				if rapid.IntRange(0, 9).Draw(t, "really") > 0 {
					return
				}
				byPlace := func(a, b *work) int { return cmp.Compare(fmt.Sprintf("%p", a), fmt.Sprintf("%p", b)) }
				got := slices.SortedFunc(slices.Values(f.takeAll()), byPlace)
				if want := slices.SortedFunc(slices.Values(in), byPlace); !slices.Equal(got, want) {
					t.Fatalf("took %v, want %v", got, want)
				}
				in = nil
			},
			"": func(t *rapid.T) {
				if f.len != len(in) {
					t.Fatalf("%d are in, want %d", f.len, len(in))
				}
			},
		})
	})
}

// aheadOf is how many are ahead of each.
func aheadOf(t *rapid.T, f *fair, in []*work) map[*work]int {
	all := make(map[*work]int, len(in))
	for _, w := range in {
		n, ok := f.ahead(w)
		if !ok {
			t.Fatalf("%v is not there", w)
		}
		all[w] = n
	}
	return all
}

// Of many accounts some are taken for all.
func TestAheadAmongManyAccounts(t *testing.T) {
	t.Parallel()
	var f fair
	const accounts = 3 * lanesMax
	for i := range accounts {
		for k := range 5 {
			f.push(waits(fmt.Sprint("a", i), schemas.Medium, k))
		}
	}
	own := waits("a0", schemas.Medium, 2) // not that which is there
	if n, ok := f.ahead(own); ok {
		t.Errorf("%d are ahead of one that does not wait", n)
	}
	f.push(own)
	if n, ok := f.ahead(own); !ok || n < 2*(accounts-3) || n > 2*(accounts+3) {
		t.Errorf("%d are ahead, want about %d", n, 2*accounts)
	}
}
