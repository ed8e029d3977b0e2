package sim

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// mutation breaks a rule of the processor on purpose.
type mutation struct {
	rule  string
	edits []edit
}

var mutations = []mutation{
	{"deliveries are forgotten with their owner", []edit{{
		"processor/notifier.go",
		"	n.owned[partition] = &deliveryTenure{begun: at.Truncate(time.Millisecond), due: at}\n",
		"	n.owned[partition] = &deliveryTenure{begun: at.Truncate(time.Millisecond)}\n",
	}}},
	{"a delivery that comes again is forgotten", []edit{{
		"processor/notifier.go",
		"		t.delay(r.due)\n	default:",
		"	default:",
	}}},
	{"what attempts had to say goes with a turn that is aborted", []edit{{
		"processor/loop.go",
		"		l.notifier.put(tellings)\n",
		"",
	}}},
	{"a delivery that has ended is held for ever", []edit{{
		"processor/notifier.go",
		"		l.letGo(deliveryRef{partition: partition, id: r.id})\n		n.look(l)\n",
		"		n.look(l)\n",
	}}},
	{"what waits behind a full line is forgotten", []edit{
		{"processor/notifier.go", "	receiverHeldMax = 256\n", "	receiverHeldMax = 2\n"},
		{"processor/receiverline.go", "return len(l.behind) > 0 && ", "return len(l.behind) < 0 && "},
	}},
	{"deliveries are restored, and nobody knows when they are due", []edit{{
		"processor/store/delivery.go",
		"	for i, v := range [...][]byte{before, now} {\n",
		"	for i, v := range [...][]byte{nil, nil} {\n",
	}}},
	{"a notice is forgotten with the first of its deliveries", []edit{{
		"processor/store/delivery.go",
		"	for i := range d.Of {\n",
		"	for i := range d.Of * 0 {\n",
	}}},
	{"release before commit", []edit{
		{
			"processor/loop.go",
			"	committed, err := l.commit(t)\n",
			"	l.release(t)\n	committed, err := l.commit(t)\n",
		},
		{
			"processor/loop.go",
			"	case committed:\n		l.release(t)\n",
			"	case committed:\n",
		},
	}},
	{"Pebble before commit", []edit{
		{
			"processor/loop.go",
			"	committed, err := l.session.commit(records, offsets)\n",
			"	if err := l.apply(t, changelog); err != nil {\n\t\treturn false, err\n\t}\n	committed, err := l.session.commit(records, offsets)\n",
		},
		{
			"processor/loop.go",
			"	return true, l.apply(t, changelog)\n",
			"	return true, nil\n",
		},
	}},
	{"skip the lease", []edit{{
		"processor/dispatch.go",
		"return d.lease == nil || d.lease.holds(now) }",
		"return true }",
	}}},
	{"forget the marker", []edit{{
		"processor/conversation/step.go",
		"	if keep > 0 {\n		s.ForgetAt = at.Add(keep)\n	}\n",
		"	s.ForgetAt = at.Add(keep * 0)\n",
	}}},
	{"accept a late part", []edit{{
		"processor/conversation/part.go",
		"	if s.Phase == Staging && in.At.After(s.Deadline) {\n",
		"	if s.Phase == Staging && in.At.After(s.Deadline.Add(time.Hour)) {\n",
	}}},
	{"tick too early", []edit{{
		"processor/timers.go",
		"	read := p.tx.Meta.LogTime.Add(-t.cfg.ForwardGrace)\n",
		"	read := t.now\n",
	}}},
	{"drop a drained outcome", []edit{
		{
			"processor/loop.go",
			"l.dispatch.busy() > 0 {\n		l.mailbox.await(ctx)\n		if err := l.turn(nil, l.mailbox.take()); err != nil {\n",
			"l.dispatch.busy() > 0 {\n		l.mailbox.await(ctx)\n		l.mailbox.take()\n		if err := l.turn(nil, nil); err != nil {\n",
		},
		{
			"processor/loop.go",
			"	return l.turn(nil, l.mailbox.take()) // of those that ended during the last turn\n",
			"	l.mailbox.take()\n	return l.turn(nil, nil)\n",
		},
	}},
	{"retry an at-most-once", []edit{{
		"processor/conversation/outcome.go",
		"	case o.Kind == Transient && !s.Turn.LostAt.IsZero() && !o.Unsent:\n",
		"	case o.Kind == Transient && !s.Turn.LostAt.IsZero() && !o.Unsent && in.Attempt < 0:\n",
	}}},
}

// TestMutationsFitTheSource keeps the table from rotting: each edit still finds its text.
func TestMutationsFitTheSource(t *testing.T) {
	for _, m := range mutations {
		if _, err := writeOverlay(t.TempDir(), m.edits); err != nil {
			t.Errorf("%s: %v", m.rule, err)
		}
	}
}

// mutationSeeds bounds the seeds in which a mutation must be found.
const mutationSeeds = 300

// TestMutations shows that the simulation bites: it finds each broken rule. It is run by make sim-mutations.
func TestMutations(t *testing.T) {
	for _, m := range mutations {
		if *mutationsFlag == "" || *mutationsFlag != "all" && !strings.Contains(m.rule, *mutationsFlag) {
			continue
		}
		f, err := m.hunt(t.Context(), t.TempDir())
		if err != nil {
			t.Errorf("%s: %v", m.rule, err)
			continue
		}
		t.Logf("| %s | %d | %s |", m.rule, f.seed, strings.Join(f.invariants, "; "))
	}
}

// found is the first seed that finds a mutation, and what it says.
type found struct {
	seed       int
	invariants []string
}

// hunt builds the simulation with a mutation and plays seeds until one finds it.
func (m mutation) hunt(ctx context.Context, dir string) (found, error) {
	overlay, err := writeOverlay(dir, append(exact, m.edits...))
	if err != nil {
		return found{}, err
	}
	binary := filepath.Join(dir, "sim.test")
	build := exec.CommandContext(ctx, "go", "test", "-c", "-overlay", overlay, "-o", binary, ".")
	if out, err := build.CombinedOutput(); err != nil {
		return found{}, fmt.Errorf("build: %w\n%s", err, out)
	}
	var next atomic.Int64
	var mu sync.Mutex
	var first found
	var wg sync.WaitGroup
	for range runtime.NumCPU() {
		wg.Go(func() {
			for {
				seed := int(next.Add(1))
				mu.Lock()
				done := seed > mutationSeeds || first.seed != 0
				mu.Unlock()
				if done {
					return
				}
				out, err := play(ctx, binary, seed)
				mu.Lock()
				if err != nil && (first.seed == 0 || seed < first.seed) {
					first = found{seed, invariantsOf(out)}
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if first.seed == 0 {
		return first, fmt.Errorf("not found by %d seeds", mutationSeeds)
	}
	return first, nil
}

// broken is a line of a report that names an invariant.
var broken = regexp.MustCompile(`(?m)^ +breaks: ([^:]+):`)

// invariantsOf are those that a report says are broken.
func invariantsOf(report string) []string {
	var out []string
	seen := make(map[string]bool)
	for _, m := range broken.FindAllStringSubmatch(report, -1) {
		if !seen[m[1]] {
			seen[m[1]] = true
			out = append(out, m[1])
		}
	}
	if len(out) == 0 {
		out = append(out, "the run does not come to its end: "+firstLine(report))
	}
	return out
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}
