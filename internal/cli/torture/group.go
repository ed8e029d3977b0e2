package torture

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
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

// member is a process of Parley.
type member struct {
	process

	http  string // host:port
	roles string
	// clients take calls for each account; none: the member has not the role.
	clients map[string]*client.Client
}

// What the members do: every role is there twice at least, and no two members are alike.
var memberRoles = []string{"ingest,processor,results", "processor,results", "ingest,processor"}

const journalName = "journal.jsonl"

// memberNames are the names of the members.
func memberNames() []string {
	names := make([]string, len(memberRoles))
	for i := range memberRoles {
		names[i] = fmt.Sprintf("member-%d", i+1)
	}
	return names
}

// Times of the members that are short, so that a run sees them pass.
const (
	partTimeout  = 6 * time.Second
	forwardGrace = time.Second
)

// newGroup starts the engines, and prepares everything else. The group must be closed, also after an error.
func newGroup(ctx context.Context, cfg Config, dir string) (*group, error) {
	g := &group{dir: dir, brokers: cfg.Brokers, prefix: "parley"}
	if len(cfg.Brokers) > 0 {
		g.prefix = "torture-" + rand.Text()[:8] // others may use the cluster
	}
	g.topics = topicsOf(g.prefix + ".torture")
	addrs, err := tour.Addrs(1 + len(memberRoles))
	if err != nil {
		return g, err
	}
	if err := g.startEngines(ctx, cfg); err != nil {
		return g, err
	}
	if err := makeTopics(ctx, g.brokers, g.topics); err != nil {
		return g, err
	}
	routes := filepath.Join(dir, "routes.yaml")
	if err := writeRoutes(routes, addrs[0], g.topics, cfg.Rate); err != nil {
		return g, err
	}
	secret := rand.Text()
	for i, name := range memberNames() {
		m := &member{
			process: process{name: name, program: cfg.Program, dir: dir},
			http:    addrs[1+i],
			roles:   memberRoles[i],
		}
		m.args = []string{
			"serve", "--instance", name, "--roles", m.roles, "--http-addr", m.http, "--data-dir", filepath.Join(dir, name),
			"--kafka-brokers", g.brokers[0], "--clickhouse-dsn", g.engines.ClickHouseDSN(), "--routes", routes,
			"--topic-prefix", g.prefix, "--partitions", fmt.Sprint(partitions), "--result-partitions", fmt.Sprint(resultPartitions),
			"--session-timeout", cfg.Session.String(), "--part-timeout", partTimeout.String(), "--forward-grace", forwardGrace.String(),
			"--secret", secret, "--auth", "none", "--log-format", "text",
		}
		g.members = append(g.members, m)
	}
	if err := g.openClients(); err != nil {
		return g, err
	}
	g.backend = &process{name: victimBackend, program: cfg.Program, dir: dir, args: []string{
		"backend", "--addr", addrs[0], "--journal", filepath.Join(dir, journalName), "--answer-to", "http://" + g.members[0].http,
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
		if !m.ingest() {
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

// ingest reports whether the member takes calls.
func (m *member) ingest() bool { return strings.Contains(m.roles, "ingest") }

// start runs backend and members, and returns when all are ready.
func (g *group) start(ctx context.Context) error {
	if err := g.backend.start(); err != nil {
		return err
	}
	for _, m := range g.members {
		if err := m.start(); err != nil {
			return err
		}
	}
	return g.awaitReady(ctx)
}

// readyWait bounds the wait until all members are ready.
const readyWait = 90 * time.Second

// awaitReady returns when all members are ready, and have stayed alive until then.
func (g *group) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyWait, fmt.Errorf("not all members were ready within %s", readyWait))
	defer cancel()
	for _, m := range g.members {
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
