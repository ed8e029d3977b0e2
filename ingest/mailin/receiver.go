package mailin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"github.com/emersion/go-smtp"
)

// Receiver is a mail server that takes replies.
type Receiver struct {
	cfg     Config
	door    *door
	metrics *metrics
}

// New returns a Receiver that does nothing until Serve. Its error says everything that is wrong with the configuration.
func New(cfg Config) (*Receiver, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("check config of mail: %w", err)
	}
	d := &door{max: cfg.ConnectionsMax, timeMax: cfg.ConnectionTimeMax, open: make(map[*visit]struct{})}
	return &Receiver{cfg: cfg, door: d, metrics: newMetrics(cfg.Metrics, d.count)}, nil
}

// recipientsMax bounds the receivers of one message, all of whom are one.
const recipientsMax = 10

// Serve takes mail on ln until ctx ends; then it ends what is open, within ShutdownTimeout, and returns nil. It closes ln, and is
// called once.
func (r *Receiver) Serve(ctx context.Context, ln net.Listener) error {
	r.door.Listener = ln
	server := r.server(context.WithoutCancel(ctx))
	served := make(chan error, 1)
	go func() { served <- server.Serve(r.door) }()
	var err error
	select {
	case err = <-served:
	case <-ctx.Done():
		// The server closes no listener that it has not begun with, so that this one is closed here.
		err = ln.Close()
		if ended := <-served; err == nil && !errors.Is(ended, net.ErrClosed) {
			err = ended
		}
	}
	if cut := r.door.dismiss(r.cfg.ShutdownTimeout); cut > 0 {
		r.cfg.Log.Warn("mail connections cut off", slog.Int("connections", cut), slog.Duration("after", r.cfg.ShutdownTimeout))
	}
	if err != nil {
		return fmt.Errorf("serve mail: %w", err)
	}
	return nil
}

// server has sessions that answer within ctx.
func (r *Receiver) server(ctx context.Context) *smtp.Server {
	s := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &session{
			receiver: r,
			answer:   func(said *reply, from origin) error { return r.answer(ctx, said, from) },
			origin:   origin{host: hostOf(c.Conn().RemoteAddr())},
		}, nil
	}))
	s.Domain = r.cfg.To.domain
	s.TLSConfig = r.cfg.TLS
	s.MaxMessageBytes = r.cfg.MessageBytesMax
	s.MaxRecipients = recipientsMax
	s.ReadTimeout = r.cfg.CommandTimeout
	s.WriteTimeout = r.cfg.CommandTimeout
	s.ErrorLog = slog.NewLogLogger(r.cfg.Log.Handler(), slog.LevelDebug)
	return s
}

func hostOf(a net.Addr) string {
	host, _, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	return host
}

// answer brings what a reply says to its call. Who did it, from where, and what came of it, is logged: an operator may be asked.
func (r *Receiver) answer(ctx context.Context, said *reply, from origin) error {
	id, err := r.cfg.Answer(ctx, said.token, said.answer)
	why := refusalOf(err)
	outcome := becameTaken
	if why != nil {
		outcome = why.became
	}
	attributes := []slog.Attr{
		slog.Bool("audit", true),
		slog.String("outcome", outcome),
		slog.String("request", id.String()),
		slog.String("sender", from.sender),
		slog.String("from", from.host),
	}
	level := slog.LevelInfo
	if why == ours {
		level = slog.LevelError
		attributes = append(attributes, slog.Any("error", err))
	}
	r.cfg.Log.LogAttrs(ctx, level, "call answered by mail", attributes...)
	if why != nil {
		return r.refuse(why)
	}
	r.metrics.count(becameTaken)
	return nil
}

// refuse counts a refusal, and is the server's reply.
func (r *Receiver) refuse(why *refusal) error {
	r.metrics.count(why.became)
	return why.reply
}
