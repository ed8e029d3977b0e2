package torture

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"parley/internal/cli/clickhouse"
	"parley/internal/cli/client"
	"parley/internal/cli/tour"
	"parley/internal/embedded"
)

// group is everything that runs: engines, a backend, and members of one Parley.
type group struct {
	dir     string
	engines *embedded.Engines
	brokers []string
	answers *clickhouse.Server
	topics  executorTopics
	prefix  string

	backend *process
	// sick are the arguments of a backend that answers 503.
	sick    []string
	members []*member
}

// Member is a process of Parley.
type Member struct {
	// Name is one for each, and none of the victims that are no member.
	Name string
	// Roles are as serve's flag has them.
	Roles string
	// Joins and Leaves are when it comes, and when it goes by SIGTERM, from the beginning of the load. Zero: it is there when
	// the load begins, and stays. It leaves when its blows are over.
	Joins, Leaves time.Duration
}

// member is a process of Parley that is started.
type member struct {
	Member
	process

	http    string // host:port
	network *network
	// clients take calls for each account; none: the member has not the role.
	clients map[string]*client.Client
}

// threeMembers are members of which every role is there twice at least, and no two are alike.
func threeMembers() []Member {
	return []Member{
		{Name: "member-1", Roles: "ingest,processor,results"},
		{Name: "member-2", Roles: "processor,results"},
		{Name: "member-3", Roles: "ingest,processor"},
	}
}

const journalName = "journal.jsonl"

// Times of the members that are short, so that a run sees them pass.
const (
	partTimeout  = 6 * time.Second
	forwardGrace = time.Second
)

// newGroup starts the engines, and prepares everything else. The group must be closed, also after an error.
func newGroup(ctx context.Context, cfg Config, dir string) (*group, error) {
	g := &group{dir: dir, brokers: cfg.Brokers, prefix: "parley"}
	replication := int16(1)
	if len(cfg.Brokers) > 0 {
		replication = -1
		g.prefix = "torture-" + rand.Text()[:8] // others may use the cluster
	}
	g.topics = topicsOf(g.prefix + ".torture")
	addrs, err := tour.Addrs(1 + len(cfg.Members))
	if err != nil {
		return g, err
	}
	if err := g.startEngines(ctx, cfg); err != nil {
		return g, err
	}
	if err := makeTopics(ctx, g.brokers, g.topics, replication); err != nil {
		return g, err
	}
	routes := filepath.Join(dir, "routes.yaml")
	brokers, err := advertised(ctx, g.brokers)
	if err != nil {
		return g, err
	}
	secret := rand.Text()
	processors := 0
	for i, as := range cfg.Members {
		m := &member{Member: as, process: process{name: as.Name, program: cfg.Program, dir: dir}, http: addrs[1+i]}
		g.members = append(g.members, m)
		if m.network, err = openNetwork(brokers, m.http); err != nil {
			return g, err
		}
		if m.has("processor") {
			processors++
		}
		m.args = []string{
			"serve", "--instance", m.name, "--roles", m.Roles, "--http-addr", m.http, "--data-dir", filepath.Join(dir, m.name),
			"--kafka-brokers", strings.Join(m.network.brokers.Addrs(), ","), "--advertise-addr", m.network.door.Addr(), "--clickhouse-dsn", g.engines.ClickHouseDSN(), "--routes", routes,
			"--topic-prefix", g.prefix, "--partitions", fmt.Sprint(partitions), "--result-partitions", fmt.Sprint(resultPartitions),
			"--session-timeout", cfg.Session.String(), "--part-timeout", partTimeout.String(), "--forward-grace", forwardGrace.String(),
			"--callback-allow", "127.0.0.1/32", "--secret", secret, "--auth", "none", "--log-format", "text",
		}
		if len(cfg.Brokers) == 0 {
			m.args = append(m.args, "--replication", "1")
		}
	}
	if err := writeRoutes(routes, addrs[0], g.topics, cfg.Rate/float64(processors)); err != nil {
		return g, err
	}
	if err := g.openClients(); err != nil {
		return g, err
	}
	g.backend = &process{name: VictimBackend, program: cfg.Program, dir: dir, args: []string{
		"backend", "--addr", addrs[0], "--journal", filepath.Join(dir, journalName), "--answer-to", "http://" + g.taking().http,
		"--failure-rate", "0.01", "--seed", fmt.Sprint(cfg.Seed),
	}}
	g.sick = append(append([]string{}, g.backend.args...), "--failure-rate", "1")
	return g, nil
}

// partitions and resultPartitions divide the topics.
const (
	partitions       = 8
	resultPartitions = 4
)

func (g *group) startEngines(ctx context.Context, cfg Config) (err error) {
	c := embedded.Config{
		DataDir:            filepath.Join(g.dir, "engines"),
		ClickHouseAddr:     "127.0.0.1:0",
		ClickHouseHTTPAddr: "127.0.0.1:0",
		Library:            cfg.Library,
		Command:            []string{cfg.Program, "engine"},
		Log:                slog.New(slog.DiscardHandler),
	}
	if len(g.brokers) == 0 {
		c.KafkaAddr = "127.0.0.1:0"
	}
	if g.engines, err = embedded.Start(ctx, c); err != nil {
		return err
	}
	if len(g.brokers) == 0 {
		g.brokers = g.engines.Brokers()
	}
	g.answers, err = clickhouse.Parse("http://"+g.engines.ClickHouseHTTPAddr(), "parley")
	return err
}

// openClients gives each member that takes calls a client for each account.
func (g *group) openClients() error {
	for _, m := range g.members {
		if !m.has("ingest") {
			continue
		}
		m.clients = make(map[string]*client.Client)
		for _, a := range accounts {
			c, err := client.New(client.Config{URL: "http://" + m.http, Account: a})
			if err != nil {
				return err
			}
			m.clients[a] = c
		}
	}
	return nil
}

// has reports whether the member has a role.
func (m *member) has(role string) bool { return strings.Contains(m.Roles, role) }

// taking is a member that takes calls.
func (g *group) taking() *member {
	return g.members[slices.IndexFunc(g.members, func(m *member) bool { return m.has("ingest") })]
}

// start runs backend and members, and returns when all are ready.
func (g *group) start(ctx context.Context) error {
	if err := g.backend.start(); err != nil {
		return err
	}
	for _, m := range g.members {
		if m.Joins > 0 {
			continue
		}
		if err := m.start(); err != nil {
			return err
		}
	}
	return g.awaitReady(ctx)
}

// readyWait bounds the wait until all members are ready.
const readyWait = 90 * time.Second

// awaitReady returns when all members that are there are ready, and have stayed alive until then.
func (g *group) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyWait, fmt.Errorf("not all members were ready within %s", readyWait))
	defer cancel()
	for _, m := range g.members {
		if m.cmd == nil {
			continue
		}
		for !tour.Ready(ctx, m.http) {
			select {
			case <-m.ended:
				return fmt.Errorf("%s ended by itself: %w\n%s", m.name, m.err, m.lastWords())
			default:
			}
			if !pause(ctx, 50*time.Millisecond) {
				return fmt.Errorf("%w: %s\n%s", context.Cause(ctx), m.name, m.lastWords())
			}
		}
	}
	return nil
}

// close ends what still runs, at once.
func (g *group) close() error {
	var errs []error
	for _, m := range g.members {
		errs = append(errs, m.kill())
		for _, c := range m.clients {
			c.Close()
		}
		if m.network != nil {
			errs = append(errs, m.network.close())
		}
	}
	if g.backend != nil {
		errs = append(errs, g.backend.kill())
	}
	if g.engines != nil {
		errs = append(errs, g.engines.Close())
	}
	http.DefaultClient.CloseIdleConnections()
	return errors.Join(errs...)
}

// pause returns true after d, and false when ctx ends before.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
