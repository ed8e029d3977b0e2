package peer

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"parley/schemas"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const partitions = 8

// fakeOwner is a processor that owns some partitions, and knows what is in them.
type fakeOwner struct {
	mu    sync.Mutex
	owned []int32
	// calls are by partition; one that is there has this status.
	calls map[int32]schemas.CallStatus
	// verdict and err are what it says of answers, and err of all else, if it is set.
	verdict schemas.AnswerVerdict
	err     error
	outages map[string]schemas.RouteOutage // by route
	// deliveries are those of any end.
	deliveries []schemas.EndDeliveries
	moved      chan struct{} // closed when anything changes

	// usage and listed are by partition.
	usage  map[int32]map[string]schemas.AccountUsage
	listed map[int32][]schemas.ConversationResource

	questions []questionAsked
}

// questionAsked is what it was asked.
type questionAsked struct {
	account string
	id      string
	in      []int32
	wait    time.Duration
}

func owner(calls map[int32]schemas.CallStatus, owned ...int32) *fakeOwner {
	return &fakeOwner{owned: owned, calls: calls, moved: make(chan struct{})}
}

func (f *fakeOwner) change(change func(*fakeOwner)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
	close(f.moved)
	f.moved = make(chan struct{})
}

func (f *fakeOwner) asked() []questionAsked {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.questions)
}

// look returns the status, and what is closed when it may be another.
func (f *fakeOwner) look(in []int32) (schemas.CallStatus, chan struct{}, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return "", nil, f.err
	}
	var missing []int32
	for _, p := range in {
		if !slices.Contains(f.owned, p) {
			missing = append(missing, p)
		} else if status, ok := f.calls[p]; ok {
			return status, f.moved, nil
		}
	}
	if len(missing) > 0 {
		return "", nil, &schemas.NotOwnedError{Partitions: missing}
	}
	return "", nil, schemas.ErrUnknown
}

// await waits as a processor does, for another status than the one that was seen, or for a final one.
func (f *fakeOwner) await(ctx context.Context, q questionAsked, seen string) (schemas.CallStatus, error) {
	f.mu.Lock()
	f.questions = append(f.questions, q)
	f.mu.Unlock()
	late := time.After(q.wait)
	for {
		status, moved, err := f.look(q.in)
		if err != nil || q.wait == 0 {
			return status, err
		}
		if schemas.EndsWait(schemas.CallResource{Account: q.account, RequestID: q.id, Status: status}, seen) {
			return status, err
		}
		select {
		case <-moved:
		case <-late:
			q.wait = 0
		case <-ctx.Done():
			return status, nil
		}
	}
}

func (f *fakeOwner) Request(ctx context.Context, q schemas.RequestQuery, in ...int32) (schemas.CallResource, error) {
	status, err := f.await(ctx, questionAsked{account: q.Account, id: q.ID.String(), in: in, wait: q.Wait}, q.Seen)
	return schemas.CallResource{Account: q.Account, RequestID: q.ID.String(), Status: status}, err
}

func (f *fakeOwner) Conversation(ctx context.Context, q schemas.ConversationQuery, in ...int32) (schemas.ConversationResource, error) {
	status, err := f.await(ctx, questionAsked{account: q.Account, in: in, wait: q.Wait}, q.Seen)
	r := schemas.ConversationResource{Account: q.Account, ConversationID: q.ID, Status: schemas.ConversationProcessing, InRecord: []int32{7}}
	if status.Final() {
		r.Status = schemas.ConversationComplete
	}
	return r, err
}

func (f *fakeOwner) Answer(_ context.Context, q schemas.AnswerQuery) (schemas.AnswerVerdict, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.questions = append(f.questions, questionAsked{in: []int32{q.Accepted.Partition}})
	if f.err == nil && !slices.Contains(f.owned, q.Accepted.Partition) {
		return 0, &schemas.NotOwnedError{Partitions: []int32{q.Accepted.Partition}}
	}
	return f.verdict, f.err
}

func (f *fakeOwner) RouteOutage(_ context.Context, q schemas.RouteQuery) (schemas.RouteOutage, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.questions = append(f.questions, questionAsked{in: []int32{q.Partition}})
	if f.err == nil && !slices.Contains(f.owned, q.Partition) {
		return schemas.RouteOutage{}, &schemas.NotOwnedError{Partitions: []int32{q.Partition}}
	}
	return f.outages[q.Route], f.err
}

func (f *fakeOwner) Deliveries(_ context.Context, q schemas.DeliveriesQuery) ([]schemas.EndDeliveries, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.questions = append(f.questions, questionAsked{in: []int32{q.Partition}})
	if f.err == nil && !slices.Contains(f.owned, q.Partition) {
		return nil, &schemas.NotOwnedError{Partitions: []int32{q.Partition}}
	}
	return f.deliveries, f.err
}

// owns returns the error of a question for partitions of which some are not owned, or which cannot be answered.
func (f *fakeOwner) owns(in []int32) error {
	f.questions = append(f.questions, questionAsked{in: in})
	if f.err != nil {
		return f.err
	}
	if missing := slices.DeleteFunc(slices.Clone(in), func(p int32) bool { return slices.Contains(f.owned, p) }); len(missing) > 0 {
		return &schemas.NotOwnedError{Partitions: missing}
	}
	return nil
}

func (f *fakeOwner) Usage(_ context.Context, accounts []string, in ...int32) (map[string]schemas.AccountUsage, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.owns(in); err != nil {
		return nil, err
	}
	sum := make(map[string]schemas.AccountUsage)
	for _, p := range in {
		for _, a := range accounts {
			sum[a] = sum[a].Plus(f.usage[p][a])
		}
	}
	return sum, nil
}

func (f *fakeOwner) Conversations(_ context.Context, q schemas.ConversationsQuery, in ...int32) ([]schemas.ConversationResource, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.owns(in); err != nil {
		return nil, err
	}
	var all []schemas.ConversationResource
	for _, p := range in {
		for _, r := range f.listed[p] {
			if q.Has(r.Place()) {
				all = append(all, r)
			}
		}
	}
	return all, nil
}

// Erasures tells as many objects as the offset of the command.
func (f *fakeOwner) Erasures(_ context.Context, q schemas.ErasureQuery, in ...int32) ([]schemas.ErasureProgress, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.owns(in); err != nil {
		return nil, err
	}
	var all []schemas.ErasureProgress
	for _, at := range q.Commands {
		if slices.Contains(in, at.Partition) {
			all = append(all, schemas.ErasureProgress{Partition: at.Partition, Ended: true, Objects: at.Offset})
		}
	}
	return all, nil
}

// Audit tells as many events as it was told are stored, and one more.
func (f *fakeOwner) Audit(_ context.Context, stored map[int32]int64, in ...int32) ([]schemas.PartitionCounts, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.owns(in); err != nil {
		return nil, err
	}
	var all []schemas.PartitionCounts
	for _, p := range in {
		all = append(all, schemas.PartitionCounts{Partition: p, Produced: stored[p] + 1, Final: map[schemas.CallStatus]int64{schemas.OK: stored[p]}})
	}
	return all, nil
}

// network carries questions to the handlers of nodes, without a wire.
type network struct {
	mu     sync.Mutex
	nodes  map[string]http.Handler
	served map[string]int
}

func newNetwork() *network {
	return &network{nodes: make(map[string]http.Handler), served: make(map[string]int)}
}

// RoundTrip implements http.RoundTripper. A node that is not there refuses the connection.
func (n *network) RoundTrip(r *http.Request) (*http.Response, error) {
	n.mu.Lock()
	h := n.nodes[r.URL.Host]
	n.served[r.URL.Host]++
	n.mu.Unlock()
	if h == nil {
		return nil, errors.New("connection refused")
	}
	answered := make(chan *http.Response, 1)
	go func() {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r.Clone(r.Context()))
		answered <- w.Result()
	}()
	select {
	case resp := <-answered:
		return resp, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

func (n *network) put(address string, h http.Handler) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.nodes[address] = h
}

func (n *network) asked(address string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.served[address]
}

func newKey(t testing.TB, secret string) *Key {
	t.Helper()
	k, err := NewKey([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

const secret = "0123456789abcdef"

func handler(t testing.TB, o Owner) *Handler {
	t.Helper()
	h, err := NewHandler(HandlerConfig{Owner: o, Key: newKey(t, secret), Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// group is who owns what, as the coordinator says.
type group struct {
	mu     sync.Mutex
	owners owners
	err    error
	looks  int
}

func (g *group) describe(context.Context) (owners, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.looks++
	return g.owners, g.err
}

func (g *group) set(o owners, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.owners, g.err = o, err
}

// all says that one node owns all partitions.
func all(address string) owners {
	o := make(owners)
	for p := range int32(partitions) {
		o[p] = address
	}
	return o
}

// newLive returns the Live of a node at "self".
func newLive(t testing.TB, o Owner, n *network, g *group) *Live {
	t.Helper()
	return &Live{
		owner: o, self: "self", key: newKey(t, secret), partitions: partitions,
		directory: newDirectory(g.describe),
		client:    newHTTPClient(n),
		questions: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "questions"}, []string{"outcome"}),
		log:       slog.New(slog.DiscardHandler),
	}
}

// idOn is a request id that names a partition.
func idOn(partition int32) uuid.UUID {
	id := uuid.New()
	id[6] = id[6]&0x0f | 0x80
	id[8], id[9] = 0x80|byte(partition>>8), byte(partition)
	return id
}

// counted is the value of a counter.
func counted(t testing.TB, c prometheus.Collector) float64 {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	if err := r.Register(c); err != nil {
		t.Fatal(err)
	}
	families, err := r.Gather()
	if err != nil || len(families) != 1 {
		t.Fatalf("gathered %v, %v", families, err)
	}
	return families[0].GetMetric()[0].GetCounter().GetValue()
}
