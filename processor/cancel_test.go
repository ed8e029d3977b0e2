package processor_test

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"parley/processor"
	"parley/processor/conversation"
	"parley/processor/executor"
	"parley/schemas"
)

// cancel asks for a conversation, or a call under its request id, not to be executed.
func (c *cluster) cancel(name string) schemas.Position {
	c.t.Helper()
	member := "conversationId"
	if _, err := uuid.Parse(name); err == nil {
		member = "requestId"
	}
	return c.command(schemas.RecordCancel, "acme/"+name, fmt.Sprintf(`{"account":"acme",%q:%q}`, member, name))
}

// maintenance is of all routes, until it is over.
type maintenance struct{ over atomic.Bool }

func (m *maintenance) configure(cfg *processor.Config) {
	cfg.Paused = func(string) bool { return !m.over.Load() }
}

func TestWhatHasNotBegunIsCancelled(t *testing.T) {
	t.Parallel()
	id := uuid.MustParse("018f4c1e-7c1a-7b5e-9d55-0242ac12000b").String()
	tests := []struct {
		name  string
		call  string
		parts []string
		want  string
	}{
		{name: "while staging", call: "c", parts: []string{part("c", 2, 3), part("c", 3, 3)}, want: "Cancelled 2:Cancelled,0,0 3:Cancelled,0,0"},
		{name: "while queued", call: "c", parts: []string{part("c", 2, 2), part("c", 1, 2)}, want: "Cancelled 1:Cancelled,0,0 2:Cancelled,0,0"},
		{name: "a single call", call: id, parts: []string{withID(uuid.MustParse(id), single)}, want: "Cancelled 1:Cancelled,0,0"},
		{name: "before its time", call: "c", parts: []string{optioned(part("c", 1, 1), at("scheduledTime", time.Now().Add(time.Hour)))}, want: "Cancelled 1:Cancelled,0,0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t)
			x := new(backend)
			m := new(maintenance)
			p, stop := c.start(x, t.TempDir(), m.configure)
			for _, call := range tt.parts {
				c.send("acme/"+tt.call, call)
			}
			c.cancel(tt.call)
			r := await(t, p, tt.call)
			if short(r) != tt.want || r.ErrorCode != schemas.CodeCancelled {
				t.Errorf("conversation: %s, %+v, want %s", short(r), r, tt.want)
			}
			at := c.cancel(tt.call) // again
			told(t, p, tt.call, at)
			stop()
			m.over.Store(true)
			p, _ = c.start(x, t.TempDir(), m.configure)
			c.send("acme/last", part("last", 1, 1))
			await(t, p, "last")
			if got, want := x.executed(), []string{"last-1"}; !slices.Equal(got, want) {
				t.Errorf("executed %v, want %v", got, want)
			}
			if got, want := len(c.read(c.topics.Results)), len(tt.parts)+1+2; got != want {
				t.Errorf("%d events, want %d", got, want)
			}
		})
	}
}

// TestWhatHasBegunIsNotCancelled has the first attempt be under way, or perhaps be: a former owner of the partition may
// have begun what waits.
func TestWhatHasBegunIsNotCancelled(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		delivery string
		// killed has the owner that began it be killed, so that another is asked to cancel it.
		killed   bool
		during   string
		executed []string
	}{
		{name: "here", delivery: "at-least-once", during: "Processing 1:Executing,1,0 2:Waiting,0,0", executed: []string{"c-1", "c-2"}},
		{name: "here, at most once", delivery: "at-most-once", during: "Processing 1:Executing,1,0 2:Waiting,0,0", executed: []string{"c-1", "c-2"}},
		{name: "elsewhere", delivery: "at-least-once", killed: true, during: "Processing 1:Waiting,0,0 2:Waiting,0,0", executed: []string{"c-1", "c-2"}},
		{name: "elsewhere, at most once", delivery: "at-most-once", killed: true, during: "Processing 1:Executing,1,0 2:Waiting,0,0", executed: []string{"c-2"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t)
			d := newDoor()
			defer d.open()
			x := &backend{answer: d.behind(well)}
			route := by(t, "delivery: "+tt.delivery)
			p, _ := c.start(x, t.TempDir(), route)
			c.send("acme/c", part("c", 1, 2))
			c.send("acme/c", part("c", 2, 2))
			becomes(t, p, "c", "Processing 1:Executing,1,0 2:Waiting,0,0")
			token := x.await(t, 1)[0].Token
			m := new(maintenance)
			if tt.killed {
				c, x = c.crashed(), new(backend)
				p, _ = c.start(x, t.TempDir(), route, m.configure)
				becomes(t, p, "c", tt.during)
			}
			if got := short(told(t, p, "c", c.cancel("c"))); got != tt.during {
				t.Errorf("cancelled: %s, want it as it was, %s", got, tt.during)
			}
			if tt.killed && tt.delivery == "at-most-once" {
				c.answer(schemas.Answer{Token: token})
			}
			m.over.Store(true)
			d.open()
			if r := await(t, p, "c"); r.Status != schemas.ConversationComplete {
				t.Errorf("conversation: %+v, want Complete", r)
			}
			if got := x.executed(); !slices.Equal(got, tt.executed) {
				t.Errorf("executed %v, want %v", got, tt.executed)
			}
		})
	}
}

// TestRefusedCancelLeavesTheNextPartInItsQueue asks for a cancel that comes too late while part 2 waits for its route:
// the attempt that was taken back for the look stands again, also when the turn that looked is aborted.
func TestRefusedCancelLeavesTheNextPartInItsQueue(t *testing.T) {
	t.Parallel()
	for _, aborted := range []int{0, 3} {
		t.Run(fmt.Sprintf("aborted=%d", aborted), func(t *testing.T) {
			t.Parallel()
			c := newCluster(t)
			var begun atomic.Bool
			x := &backend{answer: func(req executor.Request) conversation.Outcome {
				begun.Store(true)
				return well(req)
			}}
			m := new(maintenance) // begins with part 1
			p, _ := c.start(x, t.TempDir(), func(cfg *processor.Config) {
				cfg.Paused = func(string) bool { return begun.Load() && !m.over.Load() }
			})
			c.send("acme/c", part("c", 1, 2))
			c.send("acme/c", part("c", 2, 2))
			during := "Processing 1:OK,1,1 2:Waiting,0,0"
			becomes(t, p, "c", during)
			refused := 0
			c.refuseCommits(func() bool { refused++; return refused <= aborted })
			if got := short(told(t, p, "c", c.cancel("c"))); got != during {
				t.Errorf("cancelled: %s, want it as it was, %s", got, during)
			}
			m.over.Store(true)
			if r := await(t, p, "c"); r.Status != schemas.ConversationComplete {
				t.Errorf("conversation: %+v, want Complete", r)
			}
			if got, want := x.executed(), []string{"c-1", "c-2"}; !slices.Equal(got, want) {
				t.Errorf("executed %v, want %v", got, want)
			}
		})
	}
}

// TestCancelThatIsAborted has the maintenance of a route be over while turns that cancel are aborted: each conversation
// is either cancelled or executed, once.
func TestCancelThatIsAborted(t *testing.T) {
	t.Parallel()
	const n = 20
	c := newCluster(t)
	x := new(backend)
	m := new(maintenance)
	p, _ := c.start(x, t.TempDir(), m.configure)
	for i := range n {
		id := fmt.Sprintf("c%d", i)
		c.send("acme/"+id, part(id, 1, 1))
		becomes(t, p, id, "Processing 1:Waiting,0,0")
	}
	refused := 0
	c.refuseCommits(func() bool {
		m.over.Store(true)
		refused++
		return refused <= 5
	})
	for i := range n {
		c.cancel(fmt.Sprintf("c%d", i))
	}
	var want []string
	for i := range n {
		id := fmt.Sprintf("c%d", i)
		if r := await(t, p, id); r.Status == schemas.ConversationComplete {
			want = append(want, id+"-1")
		} else if r.Status != schemas.ConversationCancelled {
			t.Errorf("conversation: %+v, want Complete or Cancelled", r)
		}
	}
	once(t, c.events(2*n))
	got := x.executed()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("executed %v, complete are %v", got, want)
	}
}
