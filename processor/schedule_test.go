package processor_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/topics"
	"parley/processor"
	"parley/processor/conversation"
	"parley/processor/executor"
	"parley/schemas"
)

// at is an option that is a time.
func at(option string, when time.Time) string {
	return fmt.Sprintf(`"%s":%q`, option, when.Format(time.RFC3339Nano))
}

// soon is a time ahead that an option can say.
// ahead is how long before a time a test begins what must have come before it. A busy broker may take a second for it.
const ahead = 5 * time.Second

func soon(d time.Duration) time.Time { return time.Now().Add(d).Truncate(time.Millisecond) }

// clocked is a backend that knows when each call came.
func clocked() (*backend, func(name string) time.Time) {
	var mu sync.Mutex
	came := make(map[string]time.Time)
	x := &backend{answer: func(req executor.Request) conversation.Outcome {
		mu.Lock()
		defer mu.Unlock()
		came[nameOf(req)] = time.Now()
		return well(req)
	}}
	return x, func(name string) time.Time {
		mu.Lock()
		defer mu.Unlock()
		return came[name]
	}
}

// underOwner returns when a processor takes what is sent.
func (c *cluster) underOwner(p *processor.Processor) {
	c.t.Helper()
	c.send("acme/first", part("first", 1, 2))
	becomes(c.t, p, "first", "Staging 1:Staged,0,0")
}

// lifetimes say whether the processor is there all the time.
var lifetimes = []struct {
	name string
	// down has it be down when the time comes, wiped start without its store then.
	down, wiped bool
}{{name: "there"}, {name: "restarted", down: true}, {name: "restarted without the store", down: true, wiped: true}}

func TestNoPartRunsBeforeItsTime(t *testing.T) {
	t.Parallel()
	during := map[int]string{ // by the part that has a time
		1: "Scheduled 1:Scheduled,0,0 2:Waiting,0,0",
		2: "Processing 1:OK,1,1 2:Scheduled,0,0",
	}
	for _, life := range lifetimes {
		t.Run(life.name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t)
			x, came := clocked()
			dir := t.TempDir()
			p, stop := c.start(x, dir)
			c.underOwner(p)
			when := soon(ahead)
			for scheduled := range during {
				id := fmt.Sprintf("c%d", scheduled)
				for seq := range 2 {
					call := part(id, seq+1, 2)
					if seq+1 == scheduled {
						call = optioned(call, at("scheduledTime", when))
					}
					c.send("acme/"+id, call)
				}
			}
			for scheduled, status := range during {
				becomes(t, p, fmt.Sprintf("c%d", scheduled), status)
			}
			if life.down {
				stop()
				if life.wiped {
					dir = t.TempDir()
				}
				p, _ = c.start(x, dir)
			}
			for scheduled := range during {
				id := fmt.Sprintf("c%d", scheduled)
				if r := await(t, p, id); r.Status != schemas.ConversationComplete {
					t.Errorf("conversation: %+v, want Complete", r)
				}
				if began := came(fmt.Sprintf("%s-%d", id, scheduled)); began.Before(when) {
					t.Errorf("part %d of %s began %s before its time", scheduled, id, when.Sub(began))
				}
			}
			executed := x.executed()
			slices.Sort(executed)
			if want := []string{"c1-1", "c1-2", "c2-1", "c2-2"}; !slices.Equal(executed, want) {
				t.Errorf("executed %v, want %v", executed, want)
			}
		})
	}
}

func TestThousandsThatAreDueAtOnceRunOnce(t *testing.T) {
	t.Parallel()
	const n = 5_000
	c := newCluster(t)
	x := new(backend)
	c.start(x, t.TempDir(), func(cfg *processor.Config) { cfg.AdmittedMax = 500 })
	when := soon(time.Second)
	records := make([]*kgo.Record, n)
	for i := range records {
		id := uuid.New()
		key := "acme/" + id.String()
		call := fmt.Sprintf(`{"account":"acme","requestId":%q,"method":"Create","objects":[{"type":"Row","correlationId":%q}],"options":{%s}}`, id, id, at("scheduledTime", when))
		records[i] = &kgo.Record{Topic: c.topics.Calls, Partition: topics.Partition(key, partitions), Key: []byte(key), Value: []byte(call)}
	}
	if err := c.client.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	events := c.events(2 * n)
	once(t, events)
	got := calls(events)
	slices.Sort(got)
	if ended := len(slices.Compact(got)); ended != n {
		t.Errorf("%d calls have ended, want %d", ended, n)
	}
	executed := x.executed()
	slices.Sort(executed)
	if different := len(slices.Compact(slices.Clone(executed))); len(executed) != n || different != n {
		t.Errorf("%d attempts of %d calls, want one of each of %d", len(executed), different, n)
	}
}

// TestConversationThatHasNotBegunInTimeExpires has one conversation wait for a part and one for a route in maintenance.
func TestConversationThatHasNotBegunInTimeExpires(t *testing.T) {
	t.Parallel()
	for _, life := range lifetimes {
		t.Run(life.name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t)
			x := new(backend)
			m := new(maintenance)
			dir := t.TempDir()
			p, stop := c.start(x, dir, m.configure)
			c.underOwner(p)
			startBy := soon(ahead)
			c.send("acme/staging", optioned(part("staging", 1, 2), at("startBy", startBy)))
			c.send("acme/queued", optioned(part("queued", 1, 2), at("startBy", startBy)))
			c.send("acme/queued", part("queued", 2, 2))
			becomes(t, p, "staging", "Staging 1:Staged,0,0")
			becomes(t, p, "queued", "Processing 1:Waiting,0,0 2:Waiting,0,0")
			if life.down {
				stop()
				if life.wiped {
					dir = t.TempDir()
				}
				within(20*time.Second, func() bool { return time.Now().After(startBy) })
				p, _ = c.start(x, dir, m.configure)
			}
			for id, want := range map[string]string{
				"staging": "Expired 1:Expired,0,0",
				"queued":  "Expired 1:Expired,0,0 2:Expired,0,0",
			} {
				r := await(t, p, id)
				if short(r) != want || r.ErrorCode != schemas.StartByPassed || r.Calls[0].CompletedAt.Before(startBy) {
					t.Errorf("conversation %s: %s, %+v, want %s after %s", id, short(r), r, want, startBy)
				}
			}
			m.over.Store(true)
			if len(x.executed()) > 0 {
				t.Errorf("executed %v, want nothing", x.executed())
			}
		})
	}
}

// TestConversationThatHasBegunInTimeIsNotExpired has first attempts last beyond startBy: here, or at an owner that is
// killed meanwhile.
func TestConversationThatHasBegunInTimeIsNotExpired(t *testing.T) {
	t.Parallel()
	for _, kill := range []bool{false, true} {
		t.Run(fmt.Sprintf("killed=%t", kill), func(t *testing.T) {
			t.Parallel()
			c := newCluster(t)
			d := newDoor()
			defer d.open()
			x := &backend{answer: d.behind(well)}
			routes := byRoutes(t,
				`{name: once, match: {method: Delete}, delivery: at-most-once, executor: {type: http, url: "http://127.0.0.1:1/"}}`,
				`{name: others, executor: {type: http, url: "http://127.0.0.1:1/"}}`)
			p, _ := c.start(x, t.TempDir(), routes)
			c.underOwner(p)
			startBy := soon(ahead)
			c.send("acme/c", optioned(part("c", 1, 1), at("startBy", startBy)))
			once := strings.Replace(part("once", 1, 1), "Create", "Delete", 1)
			c.send("acme/once", optioned(once, at("startBy", startBy)))
			becomes(t, p, "c", "Processing 1:Executing,1,0")
			becomes(t, p, "once", "Processing 1:Executing,1,0")
			attempts := x.await(t, 2)
			if kill {
				c = c.crashed()
			}
			within(20*time.Second, func() bool { return time.Now().After(startBy) })
			if kill {
				p, _ = c.start(new(backend), t.TempDir(), routes)
				for _, a := range attempts {
					c.answer(schemas.Answer{Token: a.Token})
				}
			} else {
				for _, id := range []string{"c", "once"} { // a turn after that time
					told(t, p, id, c.command(schemas.RecordTick, "acme/"+id, ""))
				}
			}
			d.open()
			for _, id := range []string{"c", "once"} {
				if r := await(t, p, id); r.Status != schemas.ConversationComplete {
					t.Errorf("conversation: %+v, want Complete", r)
				}
			}
		})
	}
}
