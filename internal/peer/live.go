package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/pause"
	"parley/internal/topics"
	"parley/schemas"
)

// Config is what a Live is made of. Fields without a default are required.
type Config struct {
	// Owner is the processor of this process. Nil: there is none.
	Owner Owner
	// Self is the address that this node advertises: it is not asked by way of the network.
	Self string
	Key  *Key
	// Trust verifies the nodes that are reached by TLS. Nil: the authorities of the system do.
	Trust *tls.Config
	// Client asks who is in the Group of the processors, and which partitions of Calls each of them has.
	Client *kgo.Client
	Group  string
	Calls  string
	// Partitions is how many Calls has.
	Partitions int32
	Log        *slog.Logger
	Metrics    prometheus.Registerer
}

// Live is the state of all partitions, whichever node owns them. It is safe for concurrent use.
type Live struct {
	owner      Owner
	self       string
	key        *Key
	partitions int32
	directory  *directory
	client     *http.Client
	questions  *prometheus.CounterVec
	log        *slog.Logger
}

// New returns a Live. It fails when its metrics are registered already.
func New(cfg Config) (*Live, error) {
	l := &Live{
		owner:      cfg.Owner,
		self:       cfg.Self,
		key:        cfg.Key,
		partitions: cfg.Partitions,
		directory:  newDirectory(describeGroup(cfg.Client, cfg.Group, cfg.Calls)),
		client:     newHTTPClient(newTransport(cfg.Trust)),
		questions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_peer_questions_total",
			Help: "Questions to other nodes, by what came of them: answered; unknown, it knows nothing of it; unavailable, it cannot tell now; unreachable, it does not answer; refused, it has another secret or time.",
		}, []string{"outcome"}),
		log: cfg.Log,
	}
	for _, outcome := range []string{outcomeAnswered, outcomeRefused, outcomeUnreachable, outcomeUnknown, outcomeUnavailable} {
		l.questions.WithLabelValues(outcome)
	}
	if l.owner == nil {
		l.owner = nobody{}
	}
	if err := cfg.Metrics.Register(l.questions); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return l, nil
}

// Close lets go of connections that wait for questions.
func (l *Live) Close() { l.client.CloseIdleConnections() }

// Request answers what the owner of a call knows: schemas.ErrUnknown when the owners of all partitions have said that
// they know nothing of it, schemas.ErrUnavailable when one of them cannot tell now or says nothing. Its error may be a
// *schemas.RecordedError.
func (l *Live) Request(ctx context.Context, q schemas.RequestQuery) (schemas.CallResource, error) {
	home := topics.OfRequest(q.Account, q.ID, l.partitions)
	if q.Accepted != nil {
		home = q.Accepted.Partition
	}
	return await(ctx, q.Wait, q.Seen, func(ctx context.Context, s slice) (schemas.CallResource, error) {
		put := func(ctx context.Context, o Owner, in []int32) (schemas.CallResource, error) {
			now := q
			now.Wait = s.left()
			return o.Request(ctx, now, in...)
		}
		search := question[schemas.CallResource]{live: l, patience: s.patience, put: put}
		r, err := search.ask(ctx, []int32{home})
		if errors.Is(err, schemas.ErrUnknown) {
			// A request id that its producer chose may name another partition than that of its conversation.
			r, err = search.ask(ctx, l.others(home))
		}
		return r, err
	})
}

// node is the owner at an address.
func (l *Live) node(address string) Owner {
	return remote{address: address, key: l.key, client: l.client}
}

// What came of a question to another node.
const (
	outcomeAnswered    = "answered"
	outcomeRefused     = "refused"
	outcomeUnreachable = "unreachable"
	outcomeUnknown     = "unknown"
	outcomeUnavailable = "unavailable"
)

// note counts what came of a question to a node, and tells operators what they alone can mend.
func (l *Live) note(node string, err error) {
	outcome := outcomeAnswered
	switch _, recorded := errors.AsType[*schemas.RecordedError](err); {
	case err == nil, recorded:
	case errors.Is(err, errRefused):
		outcome = outcomeRefused
		l.log.Warn("a node refuses questions; all need the same PARLEY_SECRET, the same time, and an address of their own", slog.String("node", node), slog.Any("error", err))
	case errors.Is(err, errUnreachable):
		outcome = outcomeUnreachable
		l.log.Debug("a node does not answer", slog.String("node", node), slog.Any("error", err))
	case errors.Is(err, schemas.ErrUnknown):
		outcome = outcomeUnknown
	default:
		outcome = outcomeUnavailable
	}
	l.questions.WithLabelValues(outcome).Inc()
}

// others are all partitions but one.
func (l *Live) others(home int32) []int32 {
	var others []int32
	for p := range l.partitions {
		if p != home {
			others = append(others, p)
		}
	}
	return others
}

// Conversation answers what the owner of a conversation knows, as Request does of a call.
func (l *Live) Conversation(ctx context.Context, q schemas.ConversationQuery) (schemas.ConversationResource, error) {
	var in []int32
	for _, key := range q.Keys() {
		in = append(in, topics.OfConversation(key, l.partitions))
	}
	if q.Accepted != nil {
		in = []int32{q.Accepted.Partition}
	}
	return await(ctx, q.Wait, q.Seen, func(ctx context.Context, s slice) (schemas.ConversationResource, error) {
		put := func(ctx context.Context, o Owner, in []int32) (schemas.ConversationResource, error) {
			now := q
			now.Wait = s.left()
			return o.Conversation(ctx, now, in...)
		}
		search := question[schemas.ConversationResource]{live: l, patience: s.patience, put: put}
		if q.Accepted != nil {
			search.patience = ownerWait // whoever has written a command wants to hear of it
		}
		return search.ask(ctx, in)
	})
}

// Answer tells what came of a late answer, as the owner of its partition knows.
func (l *Live) Answer(ctx context.Context, q schemas.AnswerQuery) (schemas.AnswerVerdict, error) {
	put := func(ctx context.Context, o Owner, _ []int32) (schemas.AnswerVerdict, error) { return o.Answer(ctx, q) }
	search := question[schemas.AnswerVerdict]{live: l, patience: ownerWait, put: put}
	return search.ask(ctx, []int32{q.Accepted.Partition})
}

// RouteOutage tells why the calls of a route wait, as the owner of a partition knows.
func (l *Live) RouteOutage(ctx context.Context, q schemas.RouteQuery) (schemas.RouteOutage, error) {
	put := func(ctx context.Context, o Owner, _ []int32) (schemas.RouteOutage, error) {
		return o.RouteOutage(ctx, q)
	}
	search := question[schemas.RouteOutage]{live: l, patience: ownerWait, put: put}
	return search.ask(ctx, []int32{q.Partition})
}

// Deliveries tells how far telling of ends has come, as the owner of their partition knows. Nobody waits for one.
func (l *Live) Deliveries(ctx context.Context, q schemas.DeliveriesQuery) ([]schemas.EndDeliveries, error) {
	put := func(ctx context.Context, o Owner, _ []int32) ([]schemas.EndDeliveries, error) {
		return o.Deliveries(ctx, q)
	}
	search := question[[]schemas.EndDeliveries]{live: l, put: put}
	return search.ask(ctx, []int32{q.Partition})
}

// accountsMax is how many accounts are asked about at once: so many fit into a question.
const accountsMax = 500

// Usage tells what is held of accounts in all partitions; one of which nothing is held may be left out.
// schemas.ErrUnavailable: not all owners can tell now.
func (l *Live) Usage(ctx context.Context, accounts []string) (map[string]schemas.AccountUsage, error) {
	sum := make(map[string]schemas.AccountUsage, len(accounts))
	for some := range slices.Chunk(accounts, accountsMax) {
		c := census[map[string]schemas.AccountUsage]{live: l, put: func(ctx context.Context, o Owner, in []int32) (map[string]schemas.AccountUsage, error) {
			return o.Usage(ctx, some, in...)
		}}
		told, err := c.take(ctx)
		if err != nil {
			return nil, err
		}
		for _, its := range told {
			for account, u := range its {
				sum[account] = sum[account].Plus(u)
			}
		}
	}
	return sum, nil
}

// Conversations returns the first conversations that are asked for, without their calls and in the order of their places,
// of those that are open and of those that have ended and may not be in the record yet. schemas.ErrUnavailable: not all
// owners can tell now.
func (l *Live) Conversations(ctx context.Context, q schemas.ConversationsQuery) ([]schemas.ConversationResource, error) {
	c := census[[]schemas.ConversationResource]{live: l, patience: ownerWait, put: func(ctx context.Context, o Owner, in []int32) ([]schemas.ConversationResource, error) {
		return o.Conversations(ctx, q, in...)
	}}
	told, err := c.take(ctx)
	if err != nil {
		return nil, err
	}
	all := slices.Concat(told...)
	slices.SortFunc(all, func(a, b schemas.ConversationResource) int { return a.Place().Compare(b.Place()) })
	return all[:min(len(all), q.Limit)], nil
}

// Audit returns the counts of partitions, each once, of which the record has the events up to the sequences in stored.
// schemas.ErrUnavailable: those that are missing nobody can tell now.
func (l *Live) Audit(ctx context.Context, stored map[int32]int64) ([]schemas.PartitionCounts, error) {
	c := census[[]schemas.PartitionCounts]{live: l, patience: ownerWait, put: func(ctx context.Context, o Owner, in []int32) ([]schemas.PartitionCounts, error) {
		return o.Audit(ctx, stored, in...)
	}}
	for asked := 1; ; asked++ {
		told, err := c.take(ctx)
		counts := slices.Concat(told...)
		if err != nil || asked == auditQuestionsMax || !slices.ContainsFunc(counts, func(c schemas.PartitionCounts) bool { return c.Produced < stored[c.Partition] }) {
			return counts, err
		}
		if pause.For(ctx, auditPause) != nil {
			return counts, err
		}
	}
}

// An owner may know of a transaction a moment later than the record has the events of it: so one that knows of fewer events
// than are stored is asked again.
const (
	auditQuestionsMax = 4
	auditPause        = 300 * time.Millisecond
)

// Erasures tells how far the erasures have come whose records were appended at the places of the query, one in each
// partition. schemas.ErrUnavailable: not all owners can tell now.
func (l *Live) Erasures(ctx context.Context, q schemas.ErasureQuery) ([]schemas.ErasureProgress, error) {
	c := census[[]schemas.ErasureProgress]{live: l, patience: ownerWait, put: func(ctx context.Context, o Owner, in []int32) ([]schemas.ErasureProgress, error) {
		return o.Erasures(ctx, q, in...)
	}}
	told, err := c.take(ctx)
	return slices.Concat(told...), err
}

// sliceMax is the longest that an owner is asked to wait at once. One that falls silent, or is the owner no more, is
// found out after that.
const sliceMax = 5 * time.Second

// slice is a part of a wait, during which one owner is asked.
type slice struct {
	until time.Time
	// patience is for how long an owner is looked for.
	patience time.Duration
}

// left is what is left of the slice.
func (s slice) left() time.Duration { return max(0, time.Until(s.until)) }

// await asks, one slice of the wait after the other, until the answer ends the wait, or the wait is over.
func await[R schemas.Resource](ctx context.Context, wait time.Duration, seen string, ask func(context.Context, slice) (R, error)) (R, error) {
	end := time.Now().Add(wait)
	for {
		s := slice{until: time.Now().Add(min(time.Until(end), sliceMax))}
		if wait > 0 {
			s.patience = ownerWait
		}
		r, err := ask(ctx, s)
		if err != nil || !time.Now().Before(end) {
			return r, err
		}
		if schemas.EndsWait(r, seen) {
			return r, err
		}
		if s.left() > 0 && pause.For(ctx, ownerPause) != nil { // an owner that stops answers early
			return r, nil
		}
	}
}
