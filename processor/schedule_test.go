package processor_test

import (
	"fmt"
	"slices"
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

func TestNoPartRunsBeforeItsTime(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		// scheduled is the part that has a time.
		scheduled      int
		restart, wiped bool
		during         string
	}{
		{name: "the first", scheduled: 1, during: "Scheduled 1:Scheduled,0,0 2:Waiting,0,0"},
		{name: "a later one", scheduled: 2, during: "Processing 1:OK,1,1 2:Scheduled,0,0"},
		{name: "the first, with a restart", scheduled: 1, restart: true, during: "Scheduled 1:Scheduled,0,0 2:Waiting,0,0"},
		{name: "a later one, without the store", scheduled: 2, restart: true, wiped: true, during: "Processing 1:OK,1,1 2:Scheduled,0,0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t)
			x, came := clocked()
			dir := t.TempDir()
			p, stop := c.start(x, dir)
			when := soon(700 * time.Millisecond)
			if tt.restart {
				when = soon(2 * time.Second)
			}
			for seq := range 2 {
				call := part("c", seq+1, 2)
				if seq+1 == tt.scheduled {
					call = optioned(call, at("scheduledTime", when))
				}
				c.send("acme/c", call)
			}
			becomes(t, p, "c", tt.during)
			if tt.restart {
				stop()
				if tt.wiped {
					dir = t.TempDir()
				}
				p, _ = c.start(x, dir)
			}
			if r := await(t, p, "c"); r.Status != schemas.ConversationComplete {
				t.Errorf("conversation: %+v, want Complete", r)
			}
			if got, want := x.executed(), []string{"c-1", "c-2"}; !slices.Equal(got, want) {
				t.Errorf("executed %v, want %v", got, want)
			}
			if began := came(fmt.Sprintf("c-%d", tt.scheduled)); began.Before(when) {
				t.Errorf("part %d began %s before its time", tt.scheduled, when.Sub(began))
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

func TestConversationThatHasNotBegunInTimeExpires(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		// parts are how many of two arrive.
		parts  int
		paused bool
		// restart has the processor be down when the time comes, wiped without its store afterwards.
		restart, wiped bool
	}{
		{name: "while staging", parts: 1},
		{name: "while queued", parts: 2, paused: true},
		{name: "while staging, when nobody is there", parts: 1, restart: true},
		{name: "while queued, when nobody is there", parts: 2, paused: true, restart: true},
		{name: "while queued, without the store", parts: 2, paused: true, restart: true, wiped: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t)
			x := new(backend)
			pause := func(cfg *processor.Config) { cfg.Paused = func(string) bool { return tt.paused } }
			dir := t.TempDir()
			p, stop := c.start(x, dir, pause)
			startBy := soon(700 * time.Millisecond)
			if tt.restart {
				startBy = soon(2 * time.Second)
			}
			c.send("acme/c", optioned(part("c", 1, 2), at("startBy", startBy)))
			during, want := "Staging 1:Staged,0,0", "Expired 1:Expired,0,0"
			if tt.parts == 2 {
				c.send("acme/c", part("c", 2, 2))
				during, want = "Processing 1:Waiting,0,0 2:Waiting,0,0", "Expired 1:Expired,0,0 2:Expired,0,0"
			}
			becomes(t, p, "c", during)
			if tt.restart {
				stop()
				if tt.wiped {
					dir = t.TempDir()
				}
				within(20*time.Second, func() bool { return time.Now().After(startBy) })
				p, _ = c.start(x, dir, pause)
			}
			r := await(t, p, "c")
			if short(r) != want || r.Calls[0].ErrorCode != schemas.StartByPassed {
				t.Errorf("conversation: %s, %+v, want %s because of startBy", short(r), r, want)
			}
			if len(x.executed()) > 0 {
				t.Errorf("executed %v, want nothing", x.executed())
			}
		})
	}
}

// TestConversationThatHasBegunInTimeIsNotExpired has the first attempt last beyond startBy: here, or at an owner that is
// killed meanwhile.
func TestConversationThatHasBegunInTimeIsNotExpired(t *testing.T) {
	t.Parallel()
	for _, delivery := range []string{"at-least-once", "at-most-once"} {
		for _, kill := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s,killed=%t", delivery, kill), func(t *testing.T) {
				t.Parallel()
				c := newCluster(t)
				d := newDoor()
				defer d.open()
				x := &backend{answer: d.behind(well)}
				p, _ := c.start(x, t.TempDir(), by(t, "delivery: "+delivery))
				startBy := soon(1500 * time.Millisecond)
				c.send("acme/c", optioned(part("c", 1, 1), at("startBy", startBy)))
				becomes(t, p, "c", "Processing 1:Executing,1,0")
				answer := schemas.Answer{Token: x.await(t, 1)[0].Token}
				if kill {
					c = c.crashed()
				}
				within(20*time.Second, func() bool { return time.Now().After(startBy) })
				if kill {
					p, _ = c.start(new(backend), t.TempDir(), by(t, "delivery: "+delivery))
					c.answer(answer)
				}
				c.send("acme/other", part("other", 1, 1))
				if !kill {
					x.await(t, 2)
				}
				d.open()
				if r := await(t, p, "c"); r.Status != schemas.ConversationComplete {
					t.Errorf("conversation: %+v, want Complete", r)
				}
			})
		}
	}
}
