package ingest

import (
	"context"
	"errors"
	"time"

	"parley/ingest/exacttarget"
	"parley/schemas"
)

// retrieveTime is after how long a Retrieve ends its answer, when it asks for so much; the next goes on from there.
const retrieveTime = 10 * time.Second

// partnerRetrieve answers what became of calls. Of those that are asked for by their RequestID or ConversationID, whoever owns them is
// asked first, so that what has ended is told at once; all others are searched in the record.
func (s *Server) partnerRetrieve(ctx context.Context, r *partnerRequest) ([]byte, error) {
	q, err := exacttarget.ReadRetrieve(&r.Body)
	var plan exacttarget.Plan
	if err == nil {
		plan, err = q.Plan()
	}
	if refused, ok := exacttarget.RetrieveRefused(err); ok {
		return refused, nil
	}
	if err != nil {
		return nil, err
	}
	r.letGo()
	page := exacttarget.NewPage(q)
	g := retrieving{s: s, account: r.who.Account, q: q, page: page, until: s.now().Add(retrieveTime)}
	switch {
	case plan.ByRequest:
		err = g.requests(ctx, plan.Requests)
	case plan.ByConversation:
		err = g.conversations(ctx, plan.Conversations)
	default:
		err = g.search(ctx, plan.Search)
	}
	if refused, ok := exacttarget.RetrieveRefused(err); ok {
		return refused, nil
	}
	if err != nil {
		return nil, err
	}
	return page.Answer()
}

// retrieving is a Retrieve that is under way.
type retrieving struct {
	s       *Server
	account string
	q       *exacttarget.Retrieval
	page    *exacttarget.Page
	until   time.Time
}

// over reports whether it has taken long enough, or has nobody who waits for it.
func (g *retrieving) over(ctx context.Context) bool {
	return ctx.Err() != nil || !g.s.now().Before(g.until)
}

// requests puts together what came of calls, one after the other.
func (g *retrieving) requests(ctx context.Context, ids []schemas.RequestID) error {
	at := g.q.From
	for ; at.Named < len(ids); at = (exacttarget.Place{Named: at.Named + 1}) {
		if at.Named > g.q.From.Named && g.over(ctx) {
			g.page.End(at)
			return nil
		}
		status, err := g.s.poller.request(ctx, schemas.RequestQuery{Account: g.account, ID: ids[at.Named]})
		if isUnknown(err) {
			continue
		}
		if err != nil {
			return err
		}
		if !g.page.AddCall(&status, at) {
			return nil
		}
	}
	return nil
}

// conversations puts together what came of the calls of conversations, one after the other.
func (g *retrieving) conversations(ctx context.Context, ids []string) error {
	for at := g.q.From; at.Named < len(ids); {
		if at != g.q.From && g.over(ctx) {
			g.page.End(at)
			return nil
		}
		status, err := g.conversation(ctx, schemas.ConversationQuery{Account: g.account, ID: ids[at.Named], After: at.SequenceCode})
		if err != nil && !isUnknown(err) {
			return err
		}
		for i := range status.Calls {
			c := &status.Calls[i]
			if !g.page.AddCall(c, at) {
				return nil
			}
			at.SequenceCode, at.Objects = c.SequenceCode, 0
		}
		at.SequenceCode, at.Objects = max(at.SequenceCode, status.Next), 0
		if status.Next == 0 {
			at = exacttarget.Place{Named: at.Named + 1}
		}
	}
	return nil
}

// conversation is a page of the calls of a conversation.
func (g *retrieving) conversation(ctx context.Context, q schemas.ConversationQuery) (schemas.ConversationResource, error) {
	if q.ID == "" || len(q.ID) > g.s.recorder.limits.ConversationIDBytesMax {
		return schemas.ConversationResource{}, nobodyKnows("conversation") // none can have this id
	}
	return g.s.poller.conversation(ctx, q)
}

// isUnknown reports whether an error says that there is no such thing.
func isUnknown(err error) bool {
	p, ok := errors.AsType[*schemas.Problem](err)
	return ok && p.Code == schemas.NotFound
}

// search looks through the record.
func (g *retrieving) search(ctx context.Context, filter schemas.ResultsFilter) error {
	q := schemas.ResultsQuery{Account: g.account, ResultsFilter: filter}
	var p *schemas.Problem
	if q.After, p = position("ContinueRequest", g.q.From.Cursor, g.s.recorder.log.Partitions); p != nil {
		return p
	}
	for {
		q.Limit = g.page.Room()
		found, err := g.s.poller.results(ctx, q)
		if err != nil {
			return err
		}
		if q.After, err = g.add(ctx, found); err != nil || !found.More {
			return err
		}
		if g.page.Room() <= 0 || g.over(ctx) {
			g.page.End(exacttarget.Place{Cursor: q.After.String()})
			return nil
		}
	}
}

// add adds what a search has found, and says up to where that goes. A call of which some results were found is read as a whole, if it
// is calls that are retrieved.
func (g *retrieving) add(ctx context.Context, found schemas.ResultsPage) (schemas.Cursor, error) {
	rows, cut := found.Results, found.Cursor.Part
	if !g.q.PerCall() || cut == nil || len(rows) == 0 {
		g.page.AddRecorded(rows)
		return found.Cursor, nil
	}
	last := rows[len(rows)-1].RequestID
	for len(rows) > 0 && rows[len(rows)-1].RequestID == last {
		rows = rows[:len(rows)-1]
	}
	g.page.AddRecorded(rows)
	status, err := g.s.poller.recorded(ctx, schemas.RequestQuery{Account: g.account, ID: last})
	switch {
	case err == nil:
		g.page.AddWhole(&status)
	case !isUnknown(err): // it may have been erased meanwhile
		return found.Cursor, err
	}
	found.Cursor.Advance(cut.Partition, cut.Sequence)
	return found.Cursor, nil
}

// recorded returns the status of a call that is in the record. Its error is a *schemas.Problem.
func (p poller) recorded(ctx context.Context, q schemas.RequestQuery) (schemas.CallResource, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	status, err := p.record.Request(ctx, q)
	switch {
	case err == nil:
		return status, nil
	case errors.Is(err, schemas.ErrUnknown):
		return status, nobodyKnows("request")
	}
	p.note(ctx, "record", "request", err)
	return status, nobodyTells("request")
}
