package processor_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"parley/processor"
	"parley/processor/conversation"
	"parley/schemas"
)

// phase is how far the changelog says that a conversation, or a call under its request id, has come.
func (c *cluster) phase(name string) conversation.Phase {
	c.t.Helper()
	s, err := c.stateOf(c.t.Context(), name)
	if err != nil {
		c.t.Fatal(err)
	}
	return s.Phase
}

// TestMarkersAreForgotten runs a single call and a conversation, waits until the markers are gone that do not stay, and
// sends both again.
func TestMarkersAreForgotten(t *testing.T) {
	t.Parallel()
	id := uuid.MustParse("018f4c1e-7c1a-7b5e-9d55-0242ac12000c")
	call := withID(id, single)
	const long, brief = time.Hour, 300 * time.Millisecond
	tests := []struct {
		name                         string
		keepSingle, keepConversation time.Duration
		singleGoes, conversationGoes bool
		// want are all calls that are executed, sorted.
		want []string
	}{
		{name: "of single calls", keepSingle: brief, singleGoes: true, want: []string{"c-1", "x", "x"}},
		{name: "of conversations", keepSingle: long, keepConversation: brief, conversationGoes: true, want: []string{"c-1", "c-1", "x"}},
		{name: "of both", keepSingle: brief, keepConversation: brief, singleGoes: true, conversationGoes: true, want: []string{"c-1", "c-1", "x", "x"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t)
			x := new(backend)
			p, _ := c.start(x, t.TempDir(), func(cfg *processor.Config) {
				cfg.KeepSingle, cfg.KeepConversation = tt.keepSingle, tt.keepConversation
			})
			c.send("acme/"+id.String(), call)
			await(t, p, id.String())
			c.send("acme/c", part("c", 1, 1))
			await(t, p, "c")
			gone := map[bool]conversation.Phase{true: conversation.New, false: conversation.Ended}
			if !within(20*time.Second, func() bool {
				return c.phase(id.String()) == gone[tt.singleGoes] && c.phase("c") == gone[tt.conversationGoes]
			}) {
				t.Fatalf("the single call is %s, the conversation %s", c.phase(id.String()), c.phase("c"))
			}
			c.send("acme/"+id.String(), call)
			c.send("acme/c", part("c", 1, 1))
			if !tt.conversationGoes { // else it may be forgotten again already
				told(t, p, "c", c.command(schemas.RecordTick, "acme/c", ""))
			}
			if !tt.singleGoes {
				told(t, p, id.String(), c.command(schemas.RecordTick, "acme/"+id.String(), ""))
			}
			within(20*time.Second, func() bool { return len(x.executed()) >= len(tt.want) })
			got := x.executed()
			slices.Sort(got)
			if !slices.Equal(got, tt.want) {
				t.Errorf("executed %v, want %v", got, tt.want)
			}
		})
	}
}
