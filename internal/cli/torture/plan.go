package torture

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// plan is all that is done to Parley. It follows from the seed, the duration and the rate alone.
type plan struct {
	stories  []story
	sendings []sending // of all stories, in order of time
	// blows are those of each victim, in order of time.
	blows map[string][]Blow
}

// storySendings is how many sendings a story has, about.
const storySendings = 3.5

// In a burst the slow route gets burstPart of the rate beside everything else, and carries out slowPart of it. So its calls
// wait for 20 seconds at its end.
const (
	burstEvery = time.Minute
	burstLasts = 10 * time.Second
	burstPart  = 0.12
	slowPart   = 0.04
)

// burstsFrom is the load from which there are bursts: their end is to be waited for.
const burstsFrom = 20 * time.Second

// bursts reports whether the slow route gets calls.
func (c Config) bursts(at time.Duration) bool {
	return c.Load >= burstsFrom && at%burstEvery < burstLasts
}

// newPlan makes the plan of a run.
func newPlan(cfg Config) (plan, error) {
	p := plan{blows: make(map[string][]Blow)}
	rng := rand.New(rand.NewPCG(cfg.Seed, 1))
	asking := rand.New(rand.NewPCG(cfg.Seed, 3))
	pause := time.Duration(storySendings / cfg.Rate * float64(time.Second))
	for at := time.Duration(0); at < cfg.Load; at += pause {
		s, err := newStory(rng, len(p.stories), at)
		if err == nil {
			s.askToBeTold(asking)
			p.add(s)
		}
		if err == nil && cfg.bursts(at) && rng.Float64() < burstPart*storySendings {
			s, err = newSingle(rng, at, routeSlow)
			s.askToBeTold(asking)
			p.add(s)
		}
		if err != nil {
			return p, err
		}
	}
	slices.SortStableFunc(p.sendings, func(a, b sending) int { return cmp.Compare(a.at, b.at) })
	if cfg.Blows == nil {
		p.strike(rand.New(rand.NewPCG(cfg.Seed, 2)), cfg)
		return p, nil
	}
	for _, b := range cfg.Blows {
		p.blows[b.Victim] = append(p.blows[b.Victim], b)
	}
	for _, blows := range p.blows {
		slices.SortStableFunc(blows, func(a, b Blow) int { return cmp.Compare(a.At, b.At) })
	}
	return p, nil
}

func (p *plan) add(s story) {
	p.stories = append(p.stories, s)
	p.sendings = append(p.sendings, s.sendings...)
}

// strike chooses the blows. The first ones of the members are one of each kind, so that a short run has them all. None
// falls before the one before it is over.
func (p *plan) strike(rng *rand.Rand, cfg Config) {
	first := []Kind{Killed, Frozen, Stopped}
	all := []Kind{Killed, Killed, Frozen, Stopped, CutOff, Silenced, CutFromPeers}
	for i, m := range rng.Perm(len(cfg.Members)) {
		p.blowsOf(rng, cfg, cfg.Members[m].Name, all, first[i%len(first)])
	}
	p.blowsOf(rng, cfg, VictimBackend, []Kind{Failing, Failing, Killed}, Failing)
	p.blowsOf(rng, cfg, VictimRoutes, []Kind{Maintained}, Maintained)
	p.blowsOf(rng, cfg, VictimReceiver, []Kind{Dead}, Dead)
}

// Between two blows a victim has this long, so that there is work under way again that the next one can hit.
const (
	calmMin = 3 * time.Second
	calmMax = 12 * time.Second
)

// A receiver is dead for less than the first two pauses between attempts, and then alive for long: nobody has to be told for the fifth
// time, for which a run would have to wait two minutes.
const (
	deadMax  = 4500 * time.Millisecond
	aliveMin = 20 * time.Second
	aliveMax = 40 * time.Second
)

// blowsOf fills the time of the load with the blows of one victim.
func (p *plan) blowsOf(rng *rand.Rand, cfg Config, victim string, kinds []Kind, first Kind) {
	for at := between(rng, time.Second, 4*time.Second); at < cfg.Load; {
		b := Blow{Victim: victim, Kind: kinds[rng.IntN(len(kinds))], At: at}
		if len(p.blows[victim]) == 0 {
			b.Kind = first
		}
		b.Lasts = b.Kind.lasts(rng, cfg.Session)
		p.blows[victim] = append(p.blows[victim], b)
		at += b.Lasts + b.Kind.calm(rng)
	}
}

// lasts chooses how long a blow lasts: those of members often for longer than their session.
func (k Kind) lasts(rng *rand.Rand, session time.Duration) time.Duration {
	switch k {
	case Killed, Stopped:
		if rng.IntN(3) > 0 {
			return between(rng, 0, time.Second)
		}
		return session + between(rng, 0, 2*time.Second)
	case Frozen, CutOff, Silenced, CutFromCoordinator, CutFromPeers:
		if rng.IntN(3) == 0 {
			return between(rng, 200*time.Millisecond, session)
		}
		return session + between(rng, time.Second, 5*time.Second)
	case Dead:
		return between(rng, deadMax/2, deadMax)
	}
	return between(rng, time.Second, 4*time.Second)
}

// calm chooses how long a victim is left alone behind a blow.
func (k Kind) calm(rng *rand.Rand) time.Duration {
	if k == Dead {
		return between(rng, aliveMin, aliveMax)
	}
	return between(rng, calmMin, calmMax)
}

// String says how large the plan is.
func (p *plan) String() string {
	calls := 0
	for _, s := range p.stories {
		calls += len(s.calls)
	}
	return fmt.Sprintf("%d calls in %d conversations, sent %d times", calls, len(p.stories), len(p.sendings))
}

// validate says which blows hit nobody, and what a run cannot do without.
func (p *plan) validate(members []Member) error {
	var errs []error
	known := []string{VictimBackend, VictimRoutes, VictimReceiver}
	for _, m := range members {
		if slices.Contains(known, m.Name) || m.Name == "" {
			errs = append(errs, fmt.Errorf("%q is no name for a member", m.Name))
		}
		known = append(known, m.Name)
	}
	for victim, blows := range p.blows {
		for _, b := range blows {
			switch ours := slices.Contains(known, victim); {
			case ours && b.Do != nil:
				errs = append(errs, fmt.Errorf("%s is ours: what is done to it is not for Do", victim))
			case b.Kind.ofNetwork() && (victim == VictimBackend || victim == VictimRoutes):
				errs = append(errs, fmt.Errorf("%s has no network of its own", victim))
			case ours && (b.Kind == Dead) != (victim == VictimReceiver):
				errs = append(errs, fmt.Errorf("%s cannot be %s", victim, b.Kind))
			case !ours && b.Do == nil:
				errs = append(errs, fmt.Errorf("%s is no victim that we know: what is done to it needs a Do", victim))
			}
		}
	}
	for _, role := range []string{"ingest", "processor", "results"} {
		if !slices.ContainsFunc(members, func(m Member) bool { return strings.Contains(m.Roles, role) && m.Joins == 0 && m.Leaves == 0 }) {
			errs = append(errs, fmt.Errorf("no member has the role %s from the beginning to the end", role))
		}
	}
	return errors.Join(errs...)
}
