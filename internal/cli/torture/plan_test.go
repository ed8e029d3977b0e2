package torture

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func planOf(t *testing.T, seed uint64) plan {
	t.Helper()
	p, err := newPlan(Config{Seed: seed, Load: 20 * time.Second, Rate: 100, Session: 6 * time.Second}, memberNames())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// The same seed is the same plan, another seed another.
func TestPlan(t *testing.T) {
	t.Parallel()
	one := planOf(t, 7)
	if !reflect.DeepEqual(one, planOf(t, 7)) {
		t.Error("the plan of seed 7 is not always the same")
	}
	if reflect.DeepEqual(one, planOf(t, 8)) {
		t.Error("the plans of seeds 7 and 8 are the same")
	}
	if !slices.IsSortedFunc(one.sendings, func(a, b sending) int { return int(a.at - b.at) }) {
		t.Error("what is sent is not in order of time")
	}
}

// Whatever the seed, each kind of blow falls, none before the last one on its victim is over, and no two calls have the
// same bytes.
func TestPlanHasEverything(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		p := planOf(t, seed)
		kinds := make(map[blowKind]int)
		for victim, blows := range p.blows {
			var over time.Duration
			for _, b := range blows {
				if kinds[b.kind]++; b.at < over || b.lasts <= 0 && b.kind == frozen {
					t.Errorf("seed %d: %s is %s at %s, after a blow that lasts until %s", seed, victim, b.kind, b.at, over)
				}
				over = b.at + b.lasts
			}
		}
		if len(kinds) != 5 {
			t.Errorf("seed %d: blows %v", seed, kinds)
		}
		of := make(map[string]*call)
		for _, s := range p.sendings {
			line, err := s.call.json(s.spelling)
			if err != nil {
				t.Fatal(err)
			}
			if other, known := of[digest(line)]; known && other != s.call {
				t.Errorf("seed %d: %s and %s have the same bytes", seed, other.name(), s.call.name())
			}
			of[digest(line)] = s.call
		}
	}
}
