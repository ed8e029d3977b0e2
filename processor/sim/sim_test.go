package sim

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	seedFlag    = flag.Int64("seed", -1, "play this seed alone, in this process")
	seedsFlag   = flag.Int("seeds", 60, "how many seeds to play, from 1")
	historyFlag = flag.String("history", "", "with -seed: write the whole history to this file")
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
