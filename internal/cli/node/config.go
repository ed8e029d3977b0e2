package node

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"regexp"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"parley/ingest"
	"parley/internal/account"
	"parley/internal/certs"
	"parley/internal/embedded"
	"parley/internal/kafka"
	"parley/internal/topics"
	"parley/results/record"
	"parley/results/sink"
	"parley/schemas"
)

// Config says what a node is. Fields are named as the settings of the command line, whose documented defaults
// they have; the errors of Validate name the settings.
type Config struct {
	// HTTPAddr is where the node answers: calls, polls, and what operators ask.
	HTTPAddr string
	// AdvertiseAddr is where other nodes reach this one. Empty: HTTPAddr, or the name of the host when that is all
	// addresses.
	AdvertiseAddr string
	// Kafka is a cluster, and how it is reached; its Log is that of the node. No brokers: the node runs one of its own.
	Kafka kafka.Config
	// ClickHouseDSN names a database, see record.ParseDSN. Empty: the node runs a ClickHouse of its own.
	ClickHouseDSN string
	// ClickHouseFiles are by whom that ClickHouse is verified and how it knows this node, when its DSN says secure=true.
	ClickHouseFiles certs.ClientFiles
	// ClickHouse is the form of its tables and how long they keep rows, the same on all nodes. Zero: tables on one server,
	// for ever.
	ClickHouse record.Schema
	// EmbeddedKafkaAddr, EmbeddedClickHouseAddr and EmbeddedClickHouseHTTPAddr are where engines of its own listen.
	EmbeddedKafkaAddr          string
	EmbeddedClickHouseAddr     string
	EmbeddedClickHouseHTTPAddr string
	// ClickHouseLibrary is the path of the engine. Empty: where the build puts it.
	ClickHouseLibrary string
	// EngineCommand is the program, and arguments, that becomes an embedded engine; its name is added.
	EngineCommand []string
	// BackendAddr is where the demo backend listens; Off: nowhere. It runs beside an embedded broker alone.
	BackendAddr string
	// BackendJournal is the file that the demo backend writes what it executes to. Empty: none.
	BackendJournal string
	// DataDir is the folder of everything that is kept on this machine.
	DataDir string
	Roles   Roles
	// TopicPrefix begins the names of the topics and of the consumer groups.
	TopicPrefix string
	// Partitions and ResultPartitions divide topics that the node makes. Zero: 8 and 8 with a broker of its own,
	// else 48 and 8.
	Partitions       int32
	ResultPartitions int32
	// Replication is the number of replicas that topics have at the least, and those have that the node makes. Zero: 1 with
	// a broker of its own, else 3.
	Replication int16
	// AllowUnsafeTopics has the node start although its topics may lose what was acknowledged.
	AllowUnsafeTopics bool
	// RoutesFile is a YAML file, see package route. Empty: everything goes to the demo backend.
	RoutesFile string
	// Auth is AuthNone or AuthKeys. Empty: AuthNone with a broker of its own and an address on loopback,
	// else AuthKeys.
	Auth string
	// TLSCert and TLSKey are PEM files: then the node speaks TLS alone. They are read again when they change. Both or
	// none.
	TLSCert, TLSKey string
	// TLSCA is a PEM file of the authorities by which other nodes are verified. Empty: those of the system.
	TLSCA string
	// Secret signs receipts, deferred tokens, and what nodes ask one another, at least 16 bytes, the same on all nodes. Empty, with a broker of its own: one that
	// is made once and kept in the data folder.
	Secret string
	// Instance names this node among others, the same after a restart.
	Instance string
	// CallbackAllow are networks that callbacks may reach although they are not public, on any port and without TLS.
	CallbackAllow []netip.Prefix
	// PartTimeout and ForwardGrace are those of processor.Config.
	PartTimeout  time.Duration
	ForwardGrace time.Duration
	// Keep says for how long what has ended is remembered.
	Keep KeepConfig
	// SessionTimeout is after how long without a word from this node its work goes to others; the brokers bound it,
	// usually to 6 s at the least. Zero: a minute with a broker of its own, else 10 s.
	SessionTimeout time.Duration
	// DrainDelay is how long the node goes on as before after it was told to stop, while it says that it is not ready. Zero: it
	// does not.
	DrainDelay time.Duration
	// TrimAfter is that of processor.Config and sink.Config.
	TrimAfter time.Duration
	// AuditShare is how much of the time the rows in ClickHouse are compared with what must be there, up to 1. Zero: 0.05.
	AuditShare float64
	// Sink says how results are brought into ClickHouse. Zero: as sink.Config has it.
	Sink SinkConfig
	// Limits bound the calls that are taken and carried out, the same on all nodes. Zero: schemas.DefaultLimits.
	Limits schemas.Limits
	// Mail is how callers are told by mail. Zero: they are not.
	Mail MailConfig
	// MailIn is how calls are answered by mail. Zero: they are not.
	MailIn MailInConfig
	// Requests bound what is taken at a time, and how long anybody waits. Zero: ingest.DefaultRequestLimits.
	Requests ingest.RequestLimits
	// Accounts bound what is taken of the calls of an account, unless something else was said of it. Zero: nothing does.
	Accounts account.Limits
	// Version is that of the program.
	Version string
	// VersionDate is when the commit was made that it was built from. Zero: that is not known.
	VersionDate time.Time
	// Spans takes the spans that the node makes, and is shut down with it. Nil: none are made.
	Spans sdktrace.SpanExporter
	// Log is told what an operator should know. Required.
	Log *slog.Logger
}

// KeepConfig has those fields of processor.Config.
type KeepConfig struct {
	// Failed is for how long the unfinished calls of a conversation that failed can be resubmitted. Zero: 7 days.
	Failed time.Duration
	// Calls is for how long a call without a ConversationID is known when it is sent again. Zero: 7 days.
	Calls time.Duration
	// Conversations is for how long a ConversationID that was used is not carried out again: not less than PartTimeout and
	// ForwardGrace together, for which a part of it may still be on its way. Zero: for ever.
	Conversations time.Duration
}

// SinkConfig has those fields of sink.Config that are settings.
type SinkConfig struct {
	BlockRows, BlockBytes    int
	BlockWait, InsertTimeout time.Duration
}

// check names the settings that are wrong.
func (c SinkConfig) check() error {
	var errs []error
	if c.BlockRows < 0 || c.BlockRows > sink.BlockRowsCeiling {
		errs = append(errs, fmt.Errorf("PARLEY_SINK_BLOCK_ROWS is %d; it is from 1 to %d", c.BlockRows, sink.BlockRowsCeiling))
	}
	if c.BlockBytes < 0 {
		errs = append(errs, fmt.Errorf("PARLEY_SINK_BLOCK_BYTES is %d; it is positive", c.BlockBytes))
	}
	if c.BlockWait < 0 {
		errs = append(errs, fmt.Errorf("PARLEY_SINK_BLOCK_WAIT is %s; it is positive", c.BlockWait))
	}
	if c.InsertTimeout < 0 || c.InsertTimeout > sink.InsertTimeoutCeiling {
		errs = append(errs, fmt.Errorf("PARLEY_SINK_INSERT_TIMEOUT is %s; it is positive and at most %s", c.InsertTimeout, sink.InsertTimeoutCeiling))
	}
	return errors.Join(errs...)
}

// Off as an address leaves out what would listen there.
const Off = "off"

// Values of Config.Auth.
const (
	AuthNone = "none"
	AuthKeys = "keys"
)

const secretBytesMin = 16

// replicationMax is more than anybody has use for.
const replicationMax = 100

// prefixForm is what Kafka allows in a topic's name, with room left for the rest of it.
var prefixForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,200}$`)

// instanceForm bounds a name that goes into transactional ids and member ids.
var instanceForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,200}$`)

// embeddedKafka reports whether the node runs a broker of its own.
func (c Config) embeddedKafka() bool { return len(c.Kafka.Brokers) == 0 }

// embeddedClickHouse reports whether the node runs a ClickHouse of its own.
func (c Config) embeddedClickHouse() bool { return c.ClickHouseDSN == "" }

// secure reports whether the node speaks TLS.
func (c Config) secure() bool { return c.TLSCert != "" }

// backend reports whether the node runs the demo backend.
func (c Config) backend() bool { return c.embeddedKafka() && c.BackendAddr != Off }

// withDefaults returns c with what depends on other fields filled in.
func (c Config) withDefaults() Config {
	partitions, replication := int32(48), int16(3)
	if c.embeddedKafka() {
		partitions, replication = 8, 1
	}
	c.Replication = cmp.Or(c.Replication, replication)
	c.Partitions = cmp.Or(c.Partitions, partitions)
	c.ResultPartitions = cmp.Or(c.ResultPartitions, 8)
	c.Limits = cmp.Or(c.Limits, schemas.DefaultLimits())
	c.Limits.Mail = c.Mail.URL != ""
	c.Requests = cmp.Or(c.Requests, ingest.DefaultRequestLimits())
	if c.Auth == "" {
		c.Auth = AuthKeys
		if c.embeddedKafka() && loopback(c.HTTPAddr) {
			c.Auth = AuthNone
		}
	}
	return c
}

// loopback reports whether an address can be reached from this machine alone.
func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return true // it is no address at all, which is said elsewhere
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Validate reports everything that is wrong with c.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	need := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	need(c.Roles != Roles{}, "PARLEY_ROLES names no role; give some of ingest, processor, results")
	need(prefixForm.MatchString(c.TopicPrefix), "PARLEY_TOPIC_PREFIX is %q; it begins the names of topics: 1 to 200 of A-Z a-z 0-9 . _ -", c.TopicPrefix)
	need(instanceForm.MatchString(c.Instance), "PARLEY_INSTANCE is %q; give a name of 1 to 200 of A-Z a-z 0-9 . _ -", c.Instance)
	need(c.DataDir != "", "PARLEY_DATA_DIR is empty; name a folder")
	need(c.AuditShare >= 0 && c.AuditShare <= 1, "PARLEY_AUDIT_SHARE is %v; it is more than 0, and 1 at most", c.AuditShare)
	need(c.PartTimeout > 0, "PARLEY_PART_TIMEOUT is %s; it is positive", c.PartTimeout)
	need(c.ForwardGrace > 0, "PARLEY_FORWARD_GRACE is %s; it is positive", c.ForwardGrace)
	late := c.PartTimeout + c.ForwardGrace
	need(c.Keep.Conversations == 0 || c.Keep.Conversations >= late,
		"PARLEY_REMEMBER_CONVERSATIONS is %s; it is at least %s, which PARLEY_PART_TIMEOUT and PARLEY_FORWARD_GRACE come to: a part that is late would begin its conversation again; or 0 for ever", c.Keep.Conversations, late)
	need(c.SessionTimeout >= 0, "PARLEY_SESSION_TIMEOUT is %s; it is positive, or 0 for the default", c.SessionTimeout)
	need(c.DrainDelay >= 0, "PARLEY_DRAIN_DELAY is %s; it is positive, or 0 to stop at once", c.DrainDelay)
	need(c.TrimAfter >= 0, "PARLEY_TRIM_AFTER is %s; it is positive, or 0 to keep everything", c.TrimAfter)
	errs = append(errs, c.checkKafka(), c.checkClickHouse(), c.Sink.check(), c.Mail.check(), c.MailIn.check())
	if err := (topics.Layout{Partitions: c.Partitions, ResultPartitions: c.ResultPartitions}).Validate(); err != nil {
		errs = append(errs, fmt.Errorf("PARLEY_PARTITIONS, PARLEY_RESULT_PARTITIONS: %w", err))
	}
	if err := c.Accounts.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("PARLEY_ACCOUNT_RATE, PARLEY_ACCOUNT_BURST, PARLEY_ACCOUNT_OPEN_CALLS, PARLEY_ACCOUNT_STAGED_BYTES: %w", err))
	}
	need(c.Replication > 0 && c.Replication <= replicationMax, "PARLEY_REPLICATION is %d; it is from 1 to %d", c.Replication, replicationMax)
	need(c.Replication == 1 || !c.embeddedKafka(), "PARLEY_REPLICATION is %d, but the embedded broker is only one; leave it out, or name a cluster with PARLEY_KAFKA_BROKERS", c.Replication)
	need((c.TLSCert == "") == (c.TLSKey == ""), "one of PARLEY_TLS_CERT and PARLEY_TLS_KEY is empty; give both files, or none to serve without TLS")
	need(c.Secret == "" || len(c.Secret) >= secretBytesMin, "PARLEY_SECRET has %d bytes; give at least %d", len(c.Secret), secretBytesMin)
	need(c.Secret != "" || c.embeddedKafka(), "PARLEY_SECRET is empty; with a Kafka cluster all nodes need the same: give at least %d bytes, as openssl rand -hex 32 makes them", secretBytesMin)
	need(c.RoutesFile != "" || c.backend(), "PARLEY_ROUTES is empty, and there is no demo backend that could take the calls; name a file of routes")
	errs = append(errs, c.checkAddrs(), c.checkAuth(), c.Limits.Check(), c.Requests.Check(c.Limits))
	return errors.Join(errs...)
}

func (c Config) checkKafka() error {
	if c.embeddedKafka() && c.Kafka.Given() {
		return kafka.ErrEmbedded
	}
	return c.Kafka.Validate()
}

func (c Config) checkClickHouse() error {
	var errs []error
	if err := (record.Schema{Cluster: c.ClickHouse.Cluster}).Validate(); err != nil {
		errs = append(errs, fmt.Errorf("PARLEY_CLICKHOUSE_CLUSTER: %w", err))
	}
	if c.ClickHouse.Cluster != "" && c.embeddedClickHouse() {
		errs = append(errs, errors.New("PARLEY_CLICKHOUSE_CLUSTER is set, but the embedded ClickHouse is no cluster; name one with PARLEY_CLICKHOUSE_DSN"))
	}
	if c.embeddedClickHouse() && c.ClickHouseFiles != (certs.ClientFiles{}) {
		errs = append(errs, errors.New("PARLEY_CLICKHOUSE_CA or PARLEY_CLICKHOUSE_CERT is set, but the embedded ClickHouse speaks no TLS; name a server with PARLEY_CLICKHOUSE_DSN, or remove them"))
	}
	if (c.ClickHouseFiles.Cert == "") != (c.ClickHouseFiles.Key == "") {
		errs = append(errs, errors.New("one of PARLEY_CLICKHOUSE_CERT and PARLEY_CLICKHOUSE_KEY is empty; give both files, or none"))
	}
	if err := c.ClickHouse.Retention.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("PARLEY_RESULTS_RETENTION, PARLEY_ROLLUP_RETENTION: %w", err))
	}
	return errors.Join(errs...)
}

func (c Config) checkAuth() error {
	if c.Auth == AuthNone || c.Auth == AuthKeys {
		return nil
	}
	return fmt.Errorf("PARLEY_AUTH is %q; it is none or keys", c.Auth)
}

func (c Config) checkAddrs() error {
	addrs := []struct{ setting, addr string }{{"PARLEY_HTTP_ADDR", c.HTTPAddr}}
	if c.AdvertiseAddr != "" {
		addrs = append(addrs, struct{ setting, addr string }{"PARLEY_ADVERTISE_ADDR", c.AdvertiseAddr})
	}
	if c.backend() {
		addrs = append(addrs, struct{ setting, addr string }{"PARLEY_BACKEND_ADDR", c.BackendAddr})
	}
	var errs []error
	for _, a := range addrs {
		if _, _, err := net.SplitHostPort(a.addr); err != nil {
			errs = append(errs, fmt.Errorf("%s is %q; give host:port", a.setting, a.addr))
		}
	}
	return errors.Join(append(errs, c.engines().Validate())...)
}

// engines is what the embedded engines are told; no address: that engine is not needed.
func (c Config) engines() embedded.Config {
	e := embedded.Config{DataDir: c.DataDir, Library: c.ClickHouseLibrary, Command: c.EngineCommand, Log: c.Log}
	if c.embeddedKafka() {
		e.KafkaAddr = c.EmbeddedKafkaAddr
	}
	if c.embeddedClickHouse() {
		e.ClickHouseAddr, e.ClickHouseHTTPAddr = c.EmbeddedClickHouseAddr, c.EmbeddedClickHouseHTTPAddr
	}
	return e
}

// LogValue is the configuration as it takes effect, without secrets.
func (c Config) LogValue() slog.Value {
	c = c.withDefaults()
	secret := "generated"
	if c.Secret != "" {
		secret = "given"
	}
	return slog.GroupValue(
		slog.String("http_addr", c.HTTPAddr),
		slog.String("advertise_addr", c.AdvertiseAddr),
		slog.Any("kafka", c.Kafka),
		slog.String("clickhouse", withoutPassword(c.ClickHouseDSN)),
		slog.String("clickhouse_ca", c.ClickHouseFiles.CA),
		slog.String("clickhouse_cert", c.ClickHouseFiles.Cert),
		slog.String("clickhouse_cluster", c.ClickHouse.Cluster),
		slog.Duration("results_retention", c.ClickHouse.Retention.Results),
		slog.Duration("rollup_retention", c.ClickHouse.Retention.Rollups),
		slog.String("embedded_kafka_addr", c.EmbeddedKafkaAddr),
		slog.String("embedded_clickhouse_addr", c.EmbeddedClickHouseAddr),
		slog.String("embedded_clickhouse_http_addr", c.EmbeddedClickHouseHTTPAddr),
		slog.String("backend_addr", c.BackendAddr),
		slog.String("data_dir", c.DataDir),
		slog.String("roles", c.Roles.String()),
		slog.String("topic_prefix", c.TopicPrefix),
		slog.Int64("partitions", int64(c.Partitions)),
		slog.Int64("result_partitions", int64(c.ResultPartitions)),
		slog.Int64("replication", int64(c.Replication)),
		slog.Bool("allow_unsafe_topics", c.AllowUnsafeTopics),
		slog.String("routes", c.RoutesFile),
		slog.String("auth", c.Auth),
		slog.String("tls_cert", c.TLSCert),
		slog.String("tls_key", c.TLSKey),
		slog.String("tls_ca", c.TLSCA),
		slog.String("secret", secret),
		slog.String("instance", c.Instance),
		slog.Float64("audit_share", c.AuditShare),
		slog.Duration("part_timeout", c.PartTimeout),
		slog.Duration("forward_grace", c.ForwardGrace),
		slog.Any("keep", c.Keep),
		slog.Duration("session_timeout", c.SessionTimeout),
		slog.Duration("drain_delay", c.DrainDelay),
		slog.Duration("trim_after", c.TrimAfter),
		slog.Any("mail", c.Mail),
		slog.String("mail_addr", c.MailIn.Addr),
		slog.String("mail_to", c.MailIn.To),
		slog.Any("limits", c.Limits),
		slog.Any("request_limits", c.Requests),
		slog.Any("account_limits", c.Accounts),
		slog.Bool("traces", c.Spans != nil),
	)
}
