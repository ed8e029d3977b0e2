package subscriber

import (
	"math/rand/v2"
	"strconv"
	"syscall"
	"testing"
	"time"
)

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
	members := []fanProcess{startMember(t, c, "0"), startMember(t, c, "1")}
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
		members[victim] = startMember(t, c, strconv.Itoa(victim))
	}
	total := int(c.sequences[0] + c.sequences[1])
	got := r.drain(t, 50, total)
	c.end(t, "acme", "Order", "Order") // what comes now comes behind everything
	c.once(t, append(got, r.drain(t, 50, 2)...))
}
