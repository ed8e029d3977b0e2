package processor_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"

	"parley/processor"
	"parley/schemas"
)

// everyPartition is all there are.
var everyPartition = []int32{0, 1, 2, 3}

// list asks for conversations of acme until they are as wanted: an id and a status each, in any order.
func list(t *testing.T, p *processor.Processor, q schemas.ConversationsQuery, want ...string) []schemas.ConversationResource {
	t.Helper()
	if q.Account == "" {
		q.Account = "acme"
	}
	var got []string
	var all []schemas.ConversationResource
	if !within(20*time.Second, func() bool {
		var err error
		if all, err = p.Conversations(t.Context(), q, everyPartition...); err != nil {
			got = []string{err.Error()}
			return false
		}
		got = nil
		for _, r := range all {
			got = append(got, r.ConversationID+" "+string(r.Status))
		}
		slices.Sort(got)
		slices.Sort(want)
		return slices.Equal(got, want)
	}) {
		t.Errorf("%+v lists %q, want %q", q, got, want)
	}
	if !slices.IsSortedFunc(all, func(a, b schemas.ConversationResource) int { return a.Place().Compare(b.Place()) }) {
		t.Errorf("not in order: %q", got)
	}
	return all
}

// uses waits until accounts use as much as wanted.
func uses(t *testing.T, p *processor.Processor, account string, want schemas.AccountUsage) {
	t.Helper()
	var got map[string]schemas.AccountUsage
	var err error
	if !within(20*time.Second, func() bool {
		got, err = p.Usage(t.Context(), []string{account, "nobody"}, everyPartition...)
		return err == nil && got[account] == want
	}) {
		t.Errorf("%s uses %+v, %v, want %+v", account, got, err, want)
	}
}

func (c *cluster) sendSingle(id uuid.UUID, call string) {
	c.t.Helper()
	c.send("acme/"+id.String(), withID(id, call))
}

func TestListOfLiveConversations(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	var tokens sync.Map
	x := answers(&tokens)
	var began kadm.Offsets
	began.AddOffset(c.topics.Results, 0, 0, -1) // the sink has begun, and has stored nothing
	if err := kadm.NewClient(c.client).CommitAllOffsets(t.Context(), c.groups.sink, began); err != nil {
		t.Fatal(err)
	}
	p, stop := c.start(x, t.TempDir())
	later := strings.Replace(single, `]}`, `],"options":{`+at("scheduledTime", soon(time.Hour))+`}}`, 1)
	scheduled, deferred, done := uuid.UUID{15: 1}, uuid.UUID{15: 2}, uuid.UUID{15: 3}
	c.send("acme/staging", part("staging", 2, 3))
	c.send("acme/processing", part("processing", 1, 2))
	c.send("acme/processing", named("later", part("processing", 2, 2)))
	c.send("acme/failed", named("bad", part("failed", 1, 2)))
	c.send("acme/failed", part("failed", 2, 2))
	c.send("acme/complete", part("complete", 1, 1))
	c.sendSingle(scheduled, later)
	c.sendSingle(deferred, named("later", single))
	c.sendSingle(done, single)
	c.send("other/complete", strings.Replace(part("complete", 1, 1), "acme", "other", 1))

	open := []string{"staging Staging", scheduled.String() + " Scheduled", "processing Processing", deferred.String() + " Processing"}
	ended := []string{"failed Error", "complete Complete", done.String() + " Complete"}
	q := schemas.ConversationsQuery{Limit: 100}
	all := list(t, p, q, append(ended, open...)...)
	for _, r := range all {
		if single := len(r.ConversationID) == 36; (r.RequestID == r.ConversationID) != single || (r.RequestID != "") != single {
			t.Errorf("%s has the request id %q", r.ConversationID, r.RequestID)
		}
		if r.AcceptedAt == nil || len(r.Calls) > 0 || r.Status.Final() != (r.CompletedAt != nil) {
			t.Errorf("listed is %+v", r)
		}
		whole, err := p.Conversation(t.Context(), schemas.ConversationQuery{Account: "acme", ID: r.ConversationID})
		whole.Calls, whole.Next = r.Calls, r.Next
		if err != nil || whole.ETag() != r.ETag() {
			t.Errorf("listed is\n%+v, alone it is\n%+v, %v", r, whole, err)
		}
	}
	for _, c := range []struct {
		statuses []schemas.ConversationStatus
		want     []string
	}{
		{[]schemas.ConversationStatus{schemas.ConversationScheduled}, open[1:2]},
		{[]schemas.ConversationStatus{schemas.ConversationProcessing}, open[2:]},
		{[]schemas.ConversationStatus{schemas.ConversationStaging, schemas.ConversationError}, []string{open[0], ended[0]}},
		{[]schemas.ConversationStatus{schemas.ConversationCancelled}, nil},
	} {
		list(t, p, schemas.ConversationsQuery{Limit: 100, Statuses: c.statuses}, c.want...)
	}
	list(t, p, schemas.ConversationsQuery{Account: "other", Limit: 100}, "complete Complete")
	list(t, p, schemas.ConversationsQuery{Account: "oth", Limit: 100})
	for limit := 1; limit <= 3; limit++ {
		var got []schemas.ConversationResource
		q := schemas.ConversationsQuery{Account: "acme", Limit: limit}
		for {
			page, err := p.Conversations(t.Context(), q, everyPartition...)
			if err != nil {
				t.Fatal(err)
			}
			if got = append(got, page...); len(page) < limit {
				break
			}
			last := page[limit-1].Place()
			q.After = &last
		}
		if !slices.EqualFunc(got, all, func(a, b schemas.ConversationResource) bool { return a.Place() == b.Place() }) {
			t.Errorf("pages of %d list %d, want %d", limit, len(got), len(all))
		}
	}

	stop()
	if _, err := p.Conversations(t.Context(), q, everyPartition...); !errors.As(err, new(*schemas.NotOwnedError)) {
		t.Errorf("without partitions it lists, with %v", err)
	}
	p, stop = c.start(x, t.TempDir())
	list(t, p, q, append(ended, open...)...) // a store that is made from the log has them, too
	stop()
	c.sunk()
	p, _ = c.start(x, t.TempDir())
	list(t, p, q, append(open, "failed Error")[:4]...) // the record has the others
}

func TestUsage(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	var tokens sync.Map
	x := answers(&tokens)
	p, stop := c.start(x, t.TempDir())
	uses(t, p, "acme", schemas.AccountUsage{})
	c.send("acme/staging", part("staging", 2, 3))
	first, err := c.usage(p)
	if err != nil || first.OpenCalls != 1 || first.StagedBytes < 50 || first.StagedBytes > 500 || first.KeptBytes != 0 {
		t.Fatalf("one staged call is %+v, %v", first, err)
	}
	c.send("acme/staging", part("staging", 2, 3)+" ") // a resend
	c.send("acme/staging", part("staging", 3, 3))
	c.send("acme/running", part("running", 1, 2))
	c.send("acme/running", named("later----", part("running", 2, 2)))
	c.send("other/staging", strings.Replace(part("staging", 2, 3), "acme", "other", 1))
	open := schemas.AccountUsage{OpenCalls: 3, StagedBytes: 4 * first.StagedBytes} // what has been carried out stays with its conversation
	uses(t, p, "acme", open)
	c.send("acme/failed!", named("bad------", part("failed!", 1, 2)))
	c.send("acme/failed!", part("failed!", 2, 2))
	open.KeptBytes = 2 * first.StagedBytes
	uses(t, p, "acme", open)
	c.send("acme/complete", part("complete", 1, 1))
	await(t, p, "complete")
	uses(t, p, "acme", open)

	stop()
	p, stop = c.start(x, t.TempDir()) // with another store
	uses(t, p, "acme", open)
	if got, err := p.Usage(t.Context(), []string{"other", "oth"}, everyPartition...); err != nil || len(got) != 1 || got["other"].OpenCalls != 1 {
		t.Errorf("usage of others is %v, %v", got, err)
	}
	c.command(schemas.RecordCancel, "acme/staging", `{"account":"acme","conversationId":"staging"}`)
	token, _ := tokens.Load("later----")
	c.command(schemas.RecordAnswer, "acme/running", `{"token":"`+token.(string)+`"}`)
	uses(t, p, "acme", schemas.AccountUsage{KeptBytes: open.KeptBytes})
	stop()
	p, _ = c.start(x, t.TempDir(), func(cfg *processor.Config) { cfg.KeepFailed = time.Millisecond })
	uses(t, p, "acme", schemas.AccountUsage{KeptBytes: open.KeptBytes}) // what was kept for 7 days is
	c.send("acme/failed?", named("bad------", part("failed?", 1, 1)))
	await(t, p, "failed?")
	uses(t, p, "acme", schemas.AccountUsage{KeptBytes: open.KeptBytes}) // and this for a moment
}

// usage is that of acme, as soon as there is any.
func (c *cluster) usage(p *processor.Processor) (u schemas.AccountUsage, err error) {
	within(20*time.Second, func() bool {
		var all map[string]schemas.AccountUsage
		all, err = p.Usage(c.t.Context(), []string{"acme"}, everyPartition...)
		u = all["acme"]
		return u.OpenCalls > 0
	})
	return u, err
}
