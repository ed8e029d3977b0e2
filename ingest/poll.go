package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"parley/schemas"
)

// askTimeout bounds what a source may take beyond the wait that it was asked for.
const askTimeout = 5 * time.Second

// poller asks who knows: the live state first, then the record.
type poller struct {
	live   Live
	record Record
	// metrics counts who answers.
	metrics *metrics
	log     *slog.Logger
}

// request returns the status of a call. Its error is a *schemas.Problem or a fault of ours. "There is no such
// request" is said only when both have said so, and never of a request whose receipt the client holds.
func (p poller) request(ctx context.Context, q schemas.RequestQuery) (schemas.CallResource, error) {
	r, err := ask(ctx, p, question[schemas.CallResource]{
		wait:     q.Wait,
		accepted: q.Accepted != nil,
		live: func(ctx context.Context, wait time.Duration) (schemas.CallResource, error) {
			asked := q
			asked.Wait = wait
			return p.live.Request(ctx, asked)
		},
		record: func(ctx context.Context, liveErr error) (schemas.CallResource, error) {
			return p.record.Request(ctx, inRecord(q, liveErr))
		},
		final: func(r schemas.CallResource) bool { return r.Status.Final() },
		noun:  "request",
	})
	if err == nil {
		p.pending(ctx, []toldEnd{{r.Told, &r.Deliveries}})
	}
	return r, err
}

// inRecord is the question for the record, of a call of which the live state says how it is recorded, or nothing.
func inRecord(q schemas.RequestQuery, liveErr error) schemas.RequestQuery {
	q.Wait, q.Seen = 0, ""
	if e, ok := errors.AsType[*schemas.RecordedError](liveErr); ok {
		q.ID, q.Part = e.As, nil
		if e.As == (schemas.RequestID{}) {
			q.Part = &e.Part
		}
	}
	return q
}

// conversation returns the status of a conversation, as request does that of a call.
func (p poller) conversation(ctx context.Context, q schemas.ConversationQuery) (schemas.ConversationResource, error) {
	r, err := ask(ctx, p, question[schemas.ConversationResource]{
		wait: q.Wait,
		live: func(ctx context.Context, wait time.Duration) (schemas.ConversationResource, error) {
			asked := q
			asked.Wait = wait
			return p.live.Conversation(ctx, asked)
		},
		record: func(ctx context.Context, _ error) (schemas.ConversationResource, error) {
			asked := q
			asked.Wait, asked.Seen = 0, ""
			return p.record.Conversation(ctx, asked)
		},
		final: func(r schemas.ConversationResource) bool { return r.Status.Final() },
		noun:  "conversation",
	})
	if err != nil {
		return r, err
	}
	if r, err = p.whole(ctx, q, r); err != nil {
		return r, err
	}
	ends := []toldEnd{{r.Told, &r.Deliveries}}
	for i := range r.Calls {
		ends = append(ends, toldEnd{r.Calls[i].Told, &r.Calls[i].Deliveries})
	}
	p.pending(ctx, ends)
	return r, nil
}

// whole puts into a page the calls that only the record has.
func (p poller) whole(ctx context.Context, q schemas.ConversationQuery, r schemas.ConversationResource) (schemas.ConversationResource, error) {
	if len(r.InRecord) == 0 {
		return r, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
	defer cancel()
	recorded, err := p.record.Calls(ctx, q)
	if err != nil {
		p.note(ctx, "record", "conversation", err)
		return r, nobodyTells("conversation")
	}
	known := make(map[int32]schemas.CallResource, len(recorded))
	for _, c := range recorded {
		known[c.SequenceCode] = c
	}
	calls := slices.Clone(r.Calls)
	for _, k := range r.InRecord {
		c, ok := known[k]
		if !ok {
			return r, nobodyTells("conversation") // it is on its way to the record
		}
		calls = append(calls, c)
	}
	r.Calls, r.InRecord = calls, nil
	slices.SortFunc(r.Calls, func(a, b schemas.CallResource) int { return cmp.Compare(a.SequenceCode, b.SequenceCode) })
	return r, nil
}

// question is one poll, in terms that do not depend on what is polled.
type question[T any] struct {
	wait time.Duration
	// accepted is whether the client has proved that it was accepted.
	accepted bool
	live     func(context.Context, time.Duration) (T, error)
	// record is told why the live state has no answer.
	record func(context.Context, error) (T, error)
	final  func(T) bool
	noun   string
}

func ask[T any](ctx context.Context, p poller, q question[T]) (none T, _ error) {
	status, liveErr := askLive(ctx, q)
	if liveErr == nil {
		p.metrics.polls[pollLive].Inc()
		return status, nil
	}
	p.note(ctx, "live state", q.noun, liveErr)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
	defer cancel()
	status, recordErr := q.record(ctx, liveErr)
	unknown := errors.Is(liveErr, schemas.ErrUnknown)
	if recordErr == nil && (unknown || q.final(status)) {
		p.metrics.polls[pollRecord].Inc()
		return status, nil
	}
	p.note(ctx, "record", q.noun, recordErr)
	if unknown && errors.Is(recordErr, schemas.ErrUnknown) && !q.accepted {
		p.metrics.polls[pollUnknown].Inc()
		return none, nobodyKnows(q.noun)
	}
	p.metrics.polls[pollUnavailable].Inc()
	return none, nobodyTells(q.noun)
}

func nobodyKnows(noun string) *schemas.Problem {
	return &schemas.Problem{Code: schemas.NotFound, Detail: fmt.Sprintf("no %s of this account has this id", noun)}
}

func nobodyTells(noun string) *schemas.Problem {
	return &schemas.Problem{Code: schemas.OwnerUnavailable, Detail: fmt.Sprintf("nobody can tell the status of this %s now; ask again later", noun)}
}

// askLive asks the live state. A wait that is cut short, because the client is gone or the server stops, ends with
// the status as it is.
func askLive[T any](ctx context.Context, q question[T]) (T, error) {
	if q.wait > 0 {
		waiting, cancel := context.WithTimeout(ctx, q.wait+askTimeout)
		defer cancel()
		status, err := q.live(waiting, q.wait)
		if err == nil || ctx.Err() == nil {
			return status, err
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
	defer cancel()
	return q.live(ctx, 0)
}

// note logs an answer that a Source ought not to give.
func (p poller) note(ctx context.Context, source, noun string, err error) {
	if err == nil || errors.Is(err, schemas.ErrUnknown) || errors.Is(err, schemas.ErrUnavailable) {
		return
	}
	p.log.LogAttrs(ctx, slog.LevelWarn, "source failed", slog.String("source", source), slog.String("noun", noun), slog.Any("error", err))
}
