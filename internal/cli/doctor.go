package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/certs"
	"parley/internal/doctor"
	"parley/internal/embedded"
	"parley/internal/grants"
	"parley/internal/mail"
	"parley/internal/peer"
	"parley/internal/route"
	"parley/internal/topics"
	"parley/results/record"
)

// doctorCmd looks at everything that a node stands on. Its settings are those of serve.
type doctorCmd struct {
	topicFlags
	clickHouseAccessFlags
	mailAccessFlags

	ClickHouseDSN     string        `name:"clickhouse-dsn" env:"PARLEY_CLICKHOUSE_DSN" secret:"" placeholder:"DSN" help:"ClickHouse. Default: the embedded one of parley serve."`
	EmbeddedDB        string        `name:"embedded-clickhouse-addr" default:"127.0.0.1:9000" env:"PARLEY_EMBEDDED_CLICKHOUSE_ADDR" placeholder:"HOST:PORT" help:"Where the embedded ClickHouse listens."`
	ClickHouseCluster string        `name:"clickhouse-cluster" env:"PARLEY_CLICKHOUSE_CLUSTER" placeholder:"NAME" help:"Cluster of ClickHouse servers over which the tables are spread."`
	Routes            string        `env:"PARLEY_ROUTES" placeholder:"FILE" help:"The file of routes. Default: backends are not looked at."`
	DataDir           string        `default:"./data" env:"PARLEY_DATA_DIR" placeholder:"FOLDER" help:"The data folder."`
	Roles             []string      `default:"ingest,processor,results" sep:"," env:"PARLEY_ROLES" placeholder:"LIST" help:"What the node does: what it must be allowed in Kafka depends on it."`
	Instance          string        `env:"PARLEY_INSTANCE" placeholder:"NAME" help:"Name of the node. Default: the host name."`
	SessionTimeout    time.Duration `env:"PARLEY_SESSION_TIMEOUT" placeholder:"DURATION" help:"That of the nodes. Default: 1m embedded, else 10s."`
	Secret            string        `env:"PARLEY_SECRET" secret:"" placeholder:"TEXT" help:"That of the nodes. Default: it is not looked whether they have the same."`
	TLSCA             string        `name:"tls-ca" env:"PARLEY_TLS_CA" placeholder:"FILE" help:"Authorities by which nodes are verified (PEM). Default: those of the system."`

	ReadOnly bool `help:"Write nothing: the clocks of the brokers, which a tick in parley.calls tells, are then not known."`
	Strict   bool `help:"Warnings, and what nobody could tell, are failures, too."`
	JSON     bool `name:"json" help:"Print the findings as JSON, one a line."`
}

// Help is shown by --help.
func (*doctorCmd) Help() string {
	return `It looks at Kafka, its topics, ClickHouse, the backends, the other nodes and the data folder as a node with these settings does, and says of each thing whether it is as it must be, what comes of it when not, and what to do. It mends nothing. All that it writes is a tick in parley.calls, which changes nothing and tells what time the brokers have; --read-only leaves it out. docs/doctor.md has all checks.

Exit codes: 0, nothing fails; 1, something does; with --strict also for a warning, or what nobody could tell.

  parley doctor
  parley doctor --json | jq 'select(.verdict != "ok")'`
}

// Run prints what was found.
func (c *doctorCmd) Run(ctx context.Context, std streams) error {
	report, err := c.check(ctx, std.err)
	if err != nil {
		return err
	}
	for _, f := range report {
		if c.JSON {
			if err := printJSON(std.out, f); err != nil {
				return err
			}
		}
	}
	if !c.JSON {
		writeFindings(std.out, report)
	}
	if worst := report.Worst(); worst == doctor.Failure || c.Strict && worst != doctor.OK {
		return errReported
	}
	return nil
}

// writeFindings is for a person: what is not well has a line for what it means, and one for what to do.
func writeFindings(w io.Writer, r doctor.Report) {
	for _, f := range r {
		fmt.Fprintf(w, "%-8s %-21s  %s: %s\n", f.Verdict, f.Check, f.Subject, f.Found)
		if f.Meaning != "" {
			fmt.Fprintf(w, "%33s%s\n", "", f.Meaning)
		}
		if f.Remedy != "" {
			fmt.Fprintf(w, "%33s→ %s\n", "", f.Remedy)
		}
	}
	fmt.Fprintf(w, "%d ok, %d warnings, %d failures, %d unknown\n", r.Count(doctor.OK), r.Count(doctor.Warning), r.Count(doctor.Failure), r.Count(doctor.Unknown))
}

// check asks everything at once.
func (c *doctorCmd) check(ctx context.Context, stderr io.Writer) (doctor.Report, error) {
	kafka, closed, err := c.inKafka(stderr)
	if err != nil {
		return nil, err
	}
	defer closed()
	clickhouse, closed2, err := c.inClickHouse(stderr)
	if err != nil {
		return nil, err
	}
	defer closed2()
	probing, err := c.probing()
	if err != nil {
		return nil, err
	}
	mails, err := c.mailClient(stderr)
	if err != nil {
		return nil, err
	}
	var inKafka, inClickHouse, atNodes, behind, byMail doctor.Report
	var asked sync.WaitGroup
	asked.Go(func() { inKafka = kafka.Check(ctx) })
	asked.Go(func() { inClickHouse = clickhouse.Check(ctx) })
	asked.Go(func() { atNodes = kafka.CheckNodes(ctx, probing) })
	asked.Go(func() { behind = c.backends(ctx, kafka.Client, mails) })
	if c.SMTPURL != "" {
		asked.Go(func() { byMail = doctor.CheckMail(ctx, mails, c.SMTPURL) })
	}
	asked.Wait()
	all := slices.Concat(inKafka, inClickHouse, behind, byMail, atNodes)
	return append(all, doctor.CheckFolder(c.DataDir, embedded.CheckFolder(c.DataDir))), nil
}

func (c *doctorCmd) inKafka(stderr io.Writer) (doctor.Kafka, func(), error) {
	host, err := os.Hostname()
	if err != nil {
		return doctor.Kafka{}, nil, fmt.Errorf("find host name: %w; set PARLEY_INSTANCE", err)
	}
	cluster, err := c.cluster(stderr)
	if err != nil {
		return doctor.Kafka{}, nil, err
	}
	given, err := c.grants()
	if err != nil {
		return doctor.Kafka{}, nil, err
	}
	options := cluster.Options("parley-cli")
	client, err := kgo.NewClient(append(slices.Clip(options), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	if err != nil {
		return doctor.Kafka{}, nil, fmt.Errorf("configure Kafka client: %w", err)
	}
	session := 10 * time.Second
	if c.embedded() {
		session = time.Minute
	}
	return doctor.Kafka{
		Client:         client,
		Cluster:        cluster,
		Spec:           c.spec(),
		Embedded:       c.embedded(),
		Prefix:         c.TopicPrefix,
		Instance:       cmp.Or(c.Instance, host),
		Grants:         given,
		SessionTimeout: cmp.Or(c.SessionTimeout, session),
		Options:        options,
		ReadOnly:       c.ReadOnly,
	}, client.Close, nil
}

// grants are what a node with these roles must be allowed to do. Routes that cannot be read are told of elsewhere.
func (c *doctorCmd) grants() ([]grants.Grant, error) {
	p := grants.Parley{Prefix: c.TopicPrefix}
	if table, err := route.Load(c.Routes); err == nil {
		p.Requests, p.Replies = routed(table)
	}
	var all []grants.Grant
	for _, name := range list(c.Roles) {
		role, err := grants.ParseRole(name)
		if err != nil {
			return nil, fmt.Errorf("PARLEY_ROLES: %w", err)
		}
		all = append(all, p.For(role)...)
	}
	return grants.Union(all), nil
}

func (c *doctorCmd) inClickHouse(stderr io.Writer) (doctor.ClickHouse, func(), error) {
	dsn := cmp.Or(c.ClickHouseDSN, "clickhouse://"+c.EmbeddedDB+"/"+record.DefaultDatabase)
	var access *certs.Client // nil: the authorities of the system do
	if files := c.clickHouseFiles(); files != (certs.ClientFiles{}) {
		var err error
		if access, err = certs.LoadClient(files, slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))); err != nil {
			return doctor.ClickHouse{}, nil, fmt.Errorf("PARLEY_CLICKHOUSE_CA, PARLEY_CLICKHOUSE_CERT, PARLEY_CLICKHOUSE_KEY: %w", err)
		}
	}
	opts, err := record.ParseDSN(dsn, access)
	if err != nil {
		return doctor.ClickHouse{}, nil, fmt.Errorf("PARLEY_CLICKHOUSE_DSN: %w", err)
	}
	conn, err := record.Open(dsn, access)
	if err != nil {
		return doctor.ClickHouse{}, nil, fmt.Errorf("PARLEY_CLICKHOUSE_DSN: %w", err)
	}
	versions, err := record.Versions()
	if err != nil {
		return doctor.ClickHouse{}, nil, err
	}
	closed := func() { _ = conn.Close() } // nothing was written
	return doctor.ClickHouse{Conn: conn, Database: opts.Auth.Database, Cluster: c.ClickHouseCluster, Versions: versions}, closed, nil
}

func (c *doctorCmd) probing() (with peer.Probing, err error) {
	if with.Trust, err = certs.Trust(c.TLSCA); err != nil {
		return with, fmt.Errorf("--tls-ca: %w", err)
	}
	if c.Secret != "" {
		with.Key, err = peer.NewKey([]byte(c.Secret))
	}
	return with, err
}

// backends looks at the routes, if there is a file of them.
func (c *doctorCmd) backends(ctx context.Context, client *kgo.Client, mails mail.Client) doctor.Report {
	if c.Routes == "" {
		return nil
	}
	table, err := route.Load(c.Routes)
	if err == nil {
		err = table.Apart(c.topics())
	}
	if err != nil {
		return doctor.Report{{
			Check: doctor.Routes, Subject: c.Routes, Verdict: doctor.Failure, Found: strings.ReplaceAll(err.Error(), "\n", "; "),
			Meaning: "a node does not start with it, and one that runs keeps the routes that it has", Remedy: "parley routes check " + c.Routes,
		}}
	}
	looking, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	shown, err := topics.Look(looking, client)
	if err != nil {
		return doctor.CheckRoutes(ctx, table, mails, nil)
	}
	return doctor.CheckRoutes(ctx, table, mails, &shown)
}
