package torture

import (
	"context"
	"reflect"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func planOf(t *testing.T, seed uint64) plan {
	t.Helper()
	p, err := newPlan(Config{Seed: seed, Load: 20 * time.Second, Rate: 100, Session: 6 * time.Second, Members: threeMembers()})
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

// Whatever the seed, the blows that a short run has fall, none before the last one on its victim is over, and no two calls have the
// same bytes.
func TestPlanHasEverything(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		p := planOf(t, seed)
		kinds := make(map[Kind]int)
		for victim, blows := range p.blows {
			var over time.Duration
			for _, b := range blows {
				if kinds[b.Kind]++; b.At < over || b.Lasts <= 0 && b.Kind == Frozen {
					t.Errorf("seed %d: %s is %s at %s, after a blow that lasts until %s", seed, victim, b.Kind, b.At, over)
				}
				over = b.At + b.Lasts
			}
		}
		for _, kind := range []Kind{Killed, Frozen, Stopped, Failing, Maintained, Dead} {
			if kinds[kind] == 0 {
				t.Errorf("seed %d: nobody is %s", seed, kind)
			}
		}
		of := make(map[string]*call)
		for _, s := range p.sendings {
			line, err := s.call.json(s.spelling, nil)
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

// What hits nobody, and a Parley that lacks a role, are refused before anything starts.
func TestPlanIsRefused(t *testing.T) {
	t.Parallel()
	nothing := func(context.Context) error { return nil }
	for _, c := range []struct {
		name    string
		blows   []Blow
		members []Member
		well    bool
	}{
		{"no blows", []Blow{}, threeMembers(), true},
		{"a member and a broker", []Blow{{Victim: "member-2", Kind: Killed}, {Victim: "broker 1", Kind: "restarted", Do: nothing}}, threeMembers(), true},
		{"nobody", []Blow{{Victim: "member-4", Kind: Killed}}, threeMembers(), false},
		{"a member by others", []Blow{{Victim: "member-1", Kind: Killed, Do: nothing}}, threeMembers(), false},
		{"a member that is a backend", []Blow{}, append(threeMembers(), Member{Name: VictimBackend, Roles: "ingest"}), false},
		{"a member that is dead", []Blow{{Victim: "member-1", Kind: Dead}}, threeMembers(), false},
		{"the receivers", []Blow{{Victim: VictimReceiver, Kind: Dead}}, threeMembers(), true},
		{"the receivers by another blow", []Blow{{Victim: VictimReceiver, Kind: Killed}}, threeMembers(), false},
		{"nobody stays", []Blow{}, []Member{{Name: "one", Roles: "ingest,processor,results", Leaves: time.Second}}, false},
		{"roles apart", []Blow{}, []Member{{Name: "one", Roles: "ingest"}, {Name: "two", Roles: "processor"}, {Name: "three", Roles: "results"}}, true},
	} {
		p, err := newPlan(Config{Seed: 1, Load: time.Second, Rate: 10, Members: c.members, Blows: c.blows})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.validate(c.members); (err == nil) != c.well {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
