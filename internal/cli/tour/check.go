package tour

import (
	"cmp"
	"context"
	"path/filepath"
	"slices"

	"parley/internal/cli/submit"
	"parley/schemas"
)

// line is a word and how often it was met.
type line struct {
	word  schemas.CallStatus
	count int
}

// summary is an outcome, the most frequent status first.
func summary(o submit.Outcome) []line {
	var lines []line
	for word, count := range o.Calls {
		lines = append(lines, line{word, count})
	}
	slices.SortFunc(lines, func(a, b line) int { return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.word, b.word)) })
	return lines
}

// expected is how the calls of the samples must have ended: those that were staged have met the part timeout.
func (t *tour) expected() (map[schemas.CallStatus]int, map[schemas.ConversationStatus]int) {
	e := t.expect
	return map[schemas.CallStatus]int{
			schemas.OK:           e.CallsOK,
			schemas.HasErrors:    e.CallsHasErrors,
			schemas.Error:        e.CallsError,
			schemas.NotProcessed: e.CallsNotProcessed + e.CallsStaged,
			schemas.Rejected:     e.CallsRejected,
		}, map[schemas.ConversationStatus]int{
			schemas.ConversationComplete: e.ConversationsComplete,
			schemas.ConversationError:    e.ConversationsError + e.ConversationsStaging,
		}
}

// check holds every number against what must be.
func (t *tour) check(ctx context.Context) error {
	attempts, err := ReadJournal(filepath.Join(t.dir, journalName))
	if err != nil {
		return err
	}
	executions := executed(attempts)
	var inClickHouse struct{ calls, repeatedCalls, repeatedResults, openConversations int }
	for _, q := range []struct {
		n         *int
		statement string
	}{
		{&inClickHouse.calls, "SELECT count() FROM calls"},
		{&inClickHouse.repeatedCalls, "SELECT count() - uniqExact(request_id) FROM calls"},
		{&inClickHouse.repeatedResults, "SELECT count() - uniqExact(request_id, ordinal) FROM results"},
		{&inClickHouse.openConversations, "SELECT abs(uniqExact(conversation_id) - (SELECT count() FROM conversations)) FROM calls"},
	} {
		if *q.n, err = t.count(ctx, q.statement); err != nil {
			return err
		}
	}
	calls, conversations := t.expected()

	if t.cfg.Kill {
		t.say("\nThe kill fell between executing and recording %d times: those calls were sent to the backend again, with their Idempotency-Key, and it answered as the first time", repeated(attempts))
	}
	t.say("\nChecking")
	c := checks{say: t.say}
	c.equal("calls acknowledged", t.report.Accepted, t.expect.Lines)
	c.equal("acknowledged calls that are not known any more", len(t.outcome.Unknown), 0)
	c.equal("different calls that ended", t.outcome.Ended(), t.expect.Calls())
	c.equal("statuses that another number of calls has than must", differing(t.outcome.Calls, calls), 0)
	c.equal("statuses that another number of conversations has than must", differing(t.outcome.Conversations, conversations), 0)
	c.equal("calls in ClickHouse", inClickHouse.calls, t.expect.Calls())
	c.equal("calls that ClickHouse shows twice", inClickHouse.repeatedCalls, 0)
	c.equal("results that ClickHouse shows twice", inClickHouse.repeatedResults, 0)
	c.equal("conversations that ClickHouse lacks", inClickHouse.openConversations, 0)
	c.equal("calls that the backend executed", len(executions), calls[schemas.OK]+calls[schemas.HasErrors]+calls[schemas.Error])
	c.equal("calls that the backend executed twice", twice(executions), 0)
	c.equal("calls that the backend executed out of order", outOfOrder(executions), 0)
	if c.failed {
		return ErrFailed
	}
	return nil
}

// checks writes what was found.
type checks struct {
	say    func(format string, args ...any)
	failed bool
}

func (c *checks) equal(what string, got, want int) {
	if got == want {
		c.say("  ok    %s: %d", what, got)
		return
	}
	c.failed = true
	c.say("  FAIL  %s: %d, must be %d", what, got, want)
}

// differing is how many keys have not the count that they must have.
func differing[K comparable](got, want map[K]int) int {
	n := 0
	for k, count := range got {
		if count != want[k] {
			n++
		}
	}
	for k, count := range want {
		if _, known := got[k]; !known && count != 0 {
			n++
		}
	}
	return n
}
