package node

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/ingest"
	"parley/ingest/exacttarget"
	"parley/internal/egress"
	"parley/internal/peer"
	"parley/processor"
	"parley/processor/executor"
	"parley/processor/notify"
	"parley/processor/notify/httppost"
	"parley/results/audit"
	"parley/results/extract"
	"parley/results/query"
	"parley/results/record"
	"parley/results/sink"
	"parley/schemas"
)

// openRoles makes the stages of the roles, so that they end in the order in which they hand on: no new calls are
// taken; what is being executed is finished and recorded; what is recorded is stored.
func (n *node) openRoles(context.Context) error {
	conn, err := record.Open(n.dsn(), n.clickhouse)
	if err != nil {
		return fmt.Errorf("PARLEY_CLICKHOUSE_DSN: %w", err)
	}
	n.closers = append(n.closers, conn.Close)
	if err := n.openProducer(); err != nil {
		return err
	}
	s, err := n.openSink()
	if err != nil {
		return err
	}
	if err := n.openFanout(); err != nil {
		return err
	}
	erase := n.openEraser(conn)
	p, err := n.openProcessor()
	if err != nil {
		return err
	}
	if err := n.openReplies(); err != nil {
		return err
	}
	if err := n.openInbox(); err != nil {
		return err
	}
	peers, err := n.openPeers(p)
	if err != nil {
		return err
	}
	if err := n.openAudit(s, conn, peers.live); err != nil {
		return err
	}
	return n.openIngest(conn, peers, erase)
}

// shutdownWait is how long open requests are waited for at the end; polls end at once.
const shutdownWait = 3 * time.Second

// openIngest adds the stage that answers HTTP; on a node without the role, what operators ask and no more.
func (n *node) openIngest(conn driver.Conn, peers peers, erase eraser) error {
	if !n.cfg.Roles.Ingest {
		n.stages = append(n.stages, stage{"http", func(ctx context.Context) error { return n.serveOperators(ctx, n.ready(conn), peers.handler) }})
		return nil
	}
	recorded := query.New(conn)
	extracts, err := extract.New(n.dsn(), n.clickhouse, recorded.Stored)
	if err != nil {
		return fmt.Errorf("PARLEY_CLICKHOUSE_DSN: %w", err)
	}
	queues, err := n.openQueues()
	if err != nil {
		return err
	}
	auth, err := n.authenticator()
	if err != nil {
		return err
	}
	s, err := ingest.New(ingest.Config{
		Client:          n.kafka,
		Topics:          n.topics,
		Partitions:      n.layout.Partitions,
		Secret:          n.secret,
		Routes:          n.routes,
		Auth:            auth,
		AccountLimits:   n.accountLimits,
		Tokens:          n.tokens,
		Live:            peers.live,
		Peers:           peers.handler,
		Record:          recorded,
		Extracts:        extracts,
		Eraser:          erase,
		Subscribers:     queues,
		Maintenances:    n.control,
		Callbacks:       n.control,
		Egress:          egress.New(n.cfg.CallbackAllow),
		RouteWatch:      peers.routes,
		Version:         exacttarget.Version{Name: n.cfg.Version, Date: n.cfg.VersionDate},
		Ready:           n.ready(conn),
		Tracer:          n.tracer,
		Log:             n.log,
		Metrics:         n.metrics,
		Limits:          n.cfg.Limits,
		RequestLimits:   n.cfg.Requests,
		ShutdownTimeout: shutdownWait,
	})
	if err != nil {
		return err
	}
	n.stages = append(n.stages, stage{"ingest", func(ctx context.Context) error { return s.Serve(ctx, n.http) }})
	return n.openMailIn(s)
}

// callbackConnectTimeout bounds looking up a receiver's name and connecting, and again the handshake of TLS.
const callbackConnectTimeout = 5 * time.Second

// openProcessor adds the stage that carries calls out, and returns who does; nil on a node without the role.
func (n *node) openProcessor() (*processor.Processor, error) {
	if !n.cfg.Roles.Processor {
		return nil, nil //nolint:nilnil // a node without the role is as good
	}
	self, err := n.advertised()
	if err != nil {
		return nil, err
	}
	http := executor.NewHTTP(n.idlePerHost())
	callbacks := httppost.New(httppost.Config{
		Accounts: n.control,
		Egress: egress.TransportConfig{
			Guard:          egress.New(n.cfg.CallbackAllow),
			ConnectTimeout: callbackConnectTimeout,
			IdlePerHost:    processor.ReceiverPlaces,
		},
		UserAgent: "parley/" + n.cfg.Version,
	})
	senders := map[string]notify.Sender{schemas.ResponseHTTPPost: callbacks.Send}
	mails, err := n.cfg.Mail.client(n.log)
	if err != nil {
		return nil, err
	}
	if n.cfg.Mail.URL != "" {
		byMail, err := n.cfg.Mail.sender(mails)
		if err != nil {
			return nil, err
		}
		senders[schemas.ResponseEmail] = byMail.Send
	}
	p, err := processor.New(processor.Config{
		Kafka:              append(n.memberOptions("processor"), peer.Advertise(self)),
		Hooks:              []kgo.Hook{n.kafkaMetrics("processor")},
		Topics:             n.topics,
		Partitions:         n.layout.Partitions,
		ResultPartitions:   n.layout.ResultPartitions,
		Group:              n.group("processor"),
		Instance:           n.cfg.Instance,
		SinkGroup:          n.group("sink"),
		StoreDir:           filepath.Join(n.cfg.DataDir, "processor"),
		Routes:             n.routes,
		Senders:            senders,
		Executor:           executor.ByType{HTTP: http, Mail: executor.NewSMTP(mails)},
		Paused:             n.paused,
		Tokens:             n.tokens,
		Limits:             n.cfg.Limits,
		PartTimeout:        n.cfg.PartTimeout,
		ForwardGrace:       n.cfg.ForwardGrace,
		KeepFailed:         n.cfg.Keep.Failed,
		KeepSingle:         n.cfg.Keep.Calls,
		KeepConversation:   n.cfg.Keep.Conversations,
		TrimAfter:          n.cfg.TrimAfter,
		SessionTimeout:     n.sessionTimeout(),
		TransactionTimeout: n.sessionTimeout(),
		Tracer:             n.tracer,
		Log:                n.log,
		Metrics:            n.metrics,
	})
	if err != nil {
		return nil, err
	}
	n.stopped = p.Stopped
	n.stages = append(n.stages, stage{"processor", func(ctx context.Context) error {
		defer callbacks.Close()
		defer http.Close() // the demo backend, which ends next, waits for connections that were never used
		return p.Run(ctx)
	}})
	return p, nil
}

// openSink adds the stage that brings what has happened into ClickHouse, and returns who does; nil on a node without the role.
func (n *node) openSink() (*sink.Sink, error) {
	if !n.cfg.Roles.Results {
		return nil, nil //nolint:nilnil // a node without the role is as good
	}
	s, err := sink.New(sink.Config{
		Client:        append(n.memberOptions("sink"), kgo.SessionTimeout(n.sessionTimeout())),
		Hooks:         []kgo.Hook{n.kafkaMetrics("sink")},
		Topics:        n.topics,
		DSN:           n.dsn(),
		Certs:         n.clickhouse,
		Schema:        n.cfg.ClickHouse,
		Group:         n.group("sink"),
		OtherGroups:   []string{n.group("subscribers")},
		BlockRowsMax:  n.cfg.Sink.BlockRows,
		BlockBytesMax: n.cfg.Sink.BlockBytes,
		BlockWait:     n.cfg.Sink.BlockWait,
		InsertTimeout: n.cfg.Sink.InsertTimeout,
		TrimAfter:     n.cfg.TrimAfter,
		Log:           n.log,
		Registerer:    n.metrics,
	})
	if err != nil {
		return nil, err
	}
	n.stages = append(n.stages, stage{"results", s.Run})
	return s, nil
}

// openAudit adds the stage that compares what is in ClickHouse with what must be: in one of the processes with a sink, that
// which has the first partition of the results.
func (n *node) openAudit(s *sink.Sink, conn driver.Conn, live *peer.Live) error {
	if s == nil {
		return nil
	}
	a, err := audit.New(audit.Config{
		Conn:       conn,
		Live:       live,
		Partitions: n.layout.Partitions,
		Mine:       func() bool { return s.Holds(0) },
		Share:      n.cfg.AuditShare,
		Log:        n.log,
		Registerer: n.metrics,
	})
	if err != nil {
		return err
	}
	n.stages = append(n.stages, stage{"audit", a.Run})
	return nil
}

// group is the name of a consumer group.
func (n *node) group(of string) string { return n.cfg.TopicPrefix + "." + of }

// idlePerHost is how many connections to one backend can be of use.
func (n *node) idlePerHost() int {
	most := 0
	for _, r := range n.routes.Table().Routes() {
		most = max(most, r.Concurrency)
	}
	return most
}
