package subscriber

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// A member of the fan-out is ended by SIGKILL at any step of a transaction, or stopped there until another has taken over and done
// its work, and woken. Whatever it was, each event is in the queue once.
func TestKillMatrix(t *testing.T) {
	t.Parallel()
	for _, step := range steps {
		t.Run(step+"/killed", func(t *testing.T) {
			t.Parallel()
			k := startKill(t, step)
			k.first.kill()
			startMember(t, k.cluster, "0", "") // as a node starts again
			k.finish(t, k.reader.drain(t, 50, k.total()))
		})
		t.Run(step+"/stopped and woken", func(t *testing.T) {
			t.Parallel()
			k := startKill(t, step)
			k.first.signal(t, syscall.SIGSTOP)
			startMember(t, k.cluster, "1", "")
			got := k.reader.drain(t, 50, k.total())
			k.first.signal(t, syscall.SIGCONT)
			if _, err := fmt.Fprintln(k.first.stdin); err != nil {
				t.Fatal(err)
			}
			k.finish(t, got)
		})
	}
}

// killing is a queue, and a member that stands at a step of its first transaction.
type killing struct {
	*cluster
	reader reader
	first  fanProcess
}

func startKill(t *testing.T, step string) killing {
	t.Helper()
	c := startCluster(t)
	k := killing{cluster: c, reader: reader{queues: c.queues(t, "front"), account: "acme"}}
	k.reader.id = subscribe(t, k.reader.queues, "acme")
	c.end(t, "acme", slices.Repeat([]string{"Order"}, 10)...)
	k.first = startMember(t, c, "0", step)
	k.first.awaitStep(t, step)
	c.end(t, "acme", "Order", "Order") // more than it has read
	return k
}

func (k killing) total() int { return int(k.sequences[0] + k.sequences[1]) }

// finish checks that what has been read is everything, once, when what comes behind it has come.
func (k killing) finish(t *testing.T, got []string) {
	t.Helper()
	k.end(t, "acme", "Order", "Order")
	k.once(t, append(got, k.reader.drain(t, 50, 2)...))
}

// Members of the fan-out are killed, and stopped for longer than their session and woken, while events come. Each event is in
// the queue once.
func TestKilledAndFrozen(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	c := startCluster(t)
	r := reader{queues: c.queues(t, "front"), account: "acme"}
	r.id = subscribe(t, r.queues, "acme")
	members := []fanProcess{startMember(t, c, "0", ""), startMember(t, c, "1", "")}
	for i := range 6 {
		victim := random.IntN(len(members))
		for range 10 + random.IntN(30) {
			c.end(t, "acme", "Order")
		}
		if i == 2 { // once is enough: it takes its time
			members[victim].signal(t, syscall.SIGSTOP)
			c.end(t, "acme", "Order", "Order")
			<-time.After(session + session/2)
			members[victim].signal(t, syscall.SIGCONT)
			continue
		}
		members[victim].kill()
		members[victim] = startMember(t, c, strconv.Itoa(victim), "")
	}
	total := int(c.sequences[0] + c.sequences[1])
	got := r.drain(t, 50, total)
	c.end(t, "acme", "Order", "Order") // what comes now comes behind everything
	c.once(t, append(got, r.drain(t, 50, 2)...))
}
