package torture

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// plan is all that is done to Parley. It follows from the seed, the duration and the rate alone.
type plan struct {
	stories  []story
	sendings []sending // of all stories, in order of time
	// blows are those of each victim, in order of time, none before the one before it is over.
	blows map[string][]blow
}

// blow is one thing that is done to one victim.
type blow struct {
	kind blowKind
	// at is when it falls, from the beginning of the load; lasts is how long until it is made good.
	at, lasts time.Duration
}

// blowKind is what is done.
type blowKind string

const (
	// killed: a member or the backend ends by SIGKILL, and is started again.
	killed blowKind = "killed with SIGKILL, started again"
	// frozen: a member gets SIGSTOP, and SIGCONT.
	frozen blowKind = "frozen with SIGSTOP, woken"
	// stopped: a member ends by SIGTERM, and is started again.
	stopped blowKind = "stopped with SIGTERM, started again"
	// failing: the backend answers all attempts with 503.
	failing blowKind = "made to answer 503, healed"
	// maintained: a route is put into maintenance, and out of it.
	maintained blowKind = "put into maintenance, and out of it"
)

// Victims that are no member.
const (
	victimBackend = "backend"
	victimRoutes  = "routes"
)

// newPlan makes the plan of a run. members are the names of the processes of Parley.
func newPlan(cfg Config, members []string) (plan, error) {
	p := plan{blows: make(map[string][]blow)}
	rng := rand.New(rand.NewPCG(cfg.Seed, 1))
	// A story has 3.5 sendings, about.
	pause := time.Duration(3.5 / cfg.Rate * float64(time.Second))
	for at := time.Duration(0); at < cfg.Load; at += pause {
		s, err := newStory(rng, len(p.stories), at)
		if err != nil {
			return p, err
		}
		p.stories = append(p.stories, s)
		p.sendings = append(p.sendings, s.sendings...)
	}
	slices.SortStableFunc(p.sendings, func(a, b sending) int { return cmp.Compare(a.at, b.at) })
	p.strike(rand.New(rand.NewPCG(cfg.Seed, 2)), cfg, members)
	return p, nil
}

// strike chooses the blows. The first ones of the members are one of each kind, so that a short run has them all.
func (p *plan) strike(rng *rand.Rand, cfg Config, members []string) {
	first := []blowKind{killed, frozen, stopped}
	order := rng.Perm(len(members))
	for i, m := range order {
		p.blows[members[m]] = blowsOf(rng, cfg, []blowKind{killed, killed, frozen, stopped}, first[i%len(first)])
	}
	p.blows[victimBackend] = blowsOf(rng, cfg, []blowKind{failing, failing, killed}, failing)
	p.blows[victimRoutes] = blowsOf(rng, cfg, []blowKind{maintained}, maintained)
}

// Between two blows a victim has this long, so that there is work under way again that the next one can hit.
const (
	calmMin = 3 * time.Second
	calmMax = 12 * time.Second
)

// blowsOf fills the time of the load with the blows of one victim.
func blowsOf(rng *rand.Rand, cfg Config, kinds []blowKind, first blowKind) []blow {
	var blows []blow
	for at := between(rng, time.Second, 4*time.Second); at < cfg.Load; {
		b := blow{kind: kinds[rng.IntN(len(kinds))], at: at}
		if len(blows) == 0 {
			b.kind = first
		}
		b.lasts = b.kind.lasts(rng, cfg.Session)
		blows = append(blows, b)
		at += b.lasts + between(rng, calmMin, calmMax)
	}
	return blows
}

// lasts chooses how long a blow lasts: those of members often for longer than their session.
func (k blowKind) lasts(rng *rand.Rand, session time.Duration) time.Duration {
	switch k {
	case killed, stopped:
		if rng.IntN(3) > 0 {
			return between(rng, 0, time.Second)
		}
		return session + between(rng, 0, 2*time.Second)
	case frozen:
		if rng.IntN(3) == 0 {
			return between(rng, 200*time.Millisecond, session)
		}
		return session + between(rng, time.Second, 5*time.Second)
	}
	return between(rng, time.Second, 4*time.Second)
}

// String says how large the plan is.
func (p *plan) String() string {
	calls := 0
	for _, s := range p.stories {
		calls += len(s.calls)
	}
	return fmt.Sprintf("%d calls in %d conversations, sent %d times", calls, len(p.stories), len(p.sendings))
}
