package node

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/ingest"
	"parley/internal/kafka"
	"parley/internal/peer"
	"parley/internal/testkit"
	"parley/schemas"
)

// patience bounds the wait for something that must come.
const patience = 2 * time.Minute

// site is a broker, a backend, and the nodes that a test starts. There is no ClickHouse: what a node answers, it has
// from the owner.
type site struct {
	t      testing.TB
	broker *testkit.Kafka
	routes string
	client *http.Client

	mu sync.Mutex
	// tokens are those of deferred calls, by conversation.
	tokens map[string]string
}

func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{t: t, broker: testkit.StartKafka(t), client: http.DefaultClient, tokens: make(map[string]string)}
	backend := httptest.NewServer(http.HandlerFunc(s.carryOut))
	t.Cleanup(backend.Close)
	s.routes = filepath.Join(t.TempDir(), "routes.yaml")
	if err := os.WriteFile(s.routes, fmt.Appendf(nil, "routes: [{name: all, executor: {type: http, url: %q}}]", backend.URL), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// carryOut is the backend: it defers a call about a Later, refuses one about a Bad, and fails at one about a Down.
func (s *site) carryOut(w http.ResponseWriter, r *http.Request) {
	var call struct {
		ConversationID string
		Objects        []struct{ Type string }
	}
	if err := json.NewDecoder(r.Body).Decode(&call); err != nil || len(call.Objects) != 1 {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	switch call.Objects[0].Type {
	case "Later":
		s.mu.Lock()
		s.tokens[call.ConversationID] = r.Header.Get("Parley-Deferred-Token")
		s.mu.Unlock()
		w.WriteHeader(http.StatusAccepted)
	case "Bad":
		w.WriteHeader(http.StatusUnprocessableEntity)
	case "Down":
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

func (s *site) token(conversation string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tokens[conversation]
}

// running is a node of the site.
type running struct {
	*site
	url  string
	mail string // where it takes replies
	stop func()
}

// config is that of a node of the site.
func (s *site) config(instance string, roles Roles) Config {
	requests := ingest.DefaultRequestLimits()
	requests.ProduceTimeout = patience // a busy machine is no silent broker
	return Config{
		HTTPAddr:       "127.0.0.1:0",
		Kafka:          kafka.Config{Brokers: s.broker.Brokers},
		ClickHouseDSN:  "clickhouse://127.0.0.1:1/parley",
		DataDir:        s.t.TempDir(),
		Roles:          roles,
		TopicPrefix:    s.broker.Prefix,
		Partitions:     8,
		Replication:    testkit.Replicas(s.broker.Brokers),
		RoutesFile:     s.routes,
		Auth:           AuthNone,
		Secret:         "0123456789abcdef",
		Instance:       instance,
		PartTimeout:    time.Minute,
		ForwardGrace:   time.Minute,
		SessionTimeout: 6 * time.Second,
		Requests:       requests,
		Log:            slog.New(slog.DiscardHandler),
	}
}

// start runs a node until the test, or stop, ends it.
func (s *site) start(instance string, roles Roles, adjust ...func(*Config)) *running {
	s.t.Helper()
	cfg := s.config(instance, roles)
	for _, f := range adjust {
		f(&cfg)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan Addresses, 1), make(chan error, 1)
	go func() {
		ended <- Run(ctx, cfg, Events{Ready: func(a Addresses) { ready <- a }, Stopping: func(error) {}})
	}()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			s.t.Errorf("node %s: %v", instance, err)
		}
	})
	s.t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		stop()
	})
	select {
	case a := <-ready:
		return &running{site: s, url: a.HTTP, mail: a.Mail, stop: stop}
	case err := <-ended:
		ended <- nil
		s.t.Fatalf("node %s: %v", instance, err)
	case <-time.After(patience):
		s.t.Fatalf("node %s is not ready", instance)
	}
	return nil
}

// said is an answer of a node.
type said struct {
	code   int
	header http.Header
	body   string
	// Status and Code are members of the body.
	Status string
	Code   schemas.Code
}

// do asks a node, and again when its owner does not tell in time: that is always safe, and may happen on a busy machine.
func (n *running) do(method, path, body string) said {
	n.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		a := n.once(method, path, body)
		if a.Code != schemas.OwnerUnavailable || time.Now().After(deadline) {
			return a
		}
	}
}

// once asks a node; header holds names and values.
func (n *running) once(method, path, body string, header ...string) said {
	n.t.Helper()
	r, err := http.NewRequestWithContext(n.t.Context(), method, n.url+path, strings.NewReader(body))
	if err != nil {
		n.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := n.client.Do(r)
	if err != nil {
		n.t.Error(err)
		return said{}
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		n.t.Error(err)
	}
	a := said{code: resp.StatusCode, header: resp.Header, body: string(b)}
	var members struct {
		Status any
		Code   schemas.Code
	}
	if strings.HasPrefix(a.body, "{") {
		if err := json.Unmarshal(b, &members); err != nil {
			n.t.Errorf("%s %s: %v: %s", method, path, err, b)
		}
	}
	a.Code = members.Code
	a.Status, _ = members.Status.(string)
	return a
}

func (n *running) get(path string) said { n.t.Helper(); return n.do(http.MethodGet, path, "") }

// want fails the test unless an answer is the expected one.
func (n *running) want(what string, a said, code int, status string) {
	n.t.Helper()
	if a.code != code || a.Status != status {
		n.t.Errorf("%s: %d %s, want %d %s: %s", what, a.code, a.Status, code, status, a.body)
	}
}

// send queues a call of a conversation and returns where its status is.
func (n *running) send(conversation, objectType string, part, of int) string {
	n.t.Helper()
	a := n.do(http.MethodPost, "/v1/calls", fmt.Sprintf(
		`{"method":"Create","objects":[{"type":%q}],"options":{"conversationId":%q,"sequenceCode":%d,"callsInConversation":%d}}`, objectType, conversation, part, of))
	if a.code != http.StatusAccepted {
		n.t.Fatalf("call of %s: %d %s", conversation, a.code, a.body)
	}
	return a.header.Get("Location")
}

func conversation(id string) string { return "/v1/conversations/" + url.PathEscape(id) }

// eventually fails the test unless something becomes so.
func (s *site) eventually(what string, so func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); !so(); {
		if time.Now().After(deadline) {
			s.t.Fatalf("not within %s: %s", patience, what)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// owns waits until a node owns so many partitions.
func (n *running) owns(partitions int) {
	n.t.Helper()
	line := fmt.Sprintf("\nparley_processor_owned_partitions %d\n", partitions)
	n.eventually(fmt.Sprintf("%s owns %d partitions", n.url, partitions), func() bool { return strings.Contains(n.get("/metrics").body, line) })
}

// asked reports whether a node has asked another one and been answered.
func (n *running) asked() bool {
	page := n.get("/metrics").body
	const line = `parley_peer_questions_total{outcome="answered"} `
	return strings.Contains(page, line) && !strings.Contains(page, line+"0\n")
}

var (
	both      = Roles{Ingest: true, Processor: true}
	takes     = Roles{Ingest: true}
	processes = Roles{Processor: true}
)

// Each conversation is asked for at every node that takes calls: all but at most one of them do not own it.
func TestEveryNodeAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		start func(*site) (ingest []*running)
	}{
		{"two nodes that do both", func(s *site) []*running {
			a, b := s.start("a", both), s.start("b", both)
			a.owns(4)
			b.owns(4)
			return []*running{a, b}
		}},
		{"two that take calls, two that process", func(s *site) []*running {
			a, b := s.start("a", takes), s.start("b", takes)
			c, d := s.start("c", processes), s.start("d", processes)
			c.owns(4)
			d.owns(4)
			return []*running{a, b}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			nodes := c.start(s)
			var all sync.WaitGroup
			for i := range 12 {
				one, other := nodes[i%2], nodes[(i+1)%2]
				all.Go(func() { answered(one, other, fmt.Sprint("answered-", i)) })
				all.Go(func() { cancelled(one, other, fmt.Sprint("cancelled-", i)) })
				all.Go(func() { resubmitted(one, other, fmt.Sprint("resubmitted-", i)) })
			}
			all.Wait()
			for _, n := range nodes {
				if !n.asked() {
					t.Errorf("%s has not asked another node", n.url)
				}
			}
		})
	}
}

// answered is the life of a deferred call.
func answered(one, other *running, id string) {
	location := one.send(id, "Later", 1, 1)
	one.eventually(id+" is deferred", func() bool { return one.token(id) != "" && one.get(location).Status == string(schemas.Deferred) })
	for _, n := range []*running{one, other} {
		n.want("request", n.get(location), 200, "Deferred")
		n.want("conversation", n.get(conversation(id)), 200, "Processing")
	}
	waited := make(chan said)
	go func() { waited <- one.get(location + "&wait=20s") }()
	deferred := "/v1/deferred/" + one.token(id)
	other.want("answer", other.do(http.MethodPost, deferred, `{"results":[]}`), 202, "")
	one.want("answer repeated", one.do(http.MethodPost, deferred, `{"results":[]}`), 202, "")
	for _, n := range []*running{one, other} {
		if a := n.do(http.MethodPost, deferred, `{"status":"Error","errorCode":"E","message":"m"}`); a.code != 409 || a.Code != schemas.AlreadyAnswered {
			n.t.Errorf("another answer: %d %s", a.code, a.body)
		}
		n.want("request without receipt", n.get(strings.SplitN(location, "?", 2)[0]), 200, "OK")
		n.want("conversation", n.get(conversation(id)), 200, "Complete")
	}
	one.want("waited", <-waited, 200, "OK")
}

// cancelled is the life of a conversation whose second part never comes.
func cancelled(one, other *running, id string) {
	location := one.send(id, "Now", 1, 2)
	other.want("cancel", other.do(http.MethodDelete, conversation(id), ""), 202, "Cancelled")
	one.want("cancel repeated", one.do(http.MethodDelete, conversation(id), ""), 202, "Cancelled")
	for _, n := range []*running{one, other} {
		n.want("request", n.get(location), 200, "Cancelled")
	}
}

// resubmitted is the life of a conversation whose only call fails.
func resubmitted(one, other *running, id string) {
	one.send(id, "Bad", 1, 1)
	for _, n := range []*running{one, other} {
		n.want("failed", n.get(conversation(id)+"?wait=20s"), 200, "Error")
	}
	for _, n := range []*running{other, one} {
		a := n.do(http.MethodPost, conversation(id)+"/resubmit", fmt.Sprintf(`{"conversationId":"%s-2","includeFailed":true}`, id))
		if a.code != 201 || a.header.Get("Location") != conversation(id+"-2") {
			n.t.Errorf("resubmit: %d %s", a.code, a.body)
		}
		n.want("resubmitted", n.get(conversation(id+"-2")+"?wait=20s"), 200, "Error")
	}
}

// Polls that wait at a node hear of the end although their partition has moved to another one meanwhile.
func TestPollsOutliveARebalance(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a := s.start("a", both)
	a.owns(8)
	const polls = 16
	id := func(i int) string { return fmt.Sprint("c", i) }
	for i := range polls {
		a.send(id(i), "Later", 1, 1)
	}
	var all sync.WaitGroup
	for i := range polls {
		s.eventually(id(i)+" is deferred", func() bool { return s.token(id(i)) != "" })
		all.Go(func() {
			a.want("polled through a rebalance", a.get(conversation(id(i))+"?wait=60s"), 200, "Complete")
		})
	}
	b := s.start("b", both)
	b.owns(4)
	a.owns(4)
	for i := range polls {
		b.want("answer", b.do(http.MethodPost, "/v1/deferred/"+s.token(id(i)), `{"results":[]}`), 202, "")
	}
	all.Wait()
	if !a.asked() {
		t.Error("no poll went on at the other node")
	}
}

// While an owner is gone nobody can tell, which is said at once; when its time is over, another one takes its place.
func TestOwnerThatIsGone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a, b := s.start("a", both), s.start("b", both)
	a.owns(4)
	b.owns(4)
	const conversations = 16
	id := func(i int) string { return fmt.Sprint("c", i) }
	for i := range conversations {
		b.send(id(i), "Later", 1, 1)
		s.eventually(id(i)+" is deferred", func() bool { return s.token(id(i)) != "" })
	}
	a.stop()
	gone := 0
	for i := range conversations {
		began := time.Now()
		answered := b.once(http.MethodGet, conversation(id(i)), "")
		if answered.code == http.StatusOK {
			continue
		}
		gone++
		if answered.Code != schemas.OwnerUnavailable || answered.header.Get("Retry-After") == "" || time.Since(began) > 5*time.Second {
			t.Errorf("after %s: %d %s", time.Since(began), answered.code, answered.body)
		}
	}
	if gone == 0 {
		t.Error("every conversation is said to be with the node that is there")
	}
	b.owns(8)
	for i := range conversations {
		b.want("taken over", b.do(http.MethodGet, conversation(id(i)), ""), 200, "Processing")
		b.want("answer", b.do(http.MethodPost, "/v1/deferred/"+s.token(id(i)), `{"results":[]}`), 202, "")
		b.want("ended", b.do(http.MethodGet, conversation(id(i))+"?wait=20s", ""), 200, "Complete")
	}
}

// What other nodes are asked can be asked by nobody else, on either of the listeners.
func TestStrangersAreNotAnswered(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, n := range []*running{s.start("a", both), s.start("b", processes)} {
		for _, header := range []string{"", "AAAA"} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, n.url+peer.Path+"request", strings.NewReader(`{"in":[0],"query":{"Account":"default"}}`))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Parley-Peer-Time", fmt.Sprint(time.Now().UnixMilli()))
			r.Header.Set("Parley-Peer-Mac", header)
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != http.StatusForbidden {
				t.Errorf("a stranger is answered %d", resp.StatusCode)
			}
		}
	}
	n := s.start("c", takes)
	if a := n.do(http.MethodPost, peer.Path+"request", "{}"); a.code != http.StatusNotFound {
		t.Errorf("a node that owns nothing answers %d", a.code)
	}
}

func TestAdvertisedAddress(t *testing.T) {
	t.Parallel()
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ listen, given, host string }{
		{"127.0.0.1:0", "", "127.0.0.1"},
		{":0", "", host},
		{"0.0.0.0:0", "", host},
		{":0", "parley-0.parley:8080", "parley-0.parley"},
	} {
		l, err := listen("PARLEY_HTTP_ADDR", c.listen)
		if err != nil {
			t.Fatal(err)
		}
		n := &node{cfg: Config{AdvertiseAddr: c.given}, http: l}
		got, err := n.advertised()
		_, port, _ := net.SplitHostPort(l.Addr().String())
		want := net.JoinHostPort(c.host, port)
		if c.given != "" {
			want = c.given
		}
		if err != nil || got != want {
			t.Errorf("listening on %q, told %q: %s, %v, want %s", c.listen, c.given, got, err, want)
		}
		_ = l.Close()
	}
}
