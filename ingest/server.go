package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/trace"

	"parley/ingest/exacttarget"
	"parley/ingest/publish"
	"parley/internal/peer"
	"parley/internal/token"
	"parley/schemas"
)

// Server is the HTTP interface. Make one with New.
type Server struct {
	auth            Authenticator
	admission       *admission
	recorder        *recorder
	producer        *producer
	poller          poller
	books           *books
	streams         *streams
	extracts        *extracts
	erasures        seats
	peers           http.Handler // nil: other nodes are not answered
	maintenances    Maintenances
	callbacks       Callbacks
	changingSecrets sync.Mutex
	eraser          Eraser
	subscribers     Subscribers
	routeWatch      RouteWatch // nil: nothing is known
	version         exacttarget.Version
	partner         map[string]partnerOperation // as partnerOperations returned them
	receipts        receipts
	tokens          *token.Signer
	budget          *budget
	pages           *pages
	tracer          trace.Tracer // nil: no spans
	metrics         *metrics
	ready           ReadyFunc
	requestCallsMax int
	requestBytesMax int64
	connections     connections
	headerTimeout   time.Duration
	bodyTimeout     time.Duration
	waitMax         time.Duration
	synchronousWait time.Duration
	seats           *seats
	shutdownTimeout time.Duration
	now             func() time.Time
	handler         http.Handler
	log             *slog.Logger
}

// New returns a server that is not serving yet. Its error holds everything that is wrong with the configuration.
func New(cfg Config) (*Server, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("configure ingest: %w", err)
	}
	b := &budget{max: cfg.BytesInFlightMax}
	w := &seats{max: int64(cfg.WaitingMax)}
	st := &streams{seats: seats{max: int64(cfg.StreamsMax)}, timeMax: cfg.StreamTimeMax, heartbeat: heartbeatEvery, writeTimeout: streamWriteTimeout}
	ex := &extracts{seats: seats{max: int64(cfg.ExtractsMax)}, source: cfg.Extracts, patience: cfg.ExtractPatience}
	open := newConnections(cfg.ConnectionsMax)
	m, err := newMetrics(cfg.Metrics, holdings{bytes: b, waiting: w, streams: &st.seats, extracts: &ex.seats, connections: open})
	if err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	s := &Server{
		auth:      cfg.Auth,
		admission: newAdmission(cfg, m),
		recorder: &recorder{
			log:     publish.Log{Topic: cfg.Topics.Calls, Partitions: cfg.Partitions},
			limits:  cfg.Limits,
			routes:  cfg.Routes,
			egress:  cfg.Egress,
			headers: callHeaders(),
		},
		producer:        &producer{client: cfg.Client, timeout: cfg.ProduceTimeout, log: cfg.Log, took: m.produce},
		poller:          poller{live: cfg.Live, record: cfg.Record, metrics: m, log: cfg.Log},
		books:           newBooks(cfg),
		streams:         st,
		extracts:        ex,
		peers:           cfg.Peers,
		maintenances:    cfg.Maintenances,
		callbacks:       cfg.Callbacks,
		eraser:          cfg.Eraser,
		subscribers:     cfg.Subscribers,
		routeWatch:      cfg.RouteWatch,
		version:         cfg.Version,
		receipts:        newReceipts(cfg.Secret),
		tokens:          cfg.Tokens,
		budget:          b,
		pages:           newPages(cfg.Limits, cfg.RequestLimits, cfg.Topics),
		tracer:          cfg.Tracer,
		metrics:         m,
		ready:           cfg.Ready,
		requestCallsMax: cfg.RequestCallsMax,
		requestBytesMax: cfg.RequestBytesMax,
		connections:     open,
		headerTimeout:   cfg.HeaderTimeout,
		bodyTimeout:     cfg.BodyTimeout,
		waitMax:         cfg.WaitMax,
		synchronousWait: cfg.SynchronousWait,
		erasures:        seats{max: erasuresMax},
		seats:           w,
		shutdownTimeout: cfg.ShutdownTimeout,
		now:             cfg.Now,
		log:             cfg.Log,
	}
	s.partner = s.partnerOperations()
	s.handler = s.routes(promhttp.HandlerFor(cfg.Metrics, promhttp.HandlerOpts{}))
	return s, nil
}

// Handler is what Serve serves.
func (s *Server) Handler() http.Handler { return inAnyCase(s.handler) }

func (s *Server) routes(metrics http.Handler) http.Handler {
	e := echo.New()
	e.HTTPErrorHandler = s.answerError
	e.Use(s.observe, s.recovered, sameOrigin(), s.patient)
	get := func(path string, h echo.HandlerFunc) {
		e.GET(path, h)
		e.HEAD(path, h) // net/http leaves out the body (RFC 9110 section 9.3.2)
	}
	e.POST(callsPath, takes(s.postCalls))
	get(requestsPath+":id", takes(s.getRequest, "receipt", "wait"))
	get(conversationListPath, takes(s.getConversations, "after", "from", "limit", "status", "to"))
	get(conversationsPath+":id", takes(s.getConversation, "after", "wait"))
	e.DELETE(conversationsPath+":id", takes(s.deleteConversation))
	e.POST(conversationsPath+":id"+resubmitSuffix, takes(s.postResubmission))
	e.POST(resubmitPath, takes(s.audited("resubmit")(s.postResubmissions)))
	get(resultsPath, takes(s.getResults, resultParameters()...))
	get(extractsPath, takes(s.getExtract, "columns", "conversationId", "cursor", "format", "from", "status", "to", "until"))
	e.POST(erasuresPath, takes(s.audited("erase")(s.postErasure)))
	e.POST(deferredPath+":token", takes(s.postAnswer))
	get(routesPath, takes(s.getRoutes))
	e.PUT(maintenancePath, takes(s.audited("begin maintenance")(s.putMaintenance)))
	e.DELETE(maintenancePath, takes(s.audited("end maintenance")(s.deleteMaintenance)))
	get(webhooksPath, takes(s.getWebhooks))
	e.POST(webhookSecretsPath, takes(s.audited("rotate webhook secret")(s.postWebhookSecret)))
	e.DELETE(webhookSecretsPath+"/:id", takes(s.audited("retire webhook secret")(s.deleteWebhookSecret)))
	e.POST(webhookEnablePath, takes(s.audited("enable callback target")(s.postWebhookEnabling)))
	get(booksPath, takes(s.getAudit))
	e.POST(subscribersPath, takes(s.postSubscriber))
	get(subscribersPath, takes(s.getSubscribers))
	get(subscribersPath+"/:subscriber", takes(s.getSubscriber))
	e.DELETE(subscribersPath+"/:subscriber", takes(s.deleteSubscriber))
	e.POST(subscribersPath+"/:subscriber"+dequeueSuffix, takes(s.postDequeue))
	for _, path := range []string{essPath, essShortPath} {
		e.POST(path, takes(s.postESS))
		get(path, takes(s.getWSDL, "wsdl"))
	}
	get(essWSDLPath, takes(s.getWSDL))
	get(partnerWSDLPath, s.getPartnerWSDL)
	get(partnerFaultPath, s.getPartnerFault)
	e.POST(tokenPath, s.postToken)
	e.POST(firstTokenPath, s.postFirstToken)
	get(soapEndpointPath, s.getSOAPEndpoint)
	e.POST(partnerPath, s.faulty(s.postPartner))
	get(partnerPath, s.getPartnerWSDL)
	if s.peers != nil {
		e.POST(peer.Path+":question", echo.WrapHandler(s.peers))
	}
	get("/healthz", healthz)
	get("/readyz", s.readyz)
	get("/metrics", echo.WrapHandler(metrics))
	get("/openapi.yaml", s.pages.openAPI)
	get("/asyncapi.yaml", s.pages.asyncAPI)
	get("/docs", s.pages.docs)
	return e
}

// recovered makes a panic of a handler an error, so that the client is answered as for every fault of ours.
func (s *Server) recovered(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			if v := recover(); v != nil {
				err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
			}
		}()
		return next(c)
	}
}

// sameOrigin refuses what a page of another origin makes a browser send: with open access, any page that its user
// visits could otherwise queue calls.
func sameOrigin() echo.MiddlewareFunc {
	guard := http.NewCrossOriginProtection()
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if err := guard.Check(c.Request()); err != nil {
				return &schemas.Problem{Code: schemas.Forbidden, Detail: "a page of another origin may not do this"}
			}
			return next(c)
		}
	}
}

const (
	idleTimeout    = 2 * time.Minute
	headerBytesMax = 64 << 10
)

// Serve answers requests on ln until ctx ends, which also ends the waits of polls; then it finishes what is open,
// within ShutdownTimeout, and returns nil. It closes ln. Serve is called once.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	h := &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: s.headerTimeout,
		ReadTimeout:       s.headerTimeout + s.bodyTimeout,
		WriteTimeout:      s.headerTimeout + s.bodyTimeout + atPace(s.requestBytesMax) + max(s.waitMax, s.synchronousWait) + 2*askTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    headerBytesMax,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ConnState:         s.connections.note,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	var asking sync.WaitGroup
	defer asking.Wait()
	following, stopFollowing := context.WithCancel(ctx)
	defer stopFollowing()
	asking.Go(func() { s.admission.follow(following) })
	served := make(chan error, 1)
	go func() { served <- h.Serve(s.connections.guard(ln)) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve HTTP: %w", err)
	case <-ctx.Done():
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.shutdownTimeout)
	defer cancel()
	err := h.Shutdown(closing)
	if errors.Is(err, context.DeadlineExceeded) {
		s.log.Warn("requests cut off", slog.Duration("after", s.shutdownTimeout))
		err = h.Close()
	}
	if ended := <-served; err == nil && !errors.Is(ended, http.ErrServerClosed) {
		err = ended
	}
	if err != nil {
		return fmt.Errorf("stop HTTP: %w", err)
	}
	return nil
}
