package processor_test

import (
	"fmt"
	"maps"
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

const atMostOnce = "delivery: at-most-once"

// TestIntentIsCommittedBeforeTheCall has the backend itself read the log, while every third turn is aborted.
func TestIntentIsCommittedBeforeTheCall(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	var mu sync.Mutex
	problems := make(map[string]int)
	problem := func(what string) {
		mu.Lock()
		defer mu.Unlock()
		problems[what]++
	}
	x := &backend{answer: func(req executor.Request) conversation.Outcome {
		s, err := c.stateOf(t.Context(), req.Call.Options.GetConversationId())
		if err != nil {
			problem(err.Error())
		}
		if turn := s.Turn; turn.SequenceCode != 1 || turn.Attempt != 1 || !turn.LostAt.After(time.Now()) {
			problem(fmt.Sprintf("began when the log had the turn %+v", turn))
		}
		return well(req)
	}}
	p, _ := c.start(x, t.TempDir(), by(t, atMostOnce))
	c.refuseCommits(every(3))
	var want []string
	for i := range 5 {
		id := fmt.Sprintf("c%d", i)
		c.send("acme/"+id, part(id, 1, 1))
		await(t, p, id)
		want = append(want, id+"-1")
	}
	if got := x.executed(); !slices.Equal(got, want) {
		t.Errorf("executed %v, want %v", got, want)
	}
	mu.Lock()
	defer mu.Unlock()
	for what, n := range problems {
		t.Errorf("%d times: %s", n, what)
	}
}

// TestNobodyRepeatsWhatMayHaveBeenCarriedOut has another owner find that an attempt had begun. It waits for word of it,
// and declares it lost when none can come any more.
func TestNobodyRepeatsWhatMayHaveBeenCarriedOut(t *testing.T) {
	t.Parallel()
	id := uuid.MustParse("018f4c1e-7c1a-7b5e-9d55-0242ac120009").String()
	tests := []struct {
		name string
		// call is the name of what is under way, answered whether the log has its answer, lost when it is given up.
		call     string
		answered bool
		lost     time.Duration
		want     string
	}{
		{name: "word comes", call: "c", answered: true, lost: time.Hour, want: "c-1 Error TooLateInTheDay"},
		{name: "word comes for a single call", call: id, answered: true, lost: 2 * time.Second, want: "x Error TooLateInTheDay"},
		{name: "no word comes", call: "c", lost: -time.Second, want: "c-1 Error OutcomeUnknown"},
		{name: "no word comes for a single call", call: id, lost: -time.Second, want: "x Error OutcomeUnknown"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			killed := newCluster(t)
			d := newDoor()
			defer d.open()
			x := &backend{answer: d.behind(well)}
			p, _ := killed.start(x, t.TempDir(), by(t, atMostOnce))
			if tt.call == id {
				killed.send("acme/"+id, withID(uuid.MustParse(id), single))
			} else {
				killed.send("acme/c", part("c", 1, 1))
			}
			becomes(t, p, tt.call, "Processing 1:Executing,1,0")

			c := killed.crashed()
			c.amend(tt.call, func(s *conversation.State) { s.Turn.LostAt = time.Now().Add(tt.lost) })
			if tt.answered {
				c.answer(refusal(x.await(t, 1)[0].Token))
			}
			next := new(backend)
			p, _ = c.start(next, t.TempDir(), by(t, atMostOnce))
			r := await(t, p, tt.call)
			if got := calls(c.events(2)); !slices.Equal(got, []string{tt.want}) {
				t.Errorf("events %q, want %q", got, tt.want)
			}
			if r.Calls[0].Attempts != 1 || len(next.executed()) > 0 {
				t.Errorf("call: %+v, then executed %v; want that the one attempt is not repeated", r.Calls[0], next.executed())
			}
		})
	}
}

func TestAtMostOnceIsTriedAgainWhenNothingWasHandedOver(t *testing.T) {
	t.Parallel()
	tests := []struct {
		unsent   bool
		want     string
		attempts int
	}{
		{unsent: true, want: "c-1 OK", attempts: 3},
		{unsent: false, want: "c-1 Error OutcomeUnknown", attempts: 1},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("unsent=%t", tt.unsent), func(t *testing.T) {
			t.Parallel()
			c := newCluster(t)
			x := &backend{answer: func(req executor.Request) conversation.Outcome {
				if req.Attempt < 3 {
					return conversation.Outcome{Kind: conversation.Transient, Unsent: tt.unsent}
				}
				return well(req)
			}}
			p, _ := c.start(x, t.TempDir(), by(t, atMostOnce))
			c.send("acme/c", part("c", 1, 1))
			r := await(t, p, "c")
			if got := calls(c.events(2)); !slices.Equal(got, []string{tt.want}) {
				t.Errorf("events %q, want %q", got, tt.want)
			}
			if n := len(x.executed()); n != tt.attempts || r.Calls[0].Attempts != int32(n) {
				t.Errorf("%d attempts, call %+v, want %d", n, r.Calls[0], tt.attempts)
			}
		})
	}
}

// TestOutcomeOfALostPartitionReachesItsNewOwner has a second member join, and get half of the partitions, while calls of
// all of them are under way at the first.
func TestOutcomeOfALostPartitionReachesItsNewOwner(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	quick := func(cfg *processor.Config) {
		cfg.SessionTimeout = 6 * time.Second // the least that the broker takes; a third of it is waited for executions
		cfg.Kafka = append(cfg.Kafka, kgo.HeartbeatInterval(20*time.Millisecond))
	}
	d := newDoor()
	defer d.open()
	first, second := &backend{answer: d.behind(well)}, new(backend)
	c.start(first, t.TempDir(), by(t, atMostOnce), quick)
	ids := make(map[int32]string) // of a conversation on each partition
	for i := 0; len(ids) < partitions; i++ {
		id := fmt.Sprintf("c%d", i)
		if p := topics.Partition("acme/"+id, partitions); ids[p] == "" {
			ids[p] = id
			c.send("acme/"+id, part(id, 1, 1))
		}
	}
	first.await(t, partitions)
	p, _ := c.start(second, t.TempDir(), by(t, atMostOnce), quick, func(cfg *processor.Config) { cfg.Instance = "b" })
	if !within(20*time.Second, func() bool {
		return slices.ContainsFunc(slices.Collect(maps.Values(ids)), func(id string) bool {
			_, err := p.Conversation(t.Context(), schemas.ConversationQuery{Account: "acme", ID: id})
			return err == nil
		})
	}) {
		t.Fatal("the second member gets no partition")
	}
	d.open()
	events := c.events(2 * partitions)
	once(t, events)
	for _, e := range calls(events) {
		if !strings.HasSuffix(e, " OK") {
			t.Errorf("event %q, want all OK", e)
		}
	}
	if n, again := len(first.executed()), second.executed(); n != partitions || len(again) > 0 {
		t.Errorf("%d attempts of the first member, %d of the second; want each call once", n, len(again))
	}
	if !slices.ContainsFunc(c.read(c.topics.Calls), func(r *kgo.Record) bool { return header(r, schemas.HeaderType) == schemas.RecordAnswer }) {
		t.Error("no outcome was sent as an answer: the second member had nothing to wait for")
	}
}
