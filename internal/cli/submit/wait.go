package submit

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"parley/internal/cli/client"
	"parley/internal/pause"
	"parley/schemas"
)

// pollsMax bounds the polls that are under way at once.
const pollsMax = 64

// Outcome says what has become of calls.
type Outcome struct {
	// Calls and Conversations count those that have ended, by status; Codes the calls among them that have one.
	Calls         map[schemas.CallStatus]int
	Conversations map[schemas.ConversationStatus]int
	Codes         map[schemas.Code]int
	// Conflicting counts the calls that were not executed, because another one had their Idempotency-Key before; they are
	// counted above with what became of that.
	Conflicting int
	// Open is how many calls have not ended, or nobody could tell.
	Open int
	// Unknown are the request ids of acknowledged calls that Parley denies to know. There should never be one.
	Unknown []string
}

// Ended is the number of calls that have ended.
func (o Outcome) Ended() int {
	n := 0
	for _, count := range o.Calls {
		n += count
	}
	return n
}

// Wait polls until all calls with these receipts have ended, or ctx has: then the outcome is what is known by then,
// with the error of ctx. progress is told how many calls have ended; nil: nobody is. It is called by one goroutine
// at a time.
func Wait(ctx context.Context, c *client.Client, receipts []client.Receipt, progress func(ended int)) (Outcome, error) {
	w := &waiting{
		client:   c,
		progress: progress,
		outcome: Outcome{
			Calls:         make(map[schemas.CallStatus]int),
			Conversations: make(map[schemas.ConversationStatus]int),
			Codes:         make(map[schemas.Code]int),
		},
	}
	questions := questionsOf(receipts)
	for _, q := range questions {
		w.outcome.Open += len(q.calls)
	}
	err := w.ask(ctx, questions)
	slices.Sort(w.outcome.Unknown)
	return w.outcome, err
}

// question is what is polled for: a conversation with those of its calls that were acknowledged, or one call.
type question struct {
	conversation string // empty: one call
	calls        []call // that are not known to have ended
}

type call struct{ id, receipt string }

// questionsOf groups calls by conversation. A call that was sent twice is one.
func questionsOf(receipts []client.Receipt) []*question {
	var questions []*question
	conversations := make(map[string]*question)
	known := make(map[string]struct{}, len(receipts))
	for _, r := range receipts {
		if _, again := known[r.RequestID]; again {
			continue
		}
		known[r.RequestID] = struct{}{}
		one := call{id: r.RequestID, receipt: r.Receipt}
		if q, ok := conversations[r.ConversationID]; ok {
			q.calls = append(q.calls, one)
			continue
		}
		q := &question{conversation: r.ConversationID, calls: []call{one}}
		questions = append(questions, q)
		if q.conversation != "" {
			conversations[q.conversation] = q
		}
	}
	return questions
}

// waiting is an outcome in the making.
type waiting struct {
	client   *client.Client
	progress func(int)
	away     atomic.Bool // somebody was told to come again

	mu      sync.Mutex
	outcome Outcome
}

// ask puts all questions, and those that are not settled again, each round with a longer wait: a few conversations
// that stay open for long do not hold up the many that have ended.
func (w *waiting) ask(ctx context.Context, questions []*question) error {
	for round := 0; len(questions) > 0; round++ {
		var polls errgroup.Group
		polls.SetLimit(pollsMax)
		for _, q := range questions {
			polls.Go(func() error { return w.poll(ctx, q, longer(round)) })
		}
		if err := polls.Wait(); err != nil {
			return err
		}
		questions = slices.DeleteFunc(questions, func(q *question) bool { return len(q.calls) == 0 })
		if w.away.Swap(false) {
			if err := pause.For(ctx, backoff(round)); err != nil {
				return err
			}
		}
	}
	return nil
}

// longer is the wait of a round: 1 s, then twice as long each time, up to 30 s.
func longer(round int) time.Duration { return min(time.Second<<min(round, 10), 30*time.Second) }

// poll asks once. What has ended is counted, and taken out of the question.
func (w *waiting) poll(ctx context.Context, q *question, wait time.Duration) error {
	var err error
	if q.conversation != "" {
		err = w.pollConversation(ctx, q, wait)
	} else {
		err = w.pollCalls(ctx, q, wait)
	}
	if _, ok := errors.AsType[*client.UnavailableError](err); ok {
		w.away.Store(true)
		return nil
	}
	return err
}

// pollConversation counts the calls of a conversation that has ended. Calls that took no part in it, as they were
// rejected, are asked for themselves.
func (w *waiting) pollConversation(ctx context.Context, q *question, wait time.Duration) error {
	r, err := w.client.WholeConversation(ctx, q.conversation, wait)
	if refused, ok := errors.AsType[*client.RefusedError](err); ok && refused.Status == http.StatusNotFound {
		q.conversation = ""
		return nil
	}
	if err != nil || !r.Status.Final() {
		return err
	}
	ended := make(map[string]schemas.CallResource, len(r.Calls))
	for _, c := range r.Calls {
		ended[c.RequestID] = c
	}
	w.mu.Lock()
	w.outcome.Conversations[r.Status]++
	w.mu.Unlock()
	q.conversation = ""
	q.calls = slices.DeleteFunc(q.calls, func(c call) bool {
		resource, ok := ended[c.id]
		if ok {
			w.count(resource)
		}
		return ok
	})
	return nil
}

// pollCalls asks for calls one after the other.
func (w *waiting) pollCalls(ctx context.Context, q *question, wait time.Duration) error {
	for len(q.calls) > 0 {
		next := q.calls[0]
		r, err := w.client.Request(ctx, next.id, next.receipt, wait)
		refused, ok := errors.AsType[*client.RefusedError](err)
		switch {
		case ok && refused.Status == http.StatusNotFound:
			w.lose(next)
		case err != nil || !r.Status.Final():
			return err
		default:
			w.count(r)
		}
		q.calls = q.calls[1:]
	}
	return nil
}

func (w *waiting) count(r schemas.CallResource) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.outcome.Calls[r.Status]++
	if r.ErrorCode != "" {
		w.outcome.Codes[r.ErrorCode]++
	}
	if r.Conflicting {
		w.outcome.Conflicting++
	}
	w.outcome.Open--
	if w.progress != nil {
		w.progress(w.outcome.Ended())
	}
}

func (w *waiting) lose(c call) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.outcome.Unknown = append(w.outcome.Unknown, c.id)
}
