package processor_test

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"parley/internal/testkit"
	"parley/internal/topics"
	"parley/processor"
	"parley/schemas"
)

// TestAppliedCallsAreTrimmed takes the applied calls out of the log, and then the store away: the changelog has all
// that is needed.
func TestAppliedCallsAreTrimmed(t *testing.T) {
	t.Parallel()
	for name, newCluster := range map[string]func(*testing.T) *cluster{"kept": newCluster, "wiped": newCluster, "wiped, embedded broker": newEmbedded} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t)
			x := new(recorder)
			dir := t.TempDir()
			keepNothing := func(cfg *processor.Config) { cfg.TrimAfter = time.Millisecond }
			p, stop := c.start(x, dir, keepNothing)
			c.send("acme/c", part("c", 1, 2)) // waits in the state alone
			c.send("acme/d", part("d", 1, 1))
			await(t, p, "d")
			c.awaitTrimmed("acme/c")
			c.awaitTrimmed("acme/d")
			stop()
			if name != "kept" {
				dir = t.TempDir()
			}
			c.send("acme/c", part("c", 2, 2))
			c.send("acme/d", part("d", 1, 1))
			p, _ = c.start(x, dir, keepNothing)
			if r := await(t, p, "c"); r.Status != schemas.ConversationComplete || r.Processed != 2 {
				t.Errorf("conversation: %+v, want Complete with both parts", r)
			}
			c.awaitTrimmed("acme/c")
			if got := len(x.executed()); got != 3 {
				t.Errorf("%d calls were executed, want 3: the resend is known", got)
			}
			once(t, c.events(5))
		})
	}
}

// awaitTrimmed waits until the log of a key's partition has no record left.
func (c *cluster) awaitTrimmed(key string) {
	c.t.Helper()
	admin := kadm.NewClient(c.client)
	partition := topics.Partition(key, partitions)
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(testkit.Patience); time.Now().Before(deadline); <-again.C {
		starts, err := admin.ListStartOffsets(c.t.Context(), c.topics.Calls)
		if err != nil {
			c.t.Fatal(err)
		}
		ends, err := admin.ListEndOffsets(c.t.Context(), c.topics.Calls)
		if err != nil {
			c.t.Fatal(err)
		}
		start, _ := starts.Lookup(c.topics.Calls, partition)
		end, _ := ends.Lookup(c.topics.Calls, partition)
		if end.Offset > 0 && start.Offset == end.Offset {
			return
		}
	}
	c.t.Fatalf("the calls of partition %d were not trimmed", partition)
}
