package sim

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	seedFlag      = flag.Int64("seed", -1, "play this seed alone, in this process")
	seedsFlag     = flag.Int("seeds", 60, "how many seeds to play, from 1")
	exactFlag     = flag.Bool("exact", false, "this was built with the overlay: a seed must do the same again")
	overlayFlag   = flag.String("write-overlay", "", "write the overlay that makes runs exact into this `folder`")
	mutationsFlag = flag.String("mutations", "", "show that the mutations are found whose `rule` has this in it; all: that each is")
	historyFlag   = flag.String("history", "", "with -seed: write the whole history to this file")
)

// TestSimulation plays seeds, each in a process of its own: nothing is left from one to the next, not even what
// libraries keep for a later use.
func TestSimulation(t *testing.T) {
	if *seedFlag >= 0 {
		playHere(t, uint64(*seedFlag))
		return
	}
	var wg sync.WaitGroup
	seeds := make(chan int)
	for range runtime.NumCPU() {
		wg.Go(func() {
			for seed := range seeds {
				if out, err := play(t.Context(), os.Args[0], seed); err != nil {
					t.Errorf("seed %d: %v\n%s", seed, err, out)
				}
			}
		})
	}
	for seed := 1; seed <= *seedsFlag; seed++ {
		seeds <- seed
	}
	close(seeds)
	wg.Wait()
}

// playHere plays a seed in this process.
func playHere(t *testing.T, seed uint64) {
	t.Helper()
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(-1) // a run is short; the collector would take its turns in the midst of it
	debug.SetMemoryLimit(4 << 30)
	found, failures := run(t, seed)
	if *historyFlag != "" {
		if err := os.WriteFile(*historyFlag, []byte(strings.Join(found.lines(), "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if len(failures) > 0 {
		t.Error(report(seed, found, failures))
	}
}

// seedTimeout bounds a run, in real time: one that hangs is a failure.
const seedTimeout = time.Minute

// play plays a seed in a process of its own, by a test binary of this package, and returns what it says.
func play(ctx context.Context, binary string, seed int, more ...string) (string, error) {
	args := append([]string{"-test.run=^TestSimulation$", fmt.Sprintf("-test.timeout=%v", seedTimeout), fmt.Sprintf("-seed=%d", seed)}, more...)
	out, err := exec.CommandContext(ctx, binary, args...).CombinedOutput()
	return string(out), err
}

// TestSameSeedSameHistory plays seeds twice. What the runtime draws lots for is not the seed's unless this was built with
// the overlay (make sim); so without it the plans alone must be equal.
func TestSameSeedSameHistory(t *testing.T) {
	for seed := range 10 {
		if a, b := fmt.Sprint(newPlan(dice{uint64(seed)})), fmt.Sprint(newPlan(dice{uint64(seed)})); a != b {
			t.Errorf("seed %d has two plans", seed)
		}
		if !*exactFlag {
			continue
		}
		var histories [2]string
		for i := range histories {
			file := filepath.Join(t.TempDir(), fmt.Sprint(i))
			if out, err := play(t.Context(), os.Args[0], seed, "-history="+file); err != nil {
				t.Errorf("seed %d: %v\n%s", seed, err, out)
			}
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			histories[i] = string(b)
		}
		if difference := firstDifference(histories[0], histories[1]); difference != "" {
			t.Errorf("seed %d, played twice:\n%s", seed, difference)
		}
	}
}

// firstDifference is where two histories part; empty: they are equal.
func firstDifference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return fmt.Sprintf("line %d of %d and %d:\n%s\n%s", i+1, len(x), len(y), x[i], y[i])
		}
	}
	if len(x) != len(y) {
		return fmt.Sprintf("%d and %d lines", len(x), len(y))
	}
	return ""
}
