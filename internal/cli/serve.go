package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"parley/internal/cli/node"
	"parley/internal/egress"
	"parley/internal/telemetry"
	"parley/results/record"
)

// serveCmd has the settings of a node: INTERFACES, "Running".
type serveCmd struct {
	HTTPAddr  string        `name:"http-addr" default:"127.0.0.1:8080" env:"PARLEY_HTTP_ADDR" placeholder:"HOST:PORT" help:"Where calls and polls are answered." group:"This node"`
	DataDir   string        `default:"./data" env:"PARLEY_DATA_DIR" placeholder:"FOLDER" help:"Everything that is kept on this machine." group:"This node"`
	Roles     string        `default:"ingest,processor,results" env:"PARLEY_ROLES" placeholder:"LIST" help:"What this node does, separated by commas: ingest takes calls and answers polls, processor carries them out, results brings them into ClickHouse." group:"This node"`
	Instance  string        `env:"PARLEY_INSTANCE" placeholder:"NAME" help:"Name of this node among others, the same after a restart. Default: the host name." group:"This node"`
	Advertise string        `name:"advertise-addr" env:"PARLEY_ADVERTISE_ADDR" placeholder:"HOST:PORT" help:"Where other nodes reach this one. They ask it about the calls that it carries out. Default: the address of --http-addr; the host name when that is all addresses." group:"This node"`
	Drain     time.Duration `name:"drain-delay" default:"0s" env:"PARLEY_DRAIN_DELAY" placeholder:"DURATION" help:"How long it goes on as before after it was told to stop, while /readyz says that it is not ready: as long as load balancers may take to see that, as 5s." group:"This node"`
	Routes    string        `env:"PARLEY_ROUTES" placeholder:"FILE" help:"YAML file that says which backend takes which calls; it is read again when it changes, and on SIGHUP. Default: everything goes to the demo backend." group:"This node"`

	KafkaBrokers      []string      `env:"PARLEY_KAFKA_BROKERS" sep:"," placeholder:"HOST:PORT,..." help:"Kafka cluster. Default: a broker of its own, embedded." group:"Kafka and ClickHouse"`
	ClickHouseDSN     string        `name:"clickhouse-dsn" env:"PARLEY_CLICKHOUSE_DSN" secret:"" placeholder:"DSN" help:"ClickHouse, as clickhouse://user:password@host:9000/parley. Default: one of its own, embedded." group:"Kafka and ClickHouse"`
	ClickHouseCluster string        `name:"clickhouse-cluster" env:"PARLEY_CLICKHOUSE_CLUSTER" placeholder:"NAME" help:"Cluster of ClickHouse servers over which the tables are spread and replicated, the same on all nodes; parley schema shows what is made there. Default: they are on the server that the DSN names." group:"Kafka and ClickHouse"`
	ResultsRetention  span          `default:"0" env:"PARLEY_RESULTS_RETENTION" placeholder:"DURATION" help:"How long ClickHouse keeps results, calls, conversations and deliveries, as 400d: a month of them is dropped when all of it is older; the same on all nodes. 0: for ever." group:"Kafka and ClickHouse"`
	RollupRetention   span          `default:"0" env:"PARLEY_ROLLUP_RETENTION" placeholder:"DURATION" help:"How long it keeps the figures by minute, of which those by hour are made. 0: for ever." group:"Kafka and ClickHouse"`
	TopicPrefix       string        `default:"parley" env:"PARLEY_TOPIC_PREFIX" placeholder:"PREFIX" help:"Begins the names of topics and consumer groups." group:"Kafka and ClickHouse"`
	Partitions        int32         `env:"PARLEY_PARTITIONS" placeholder:"N" help:"Partitions of topics that it makes, then fixed. Default: 8 embedded, else 48." group:"Kafka and ClickHouse"`
	ResultPartitions  int32         `env:"PARLEY_RESULT_PARTITIONS" placeholder:"N" help:"Partitions of the results; they divide --partitions. Default: 8." group:"Kafka and ClickHouse"`
	Replication       int16         `env:"PARLEY_REPLICATION" placeholder:"N" help:"Replicas that each partition has at the least, also of topics that it makes; with 2 and more, two have a call before it is acknowledged. Default: 1 embedded, else 3." group:"Kafka and ClickHouse"`
	AllowUnsafeTopics bool          `env:"PARLEY_ALLOW_UNSAFE_TOPICS" help:"Start although topics are set up so that they may lose what was acknowledged; parley doctor says which and how." group:"Kafka and ClickHouse"`
	SessionTimeout    time.Duration `env:"PARLEY_SESSION_TIMEOUT" placeholder:"DURATION" help:"After how long without a word from this node others take over its work; brokers usually want at least 6s. Default: 1m embedded, else 10s." group:"Kafka and ClickHouse"`
	TrimAfter         time.Duration `default:"24h" env:"PARLEY_TRIM_AFTER" placeholder:"DURATION" help:"How long calls that were carried out, and results that are in ClickHouse, stay in Kafka for those who look back; 0: for ever." group:"Kafka and ClickHouse"`
	AuditShare        float64       `default:"0.05" env:"PARLEY_AUDIT_SHARE" placeholder:"SHARE" help:"How much of the time the rows in ClickHouse may be compared with what must be there, by one of the nodes with the role results: see parley audit." group:"Kafka and ClickHouse"`
	SinkBlockRows     int           `default:"100000" env:"PARLEY_SINK_BLOCK_ROWS" placeholder:"N" help:"The most rows, about, that are brought into ClickHouse at once, of one partition of the results; up to 1000000." group:"Kafka and ClickHouse"`
	SinkBlockBytes    byteCount     `default:"16MiB" env:"PARLEY_SINK_BLOCK_BYTES" placeholder:"BYTES" help:"The most bytes of events that are: each partition holds so many in memory while ClickHouse is away." group:"Kafka and ClickHouse"`
	SinkBlockWait     time.Duration `default:"200ms" env:"PARLEY_SINK_BLOCK_WAIT" placeholder:"DURATION" help:"How long a result waits for others before they are brought into ClickHouse; longer makes fewer and larger parts." group:"Kafka and ClickHouse"`
	SinkInsertTimeout time.Duration `default:"10s" env:"PARLEY_SINK_INSERT_TIMEOUT" placeholder:"DURATION" help:"How long ClickHouse may take for the blocks of all partitions before they are tried again; up to 20s." group:"Kafka and ClickHouse"`

	EmbeddedKafkaAddr          string `default:"127.0.0.1:9092" env:"PARLEY_EMBEDDED_KAFKA_ADDR" placeholder:"HOST:PORT" help:"Where the embedded broker listens." group:"Embedded engines"`
	EmbeddedClickHouseAddr     string `name:"embedded-clickhouse-addr" default:"127.0.0.1:9000" env:"PARLEY_EMBEDDED_CLICKHOUSE_ADDR" placeholder:"HOST:PORT" help:"Where the embedded ClickHouse speaks its native protocol." group:"Embedded engines"`
	EmbeddedClickHouseHTTPAddr string `name:"embedded-clickhouse-http-addr" default:"127.0.0.1:8123" env:"PARLEY_EMBEDDED_CLICKHOUSE_HTTP_ADDR" placeholder:"HOST:PORT" help:"Where it speaks HTTP: curl, BI tools, parley sql." group:"Embedded engines"`
	BackendAddr                string `default:"127.0.0.1:9090" env:"PARLEY_BACKEND_ADDR" placeholder:"HOST:PORT" help:"Where the demo backend listens; off leaves it out." group:"Embedded engines"`
	BackendJournal             string `env:"PARLEY_BACKEND_JOURNAL" placeholder:"FILE" help:"The demo backend appends what it executes to this file, and begins with what is in it." group:"Embedded engines"`
	ChdbLib                    string `env:"PARLEY_CHDB_LIB" placeholder:"FILE" help:"The ClickHouse engine. Default: where make build puts it." group:"Embedded engines"`

	Auth          string   `env:"PARLEY_AUTH" placeholder:"HOW" help:"Who may act on which account: none (the Parley-Account header says it) or keys. Default: none when embedded and on loopback, else keys." group:"Access"`
	TLSCert       string   `name:"tls-cert" env:"PARLEY_TLS_CERT" placeholder:"FILE" help:"Certificate of this node, with those between it and its authority (PEM): with it the node speaks TLS alone, to callers and to other nodes. It is read again when it changes." group:"Access"`
	TLSKey        string   `name:"tls-key" env:"PARLEY_TLS_KEY" placeholder:"FILE" help:"Its key (PEM)." group:"Access"`
	TLSCA         string   `name:"tls-ca" env:"PARLEY_TLS_CA" placeholder:"FILE" help:"Authorities by which other nodes are verified (PEM). Default: those of the system." group:"Access"`
	Secret        string   `env:"PARLEY_SECRET" secret:"" placeholder:"TEXT" help:"Signs receipts, the tokens of deferred calls, and what nodes ask one another; the same on all nodes. Default when embedded: generated in the data folder." group:"Access"`
	CallbackAllow []string `env:"PARLEY_CALLBACK_ALLOW" sep:"," placeholder:"CIDR,..." help:"Networks that callbacks may reach although they are private; there any port and plain http are fine." group:"Access"`

	mailAccessFlags

	SMTPFrom string  `name:"smtp-from" env:"PARLEY_SMTP_FROM" placeholder:"ADDRESS" help:"Sender of those messages, as Parley <parley@example.com>; {account} in it stands for the account." group:"Mail"`
	SMTPRate float64 `name:"smtp-rate" default:"10" env:"PARLEY_SMTP_RATE" placeholder:"N" help:"Messages a second that the targets of one account get from this node; those of ten seconds may come at once." group:"Mail"`

	MailAddr string `env:"PARLEY_MAIL_ADDR" placeholder:"HOST:PORT" help:"Where replies are taken by SMTP whose subject carries the token of a deferred call: they answer it. Default: nowhere." group:"Mail"`
	MailTo   string `env:"PARLEY_MAIL_TO" placeholder:"ADDRESS" help:"Whose mail is taken there: a mailbox, as replies@example.com, or a domain; all other is refused." group:"Mail"`

	PartTimeout  time.Duration `default:"5m" env:"PARLEY_PART_TIMEOUT" placeholder:"DURATION" help:"The longest time between two parts of a conversation that is not complete." group:"Conversations"`
	ForwardGrace time.Duration `default:"60s" env:"PARLEY_FORWARD_GRACE" placeholder:"DURATION" help:"How much longer a part that is being forwarded is waited for." group:"Conversations"`

	KeepFailed            span `default:"7d" env:"PARLEY_KEEP_FAILED" placeholder:"DURATION" help:"How long the unfinished calls of a conversation that failed can be resubmitted." group:"Conversations"`
	RememberCalls         span `default:"7d" env:"PARLEY_REMEMBER_CALLS" placeholder:"DURATION" help:"How long a call without a ConversationID is known when it is sent again, from its end on." group:"Conversations"`
	RememberConversations span `default:"0" env:"PARLEY_REMEMBER_CONVERSATIONS" placeholder:"DURATION" help:"How long a ConversationID that was used is not carried out again; not less than --part-timeout and --forward-grace together. 0: for ever, which costs some bytes of state for each." group:"Conversations"`

	kafkaAccessFlags
	clickHouseAccessFlags
	limitFlags
	accountLimitFlags
	logFlags
}

// Help is shown by --help.
func (*serveCmd) Help() string {
	return `Without settings it runs everything on this machine: a broker that any Kafka client can use, the ClickHouse engine, the service, and a demo backend that carries calls out. All data is in ./data.

  parley serve
  curl -d '{"method":"Create","objects":[{"type":"Order","customerKey":"1"}]}' localhost:8080/v1/calls
  parley sql "SELECT * FROM results"

With a cluster:

  PARLEY_SECRET=... parley serve --kafka-brokers k1:9092,k2:9092 --clickhouse-dsn clickhouse://ch:9000/parley --routes routes.yaml
  parley keys create acme --scopes read,submit

Traces go to a collector when OTEL_EXPORTER_OTLP_ENDPOINT names one, as http://collector:4318; OTEL_SERVICE_NAME, OTEL_TRACES_SAMPLER and the like hold as OpenTelemetry has them.

Ctrl-C or SIGTERM: what is in flight is finished, within 15 seconds of the end of --drain-delay; again: at once. Whatever way it ends, the next start goes on where it was.`
}

// stopWait bounds how long what is in flight is finished at the end.
const stopWait = 15 * time.Second

// Run serves until it is told to stop.
func (c *serveCmd) Run(ctx context.Context, std streams) error {
	log := c.logger(std.err)
	cfg, err := c.config(log, std.err)
	if err != nil {
		return err
	}
	if cfg.Spans, err = spans(ctx); err != nil {
		return err
	}
	log.Debug("configuration", slog.Any("effective", cfg))
	var (
		ended    = make(chan error, 1) // nobody may wait for it any more
		stopping = make(chan error, 1) // told once, and not waited for when it ends at once
	)
	go func() {
		ended <- node.Run(ctx, cfg, node.Events{
			Ready:    func(a node.Addresses) { c.announce(log, std.err, a) },
			Stopping: func(why error) { stopping <- why },
		})
	}()
	select {
	case err := <-ended:
		return stopped(ctx, err)
	case why := <-stopping:
		return finish(log, ended, why)
	}
}

// finish waits for the end of a node that is stopping.
func finish(log *slog.Logger, ended <-chan error, why error) error {
	log.Info("stopping", slog.Duration("at_most", stopWait))
	// A little less, so that the process has ended by then. The engines close by themselves when it has.
	late := time.NewTimer(stopWait - 500*time.Millisecond)
	defer late.Stop()
	select {
	case err := <-ended:
		log.Info("stopped")
		return err
	case <-late.C:
		log.Warn("not everything in flight was finished; the next start goes on with it")
		return why
	}
}

// stopped leaves out of an error that the node was told to stop while it was starting.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// spans returns who takes the spans, as the environment says; nil: nobody does.
func spans(ctx context.Context) (sdktrace.SpanExporter, error) {
	if asked, err := telemetry.Asked(os.Getenv); err != nil || !asked {
		return nil, err
	}
	return telemetry.NewExporter(ctx)
}

// config is what the settings say.
func (c *serveCmd) config(log *slog.Logger, stderr io.Writer) (node.Config, error) {
	roles, err := node.ParseRoles(list(strings.Split(c.Roles, ",")))
	if err != nil {
		return node.Config{}, err
	}
	allowed, err := egress.ParseNetworks(list(c.CallbackAllow))
	if err != nil {
		return node.Config{}, fmt.Errorf("PARLEY_CALLBACK_ALLOW: %w", err)
	}
	for name, keep := range map[string]span{"PARLEY_KEEP_FAILED": c.KeepFailed, "PARLEY_REMEMBER_CALLS": c.RememberCalls} {
		if keep == 0 {
			return node.Config{}, fmt.Errorf("%s is 0s; it is positive", name)
		}
	}
	self, err := os.Executable()
	if err != nil {
		return node.Config{}, fmt.Errorf("locate this program: %w", err)
	}
	host, err := os.Hostname()
	if err != nil {
		return node.Config{}, fmt.Errorf("find host name: %w; set PARLEY_INSTANCE", err)
	}
	return node.Config{
		HTTPAddr:        c.HTTPAddr,
		AdvertiseAddr:   c.Advertise,
		Kafka:           c.kafka(list(c.KafkaBrokers), log),
		ClickHouseDSN:   c.ClickHouseDSN,
		ClickHouseFiles: c.clickHouseFiles(),
		ClickHouse: record.Schema{
			Cluster:   c.ClickHouseCluster,
			Retention: record.Retention{Results: time.Duration(c.ResultsRetention), Rollups: time.Duration(c.RollupRetention)},
		},
		EmbeddedKafkaAddr:          c.EmbeddedKafkaAddr,
		EmbeddedClickHouseAddr:     c.EmbeddedClickHouseAddr,
		EmbeddedClickHouseHTTPAddr: c.EmbeddedClickHouseHTTPAddr,
		ClickHouseLibrary:          c.ChdbLib,
		EngineCommand:              append([]string{self, "engine"}, c.arguments(stderr)...),
		BackendAddr:                c.BackendAddr,
		BackendJournal:             c.BackendJournal,
		DataDir:                    c.DataDir,
		Roles:                      roles,
		TopicPrefix:                c.TopicPrefix,
		Partitions:                 c.Partitions,
		ResultPartitions:           c.ResultPartitions,
		Replication:                c.Replication,
		AllowUnsafeTopics:          c.AllowUnsafeTopics,
		RoutesFile:                 c.Routes,
		Auth:                       c.Auth,
		TLSCert:                    c.TLSCert,
		TLSKey:                     c.TLSKey,
		TLSCA:                      c.TLSCA,
		Secret:                     c.Secret,
		Instance:                   cmp.Or(c.Instance, host),
		Version:                    version(),
		VersionDate:                versionDate(),
		CallbackAllow:              allowed,
		PartTimeout:                c.PartTimeout,
		ForwardGrace:               c.ForwardGrace,
		Keep: node.KeepConfig{
			Failed:        time.Duration(c.KeepFailed),
			Calls:         time.Duration(c.RememberCalls),
			Conversations: time.Duration(c.RememberConversations),
		},
		SessionTimeout: c.SessionTimeout,
		DrainDelay:     c.Drain,
		TrimAfter:      c.TrimAfter,
		AuditShare:     c.AuditShare,
		Sink: node.SinkConfig{
			BlockRows: c.SinkBlockRows, BlockBytes: int(c.SinkBlockBytes), BlockWait: c.SinkBlockWait, InsertTimeout: c.SinkInsertTimeout,
		},
		Mail:     node.MailConfig{URL: c.SMTPURL, CA: c.SMTPCA, From: c.SMTPFrom, Rate: c.SMTPRate},
		MailIn:   node.MailInConfig{Addr: c.MailAddr, To: c.MailTo},
		Limits:   c.calls(),
		Requests: c.requests(),
		Accounts: c.accounts(),
		Log:      log,
	}, nil
}

// list leaves out what is empty: a setting that is set to nothing.
func list(values []string) []string {
	return slices.DeleteFunc(slices.Clone(values), func(s string) bool { return strings.TrimSpace(s) == "" })
}

// announce says that everything is there, and where: a person is told in lines, a program in the log.
func (c *serveCmd) announce(log *slog.Logger, w io.Writer, a node.Addresses) {
	if c.json(w) {
		log.Info("ready",
			slog.String("http", a.HTTP),
			slog.String("kafka", a.Kafka),
			slog.String("clickhouse", a.ClickHouse),
			slog.String("clickhouse_http", a.ClickHouseHTTP),
			slog.String("backend", a.Backend),
			slog.String("mail", a.Mail),
			slog.String("folder", a.DataDir),
			slog.String("roles", a.Roles.String()))
		return
	}
	folder, err := filepath.Abs(a.DataDir)
	if err != nil {
		folder = a.DataDir
	}
	fmt.Fprintf(w, "\nParley: %s\n\n", a.Roles)
	for _, line := range [][2]string{
		{"calls and status", a.HTTP + "   (" + a.HTTP + "/docs)"},
		{"Kafka", a.Kafka},
		{"ClickHouse", a.ClickHouse},
		{"ClickHouse by HTTP", a.ClickHouseHTTP},
		{"demo backend", a.Backend},
		{"replies by mail", a.Mail},
		{"data folder", folder},
	} {
		if line[1] != "" {
			fmt.Fprintf(w, "  %-20s%s\n", line[0], line[1])
		}
	}
	fmt.Fprint(w, "\nready\n")
}
