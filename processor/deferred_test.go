package processor_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"parley/internal/token"
	"parley/internal/topics"
	"parley/processor"
	"parley/processor/conversation"
	"parley/processor/executor"
	"parley/schemas"
)

// deferring puts off the calls with these names.
func deferring(names ...string) func(executor.Request) conversation.Outcome {
	return func(req executor.Request) conversation.Outcome {
		if slices.Contains(names, nameOf(req)) {
			return deferred(req)
		}
		return well(req)
	}
}

// refusal is a late answer that is told from all that a backend of these tests says itself.
func refusal(token string) schemas.Answer {
	return schemas.Answer{Token: token, Failed: true, Code: "TooLateInTheDay", Message: "no"}
}

// verdict is what the owner says of an answer when its record has been applied.
func verdict(t *testing.T, p *processor.Processor, a schemas.Answer, at schemas.Position) schemas.AnswerVerdict {
	t.Helper()
	tok, err := signer(t).Verify(a.Token, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return verdictOn(t, p, schemas.AnswerQuery{ID: tok.RequestID, Digest: schemas.AnswerDigest(&a), Accepted: at})
}

func verdictOn(t *testing.T, p *processor.Processor, q schemas.AnswerQuery) (v schemas.AnswerVerdict) {
	t.Helper()
	var err error
	if !within(20*time.Second, func() bool {
		v, err = p.Answer(t.Context(), q)
		return err == nil
	}) {
		t.Fatalf("verdict on %+v: %v", q, err)
	}
	return v
}

// tokenOf is the token of a call by its request id.
func tokenOf(t *testing.T, key string, id uuid.UUID, expires time.Time) string {
	t.Helper()
	return signer(t).Sign(token.Token{Partition: topics.Partition(key, partitions), RequestID: id, Expires: expires})
}

func TestDeferredCallWaitsForItsAnswer(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		// restart has the processor start again while the call waits, wiped without its store.
		restart, wiped bool
		// misplaced has the answer come by another partition.
		misplaced bool
	}{
		{name: "at once"},
		{name: "on another partition", misplaced: true},
		{name: "after a restart", restart: true},
		{name: "after a restart without the store", restart: true, wiped: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t)
			x := &backend{answer: deferring("c-1")}
			dir := t.TempDir()
			p, stop := c.start(x, dir)
			two := strings.Replace(part("c", 1, 2), `"}],`, `"},{"type":"Row","correlationId":"other"}],`, 1)
			c.send("acme/c", optioned(two, `"failOn":"Never"`))
			c.send("acme/c", part("c", 2, 2))
			becomes(t, p, "c", "Processing 1:Deferred,1,0 2:Waiting,0,0")
			token := x.await(t, 1)[0].Token
			progress := int32(1)
			at := c.answer(schemas.Answer{Token: token, Processed: &progress})
			half := "Processing 1:Deferred,1,1 2:Waiting,0,0"
			if got := short(told(t, p, "c", at)); got != half {
				t.Errorf("after the progress: %s, want %s", got, half)
			}
			if tt.restart {
				stop()
				if tt.wiped {
					dir = t.TempDir()
				}
				p, _ = c.start(x, dir)
				becomes(t, p, "c", half)
			}
			ordinal := int32(1)
			answer := c.answerRecord(schemas.Answer{Token: token, Results: []schemas.AnswerResult{{Ordinal: &ordinal, Status: schemas.Error, ErrorCode: "NoSuchRow"}}})
			answer.Partition = at.Partition
			if tt.misplaced {
				answer.Partition = (at.Partition + 1) % partitions
			}
			c.put(answer)
			r := await(t, p, "c")
			if r.Status != schemas.ConversationComplete || r.Calls[0].Status != schemas.HasErrors || r.Calls[0].Results[1].ErrorCode != "NoSuchRow" {
				t.Errorf("conversation: %+v, want Complete, its first call as it was answered", r)
			}
			if got, want := x.executed(), []string{"c-1", "c-2"}; !slices.Equal(got, want) {
				t.Errorf("executed %v, want %v", got, want)
			}
		})
	}
}

func TestFirstAnswerStands(t *testing.T) {
	t.Parallel()
	for _, wiped := range []bool{false, true} {
		t.Run(fmt.Sprintf("wiped=%t", wiped), func(t *testing.T) {
			t.Parallel()
			c := newCluster(t)
			x := &backend{answer: deferring("c-1")}
			p, stop := c.start(x, t.TempDir())
			c.send("acme/c", part("c", 1, 1))
			becomes(t, p, "c", "Processing 1:Deferred,1,0")
			first := refusal(x.await(t, 1)[0].Token)
			second := schemas.Answer{Token: first.Token}
			if v := verdict(t, p, first, c.answer(first)); v != schemas.AnswerTaken {
				t.Errorf("the first answer: verdict %d, want that it was taken", v)
			}
			if wiped {
				stop()
				p, _ = c.start(x, t.TempDir())
			}
			if v := verdict(t, p, first, c.answer(first)); v != schemas.AnswerTaken {
				t.Errorf("the same answer again: verdict %d, want that it was taken", v)
			}
			if v := verdict(t, p, second, c.answer(second)); v != schemas.AnswerConflict {
				t.Errorf("another answer: verdict %d, want a conflict", v)
			}
			if got, want := calls(c.events(2)), []string{"c-1 Error TooLateInTheDay"}; !slices.Equal(got, want) {
				t.Errorf("events %q, want %q", got, want)
			}
			if got := len(c.read(c.topics.Results)); got != 2 {
				t.Errorf("%d events, want that of the call and that of the conversation", got)
			}
		})
	}
}

// TestAnswerBeforeTheOutcome has the answer applied while the attempt is under way: whatever the attempt says then, the
// answer stands.
func TestAnswerBeforeTheOutcome(t *testing.T) {
	t.Parallel()
	id := uuid.MustParse("018f4c1e-7c1a-7b5e-9d55-0242ac120004")
	kinds := map[string]func(executor.Request) conversation.Outcome{
		"deferred":  deferred,
		"answered":  well,
		"transient": func(executor.Request) conversation.Outcome { return conversation.Outcome{Kind: conversation.Transient} },
		"failed":    refusing("c-1", "x"),
	}
	for kind, outcome := range kinds {
		for _, single := range []string{"", single} {
			t.Run(fmt.Sprintf("%s,single=%t", kind, single != ""), func(t *testing.T) {
				t.Parallel()
				c := newCluster(t)
				d := newDoor()
				defer d.open()
				x := &backend{answer: d.behind(outcome)}
				p, _ := c.start(x, t.TempDir(), by(t))
				name, key := "c", "acme/c"
				if single != "" {
					name, key = id.String(), "acme/"+id.String()
				}
				c.send(key, withID(id, cmp.Or(single, part("c", 1, 1))))
				answer := refusal(x.await(t, 1)[0].Token)
				if v := verdict(t, p, answer, c.answer(answer)); v != schemas.AnswerTaken {
					t.Errorf("verdict %d, want that it was taken", v)
				}
				d.open()
				if r := await(t, p, name); r.Status != schemas.ConversationError || r.Calls[0].ErrorCode != answer.Code || r.Calls[0].Attempts != 1 {
					t.Errorf("conversation: %+v, want that its call ended as it was answered, after one attempt", r)
				}
			})
		}
	}
}

// TestAnswerBeforeARepeatedAttempt has an owner be killed while an attempt is under way, which is then answered late
// before the next owner begins.
func TestAnswerBeforeARepeatedAttempt(t *testing.T) {
	t.Parallel()
	id := uuid.MustParse("018f4c1e-7c1a-7b5e-9d55-0242ac120005")
	for _, name := range []string{"c", id.String()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			killed := newCluster(t)
			d := newDoor()
			defer d.open()
			x := &backend{answer: d.behind(well)}
			p, _ := killed.start(x, t.TempDir())
			call := part("c", 1, 1)
			if name != "c" {
				call = single
			}
			killed.send("acme/"+name, withID(id, call))
			becomes(t, p, name, "Processing 1:Executing,1,0")
			answer := refusal(x.await(t, 1)[0].Token)
			c := killed.crashed()
			at := c.answer(answer)
			p, _ = c.start(&backend{answer: d.behind(deferred)}, t.TempDir())
			if v := verdict(t, p, answer, at); v != schemas.AnswerTaken {
				t.Errorf("verdict %d, want that it was taken", v)
			}
			d.open()
			if r := await(t, p, name); r.Calls[0].ErrorCode != answer.Code {
				t.Errorf("conversation: %+v, want that its call ended as it was answered", r)
			}
		})
	}
}

// TestAnswerForALaterPart has part 2 be answered while part 1 is under way, as when a turn that had begun part 2 came to
// nothing. The answer is the outcome of part 2 when its turn comes.
func TestAnswerForALaterPart(t *testing.T) {
	t.Parallel()
	id := uuid.MustParse("018f4c1e-7c1a-7b5e-9d55-0242ac120006")
	for _, crash := range []bool{false, true} {
		t.Run(fmt.Sprintf("crash=%t", crash), func(t *testing.T) {
			t.Parallel()
			c := newCluster(t)
			d := newDoor()
			defer d.open()
			p, _ := c.start(&backend{answer: d.behind(well)}, t.TempDir())
			c.send("acme/c", part("c", 1, 2))
			c.send("acme/c", withID(id, part("c", 2, 2)))
			becomes(t, p, "c", "Processing 1:Executing,1,0 2:Waiting,0,0")
			answer := refusal(tokenOf(t, "acme/c", id, time.Now().Add(time.Hour)))
			if v := verdict(t, p, answer, c.answer(answer)); v != schemas.AnswerTaken {
				t.Errorf("verdict %d, want that it was taken", v)
			}
			if crash {
				c = c.crashed()
				p, _ = c.start(&backend{answer: d.behind(well)}, t.TempDir())
			}
			d.open()
			await(t, p, "c")
			if got, want := calls(c.events(3)), []string{"c-1 OK", "c-2 Error TooLateInTheDay"}; !slices.Equal(got, want) {
				t.Errorf("events %q, want %q", got, want)
			}
		})
	}
}

func TestAnswerAfterTheEndChangesNothing(t *testing.T) {
	t.Parallel()
	id := uuid.MustParse("018f4c1e-7c1a-7b5e-9d55-0242ac120007")
	for _, name := range []string{"c", id.String()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t)
			x := new(backend)
			p, _ := c.start(x, t.TempDir())
			call := part("c", 1, 1)
			if name != "c" {
				call = single
			}
			c.send("acme/"+name, withID(id, call))
			await(t, p, name)
			late := refusal(x.await(t, 1)[0].Token)
			if v := verdict(t, p, late, c.answer(late)); v != schemas.AnswerConflict {
				t.Errorf("verdict %d, want a conflict", v)
			}
			if r := await(t, p, name); r.Status != schemas.ConversationComplete || r.Calls[0].Status != schemas.OK {
				t.Errorf("conversation: %+v, want it as it ended", r)
			}
			if got := len(c.read(c.topics.Results)); got != 2 {
				t.Errorf("%d events, want that of the call and that of the conversation", got)
			}
		})
	}
}

func TestDeferredCallThatNobodyAnswers(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	x := &backend{answer: deferred}
	soon := func(cfg *processor.Config) { cfg.ForwardGrace = 50 * time.Millisecond }
	p, _ := c.start(x, t.TempDir(), by(t, "deferTimeout: 200ms"), soon)
	c.send("acme/c", part("c", 1, 2))
	c.send("acme/c", part("c", 2, 2))
	r := await(t, p, "c")
	if r.Status != schemas.ConversationError || r.Calls[0].ErrorCode != schemas.DeferredTimeout || r.Calls[1].Status != schemas.NotProcessed {
		t.Errorf("conversation: %+v, want that its first call ended DeferredTimeout and that its second was not processed", r)
	}
	if got, want := x.executed(), []string{"c-1"}; !slices.Equal(got, want) {
		t.Errorf("executed %v, want %v", got, want)
	}
}

func TestAnswersThatAreNotTaken(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	x := &backend{answer: deferred}
	p, _ := c.start(x, t.TempDir())
	c.send("acme/c", part("c", 1, 1))
	becomes(t, p, "c", "Processing 1:Deferred,1,0")
	good := x.await(t, 1)[0].Token
	tok, err := signer(t).Verify(good, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	others, err := token.NewSigner([]byte("the secret of another installation"))
	if err != nil {
		t.Fatal(err)
	}
	expired, elsewhere := tok, tok
	expired.Expires = time.Now().Add(-time.Second)
	elsewhere.Partition = partitions
	for _, tokens := range []string{"no token at all", others.Sign(tok), signer(t).Sign(expired), signer(t).Sign(elsewhere)} {
		r := c.answerRecord(refusal(tokens))
		r.Partition = tok.Partition
		c.put(r)
	}
	r := typed(schemas.RecordAnswer, []byte(`{"token":`))
	r.Partition = tok.Partition
	if got, want := short(told(t, p, "c", c.put(r))), "Processing 1:Deferred,1,0"; got != want {
		t.Errorf("after them: %s, want %s", got, want)
	}
	var codes []string
	for _, r := range c.read(c.topics.Dead) {
		codes = append(codes, header(r, schemas.HeaderErrorCode))
	}
	if want := []string{"Forbidden", "Forbidden", "Expired", "Forbidden", "InvalidBody"}; !slices.Equal(codes, want) {
		t.Errorf("dead: %q, want %q", codes, want)
	}
}

// TestAnswerIsForgottenWhenItsTokenExpires has an early answer that was good in its time, by the log, more than a day
// ago, and whose token has expired by now.
func TestAnswerIsForgottenWhenItsTokenExpires(t *testing.T) {
	t.Parallel()
	for _, wiped := range []bool{false, true} {
		t.Run(fmt.Sprintf("wiped=%t", wiped), func(t *testing.T) {
			t.Parallel()
			c := newCluster(t)
			c.kafka.Fake() // takes the time that the sender of a record says
			dir := t.TempDir()
			p, stop := c.start(new(backend), dir)
			c.send("acme/c", part("c", 1, 1))
			await(t, p, "c") // it has looked for answers to forget, and looks again when it starts
			id := uuid.MustParse("018f4c1e-7c1a-7b5e-9d55-0242ac120008")
			early := refusal(tokenOf(t, "acme/c", id, time.Now().Add(-time.Hour)))
			r := c.answerRecord(early)
			r.Partition, r.Timestamp = topics.Partition("acme/c", partitions), time.Now().Add(-25*time.Hour)
			none := schemas.AnswerQuery{ID: id, Accepted: c.put(r)}
			if v := verdictOn(t, p, none); v != schemas.AnswerConflict {
				t.Errorf("that there is no answer: verdict %d, want a conflict with the one that is kept", v)
			}
			stop()
			if wiped {
				dir = t.TempDir()
			}
			p, _ = c.start(new(backend), dir)
			if !within(20*time.Second, func() bool { return verdictOn(t, p, none) == schemas.AnswerTaken }) {
				t.Error("the answer is not forgotten")
			}
		})
	}
}
