package processor_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"parley/internal/testkit"
	"parley/internal/topics"
	"parley/processor"
	"parley/processor/conversation"
	"parley/processor/executor"
	"parley/processor/store"
	"parley/schemas"
)

// started starts a processor and returns when it owns its partitions.
func (c *cluster) started(x processor.Executor, dir string) (*processor.Processor, func()) {
	c.t.Helper()
	p, stop := c.start(x, dir)
	c.send("acme/warm", part("warm", 1, 1))
	await(c.t, p, "warm")
	return p, stop
}

// withID is a call whose producer has chosen its request id.
func withID(id uuid.UUID, call string) string {
	return strings.Replace(call, "{", fmt.Sprintf(`{"requestId":%q,`, id), 1)
}

const single = `{"account":"acme","method":"Create","objects":[{"type":"Row","correlationId":"x"}]}`

// held is an executor that finishes when it is told to; all that is about "warm" goes through.
func held(until <-chan struct{}) *recorder {
	return &recorder{answer: func(req executor.Request) conversation.Outcome {
		if req.Call.Objects[0].CorrelationId != "warm-1" {
			<-until
		}
		return conversation.Outcome{Results: make([]conversation.ObjectOutcome, len(req.Call.Objects))}
	}}
}

// request asks for a call; a failure to tell ends the test.
func request(t *testing.T, p *processor.Processor, q schemas.RequestQuery) schemas.CallResource {
	t.Helper()
	q.Account = "acme"
	var r schemas.CallResource
	var err error
	within(patience, func() bool { // who cannot tell in time is asked again
		r, err = p.Request(t.Context(), q)
		return !errors.Is(err, schemas.ErrUnavailable)
	})
	if err != nil {
		t.Fatalf("request %s: %v", q.ID, err)
	}
	return r
}

func TestReceiptAheadOfTheLogIsQueued(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	p, _ := c.started(new(recorder), t.TempDir())
	id := uuid.New()
	q := schemas.RequestQuery{ID: id, Accepted: &schemas.Position{Partition: topics.Partition("acme/"+id.String(), partitions), Offset: 1_000_000}}
	if r := request(t, p, q); r.Status != schemas.Queued || r.RequestID != id.String() || r.Account != "acme" || r.Results == nil {
		t.Errorf("request: %+v, want Queued under its id, with a list of no results", r)
	}
	q.Wait = 50 * time.Millisecond
	start := time.Now()
	if r := request(t, p, q); r.Status != schemas.Queued || time.Since(start) < q.Wait {
		t.Errorf("request: %+v after %s, want Queued after %s", r, time.Since(start), q.Wait)
	}
}

func TestReceiptBehindTheLogIsNotUnknown(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	p, _ := c.started(new(recorder), t.TempDir())
	_, err := p.Request(t.Context(), schemas.RequestQuery{
		Account: "acme", ID: uuid.New(), Accepted: &schemas.Position{Partition: topics.Partition("acme/warm", partitions), Offset: 0},
	})
	if !errors.Is(err, schemas.ErrUnavailable) || errors.Is(err, schemas.ErrUnknown) {
		t.Errorf("got %v, want ErrUnavailable: it was applied, the record has its result", err)
	}
}

func TestUnknownAndUnavailable(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	p, stop := c.started(new(recorder), t.TempDir())
	ask := func() (error, error) {
		_, err1 := p.Request(t.Context(), schemas.RequestQuery{Account: "acme", ID: uuid.New()})
		_, err2 := p.Conversation(t.Context(), schemas.ConversationQuery{Account: "acme", ID: "never"})
		return err1, err2
	}
	if err1, err2 := ask(); !errors.Is(err1, schemas.ErrUnknown) || !errors.Is(err2, schemas.ErrUnknown) {
		t.Errorf("got %v, %v, want ErrUnknown of the owner who has read everything", err1, err2)
	}
	stop()
	if err1, err2 := ask(); !errors.Is(err1, schemas.ErrUnavailable) || !errors.Is(err2, schemas.ErrUnavailable) {
		t.Errorf("got %v, %v, want ErrUnavailable of who owns nothing", err1, err2)
	}
}

func TestAccountsDoNotSeeEachOther(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	until := make(chan struct{})
	p, _ := c.started(held(until), t.TempDir())
	id, inConversation := uuid.New(), uuid.New()
	c.send("acme/"+id.String(), withID(id, single))
	c.send("acme/c", withID(inConversation, part("c", 1, 2)))
	invisible := func(when string) {
		t.Helper()
		for _, id := range []uuid.UUID{id, inConversation} {
			if r, err := p.Request(t.Context(), schemas.RequestQuery{Account: "other", ID: id}); !errors.Is(err, schemas.ErrUnknown) {
				t.Errorf("%s, another account sees the request %+v, %v", when, r, err)
			}
		}
		for _, id := range []string{id.String(), "c"} {
			if r, err := p.Conversation(t.Context(), schemas.ConversationQuery{Account: "other", ID: id}); !errors.Is(err, schemas.ErrUnknown) {
				t.Errorf("%s, another account sees the conversation %+v, %v", when, r, err)
			}
		}
	}
	request(t, p, schemas.RequestQuery{ID: id})
	invisible("while they wait")
	close(until)
	c.send("acme/c", part("c", 2, 2))
	await(t, p, "c")
	await(t, p, id.String())
	invisible("at the end")
}

func TestWaitReturnsAtTheEnd(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	until := make(chan struct{})
	p, _ := c.started(held(until), t.TempDir())
	id := uuid.New()
	c.send("acme/"+id.String(), withID(id, single))
	if r := request(t, p, schemas.RequestQuery{ID: id, Wait: 50 * time.Millisecond}); r.Status.Final() || r.Total != 1 {
		t.Errorf("request: %+v, want it open after the wait", r)
	}
	ended := make(chan schemas.CallResource, 1)
	go func() {
		r, err := p.Request(t.Context(), schemas.RequestQuery{Account: "acme", ID: id, Wait: time.Minute})
		if err != nil {
			t.Error(err)
		}
		ended <- r
	}()
	close(until)
	select {
	case r := <-ended:
		if r.Status != schemas.OK || r.Attempts != 1 {
			t.Errorf("request: %+v, want OK", r)
		}
	case <-time.After(testkit.Patience):
		t.Error("the wait goes on after the end")
	}
}

func TestStatusOfAnOpenConversation(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	until := make(chan struct{})
	defer close(until)
	p, _ := c.started(held(until), t.TempDir())
	c.send("acme/c", part("c", 3, 3))
	q := schemas.ConversationQuery{Account: "acme", ID: "c"}
	r, err := p.Conversation(t.Context(), q)
	if err != nil || r.Status != schemas.ConversationStaging || r.Received != 1 || !slices.Equal(r.Missing, []int32{1, 2}) || r.PartsExpireAt == nil {
		t.Errorf("conversation: %+v, %v, want Staging without parts 1 and 2", r, err)
	}
	if len(r.Calls) != 1 || r.Calls[0].Status != schemas.Staged || r.Calls[0].SequenceCode != 3 || len(r.Calls[0].Missing) != 2 {
		t.Errorf("calls: %+v, want part 3 Staged", r.Calls)
	}
	c.send("acme/c", part("c", 1, 3))
	c.send("acme/c", part("c", 2, 3))
	if !within(20*time.Second, func() bool {
		r, err = p.Conversation(t.Context(), q)
		return err == nil && len(r.Calls) == 3 && r.Calls[0].Status == schemas.Executing
	}) {
		t.Fatalf("conversation: %+v, %v, want part 1 Executing", r, err)
	}
	if r.Status != schemas.ConversationProcessing || len(r.Missing) > 0 || r.Calls[0].Attempts != 1 || r.Calls[1].Status != schemas.Waiting || r.Calls[2].Status != schemas.Waiting {
		t.Errorf("conversation: %+v, want Processing with 2 Waiting", r)
	}
}

func TestConversationHasPages(t *testing.T) {
	t.Parallel()
	const parts = 2*schemas.CallsPage + 50
	c := newCluster(t)
	p, _ := c.started(new(recorder), t.TempDir())
	for k := parts; k > 1; k-- {
		c.send("acme/c", part("c", k, parts))
	}
	if !within(20*time.Second, func() bool {
		r, err := p.Conversation(t.Context(), schemas.ConversationQuery{Account: "acme", ID: "c"})
		return err == nil && r.Received == parts-1
	}) {
		t.Fatal("the parts are not all there")
	}
	c.pages(p, schemas.ConversationStaging, 2, parts)
	c.send("acme/c", part("c", 1, parts))
	await(t, p, "c")
	c.pages(p, schemas.ConversationComplete, 1, parts)
}

// pages reads a conversation page by page, and compares its sequence codes with those from first to last.
func (c *cluster) pages(p *processor.Processor, status schemas.ConversationStatus, first, last int32) {
	c.t.Helper()
	q := schemas.ConversationQuery{Account: "acme", ID: "c"}
	at := first
	for {
		r, err := p.Conversation(c.t.Context(), q)
		if err != nil || r.Status != status || len(r.Calls) > schemas.CallsPage {
			c.t.Fatalf("page behind %d: %s with %d calls, %v, want %s", q.After, r.Status, len(r.Calls), err, status)
		}
		for _, call := range r.Calls {
			if call.SequenceCode != at {
				c.t.Fatalf("page behind %d has part %d, want %d", q.After, call.SequenceCode, at)
			}
			at++
		}
		if r.Next == 0 {
			break
		}
		q.After = r.Next
	}
	if at != last+1 {
		c.t.Errorf("the pages end before part %d, want up to %d", at, last)
	}
}

// purge has the store in a folder forget what ClickHouse has.
func purge(t *testing.T, dir string) {
	t.Helper()
	s, err := store.Open(store.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for partition := range int32(partitions) {
		if _, err := s.Purge(partition, 1_000_000, time.Now().Add(time.Hour), 1_000); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestPurgedEventsAreUnavailable has the store forget what ClickHouse has: the owner knows that there was something,
// and sends whoever asks there.
func TestPurgedEventsAreUnavailable(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	dir := t.TempDir()
	p, stop := c.started(new(recorder), dir)
	alone := uuid.New()
	c.send("acme/c", part("c", 1, 1))
	c.send("acme/"+alone.String(), withID(alone, single))
	id := uuid.MustParse(await(t, p, "c").Calls[0].RequestID)
	await(t, p, alone.String())
	stop()
	purge(t, dir)
	p, _ = c.start(new(recorder), dir)
	c.send("acme/new", part("new", 1, 1))
	await(t, p, "new")
	for _, id := range []string{"c", alone.String()} {
		if r, err := p.Conversation(t.Context(), schemas.ConversationQuery{Account: "acme", ID: id, Wait: time.Second}); !errors.Is(err, schemas.ErrUnavailable) {
			t.Errorf("conversation %s: %+v, %v, want ErrUnavailable", id, r, err)
		}
	}
	if r, err := p.Request(t.Context(), schemas.RequestQuery{Account: "acme", ID: alone}); !errors.Is(err, schemas.ErrUnavailable) {
		t.Errorf("request: %+v, %v, want ErrUnavailable", r, err)
	}
	// Nothing is left here of the request id of a part; the record in ClickHouse has it.
	if r, err := p.Request(t.Context(), schemas.RequestQuery{Account: "acme", ID: id}); !errors.Is(err, schemas.ErrUnknown) {
		t.Errorf("request of a part: %+v, %v, want ErrUnknown", r, err)
	}
}

// TestRequestIDsThatNameAnotherPartition has producers choose ids that say a partition which is not the call's own.
func TestRequestIDsThatNameAnotherPartition(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	p, _ := c.started(new(recorder), t.TempDir())
	home := topics.Partition("acme/c", partitions)
	elsewhere := (home + 1) % partitions
	inConversation, alone := schemas.LogRequestID("acme", elsewhere, 1), schemas.LogRequestID("acme", elsewhere, 2)
	c.send("acme/c", withID(inConversation, part("c", 1, 1)))
	c.sendTo(home, "whatever", withID(alone, single))
	await(t, p, "c")
	await(t, p, alone.String())
	for _, id := range []uuid.UUID{inConversation, alone} {
		if r := request(t, p, schemas.RequestQuery{ID: id}); r.Status != schemas.OK || r.RequestID != id.String() {
			t.Errorf("request: %+v, want OK under %s", r, id)
		}
	}
}

// idOf is the request id of part 1 of conversation c that was received as these bytes.
func idOf(received string) uuid.UUID {
	sum := sha256.Sum256([]byte(received))
	return schemas.PartRequestID("acme", "c", 1, sum[:], topics.Partition("acme/c", partitions))
}

// TestResendWithOtherBytesIsFoundUnderBothIDs sends a part again, spelt otherwise, while its conversation is open and
// when it has ended.
func TestResendWithOtherBytesIsFoundUnderBothIDs(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	p, _ := c.started(new(recorder), t.TempDir())
	first := part("c", 1, 2)
	early, late := first+" ", first+"  "
	c.send("acme/c", first)
	c.send("acme/c", early)
	if r := request(t, p, schemas.RequestQuery{ID: idOf(early)}); r.Status != schemas.Staged || r.RequestID != idOf(first).String() {
		t.Errorf("while it waits: %+v, want Staged, recorded as %s", r, idOf(first))
	}
	c.send("acme/c", part("c", 2, 2))
	await(t, p, "c")
	c.send("acme/c", late)
	for _, received := range []string{first, early, late} {
		if r := request(t, p, schemas.RequestQuery{ID: idOf(received)}); r.Status != schemas.OK || r.RequestID != idOf(first).String() || r.SequenceCode != 1 {
			t.Errorf("at the end: %+v, want OK, recorded as %s", r, idOf(first))
		}
	}
}

// TestWaitUnderTheIDOfAResendReturnsAtTheEnd waits for a part under the id that its resend was acknowledged with.
func TestWaitUnderTheIDOfAResendReturnsAtTheEnd(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	p, _ := c.started(new(recorder), t.TempDir())
	resend := part("c", 1, 2) + " "
	c.send("acme/c", part("c", 1, 2))
	c.send("acme/c", resend)
	request(t, p, schemas.RequestQuery{ID: idOf(resend)})
	ended := make(chan schemas.CallResource, 1)
	start := time.Now()
	go func() {
		r, err := p.Request(t.Context(), schemas.RequestQuery{Account: "acme", ID: idOf(resend), Wait: 10 * time.Second})
		if err != nil {
			t.Error(err)
		}
		ended <- r
	}()
	c.send("acme/c", part("c", 2, 2))
	if r := <-ended; r.Status != schemas.OK || time.Since(start) > 8*time.Second {
		t.Errorf("after %s: %+v, want OK at once", time.Since(start), r)
	}
}

// TestChosenRequestIDIsFoundAtOnce polls right after the broker has taken a part whose request id its producer chose,
// and which names another partition than that of the conversation.
func TestChosenRequestIDIsFoundAtOnce(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	p, _ := c.start(new(recorder), t.TempDir())
	c.send("acme/first", part("first", 1, 1))
	await(t, p, "first")
	for i := range 20 {
		conversation := fmt.Sprintf("c%d", i)
		id := schemas.LogRequestID("acme", int32(i%partitions), int64(1000+i))
		c.send("acme/"+conversation, strings.Replace(part(conversation, 1, 2), `{"account"`, fmt.Sprintf(`{"requestId":%q,"account"`, id), 1))
		if r := request(t, p, schemas.RequestQuery{ID: id}); r.Status != schemas.Staged {
			t.Errorf("request %d: %+v, want Staged", i, r)
		}
	}
}

func TestOutageIsToldByTheOwner(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	p, stop := c.start(new(recorder), t.TempDir(), func(cfg *processor.Config) {
		cfg.Paused = func(route string) bool { return route == "crm" }
	})
	c.send("acme/warm", part("warm", 1, 1))
	await(t, p, "warm")
	for route, want := range map[string]schemas.OutageCause{"crm": schemas.OutageMaintenance, "default": schemas.OutageNone, "unused": schemas.OutageNone} {
		if got, err := p.RouteOutage(t.Context(), schemas.RouteQuery{Route: route}); got.Cause != want || err != nil {
			t.Errorf("outage of %s: %+v, %v, want %q", route, got, err, want)
		}
	}
	stop()
	_, err := p.RouteOutage(t.Context(), schemas.RouteQuery{Partition: 3, Route: "crm"})
	if e, ok := errors.AsType[*schemas.NotOwnedError](err); !ok || !slices.Equal(e.Partitions, []int32{3}) {
		t.Errorf("after its end: %v, want that partition 3 is not owned", err)
	}
}

// Whoever sends another call with a key that is used is told so, of the first, for as long as there is something of it.
func TestConflictIsToldOfTheFirst(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	until := make(chan struct{})
	x := held(until)
	p, _ := c.started(x, t.TempDir())
	id := schemas.KeyedRequestID("acme", "key", 0)
	other := strings.Replace(single, `"x"`, `"y"`, 1)
	c.send("acme/"+id.String(), withID(id, single))
	c.send("acme/"+id.String(), withID(id, " "+single))
	c.send("acme/"+id.String(), withID(id, other))
	content := func(call string) uint64 {
		decoded, problem := schemas.DecodeCall([]byte(call))
		if problem != nil {
			t.Fatal(problem)
		}
		n, err := schemas.Content(decoded)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	tell := func(when string, wait time.Duration, want schemas.CallStatus) {
		t.Helper()
		for call, conflicting := range map[string]bool{single: false, other: true} {
			r := request(t, p, schemas.RequestQuery{ID: id, Content: content(call), Wait: wait})
			if r.Conflicting != conflicting || r.Status != want && want != "" {
				t.Errorf("%s: %+v, want %s, conflicting %t", when, r, want, conflicting)
			}
		}
		if r := request(t, p, schemas.RequestQuery{ID: id}); r.Conflicting {
			t.Errorf("%s, whoever does not say what was sent is told of a conflict", when)
		}
	}
	tell("while it waits", 0, "")
	close(until)
	tell("when it has ended", 20*time.Second, schemas.OK)
	if got := x.executed(); !slices.Equal(got, []string{"warm-1", "x"}) {
		t.Errorf("executed %v", got)
	}
	var contents []uint64
	for _, e := range c.events(4) {
		if call := e.GetCall(); call != nil {
			contents = append(contents, call.Content)
		}
	}
	slices.Sort(contents)
	if want := []uint64{0, content(single)}; !slices.Equal(contents, want) {
		t.Errorf("the events have the contents %x, want %x: none without a key", contents, want)
	}
}
