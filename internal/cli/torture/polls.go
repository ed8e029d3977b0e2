package torture

import (
	"context"
	"errors"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"parley/internal/cli/client"
	"parley/schemas"
)

const (
	rulePoll  rule = "polls with a receipt that knew their call"
	ruleFinal rule = "polls that did not take a final status back"
)

// pollPause is the time between two polls.
const pollPause = 50 * time.Millisecond

// told is the final statuses that polls have given, by request id.
type told map[string]schemas.CallResource

// poll asks for calls that were acknowledged, over and over, until ctx ends. What a poll has said once must stay true.
func (r *run) poll(ctx context.Context) {
	for pause(ctx, pollPause) {
		if about, ok := r.ledger.any(); ok {
			r.pollOnce(ctx, about)
		}
	}
}

func (r *run) pollOnce(ctx context.Context, about receipt) {
	m := r.anyMember()
	now, err := r.askOf(ctx, m, about)
	if err != nil {
		return
	}
	before, known := r.told[about.id]
	if known && now.Status != before.Status {
		r.checks.broke(ruleFinal, "%s was %s, and is %s after %s, asked of %s", about.id, before.Status, now.Status, r.age(), m.name)
		return
	}
	r.checks.held(ruleFinal)
	if now.Status.Final() {
		r.told[about.id] = now
	}
}

// pollWait bounds a poll.
const pollWait = 5 * time.Second

// askOf asks a member for a call. The error says that it cannot tell now; it must not deny to know the call.
func (r *run) askOf(ctx context.Context, m *member, about receipt) (schemas.CallResource, error) {
	ctx, cancel := context.WithTimeout(ctx, pollWait)
	defer cancel()
	said, err := m.clients[about.call.account].Request(ctx, about.id, about.receipt, 0)
	switch refused, is := errors.AsType[*client.RefusedError](err); {
	case err == nil:
		r.checks.held(rulePoll)
	case is && !unavailable(err):
		r.checks.broke(rulePoll, "%s asked of %s after %s: %d %s", about.id, m.name, r.age(), refused.Status, http.StatusText(refused.Status))
	}
	return said, err
}

const ruleSame rule = "polls that say what ClickHouse shows"

const (
	// pollsMax bounds the calls that are asked for at the end, pollers the polls that are under way at once.
	pollsMax = 300
	pollers  = 8
)

// pollAll asks every member for calls when everything has ended: who can answer, says what ClickHouse shows.
func (r *run) pollAll(ctx context.Context, rows []row) {
	shown := make(map[*call]schemas.CallStatus, len(rows))
	for _, one := range rows {
		if !one.again {
			shown[one.call] = one.status
		}
	}
	var group errgroup.Group
	group.SetLimit(pollers)
	for range pollsMax {
		about, ok := r.ledger.any()
		if !ok {
			return
		}
		for _, m := range r.group.members {
			if !m.has("ingest") {
				continue
			}
			group.Go(func() error {
				said, err := r.askOf(ctx, m, about)
				switch {
				case err != nil:
				case said.Status != shown[about.call]:
					r.checks.broke(ruleSame, "%s %s: %s says %s, shown is %s", about.call.name(), about.id, m.name, said.Status, shown[about.call])
				default:
					r.checks.held(ruleSame)
				}
				return nil
			})
		}
	}
	_ = group.Wait() // no poll has an error: what is wrong is noted
}
