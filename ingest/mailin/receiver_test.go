package mailin

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/smtp"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"parley/internal/testkit"
	"parley/schemas"
)

const (
	replies  = "replies@example.com"
	patience = time.Minute
)

// harness is a Receiver on loopback.
type harness struct {
	address string
	metrics *prometheus.Registry
	logged  *safeBuffer
	stop    func()

	mu sync.Mutex
	// answers are what came, as token and record.
	answers []string
	verdict error
}

func start(t *testing.T, changes ...func(*Config)) *harness {
	t.Helper()
	h := &harness{metrics: prometheus.NewRegistry(), logged: new(safeBuffer)}
	to, err := ParseRecipient(replies)
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{
		Answer: h.answer, To: to, ShutdownTimeout: patience, Metrics: h.metrics,
		Log: slog.New(slog.NewTextHandler(h.logged, nil)),
	}
	for _, change := range changes {
		change(&cfg)
	}
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.address = l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- r.Serve(ctx, l) }()
	h.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(h.stop)
	return h
}

var someID = uuid.MustParse("0190b8f0-0000-7000-8000-000000000001")

func (h *harness) answer(_ context.Context, token string, said *schemas.Answer) (schemas.RequestID, error) {
	value, err := schemas.EncodeAnswer(said)
	if err != nil {
		return someID, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answers = append(h.answers, token+" "+string(value))
	return someID, h.verdict
}

func (h *harness) came() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.answers
}

func (h *harness) count(t *testing.T, became string) float64 {
	t.Helper()
	families, err := h.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "parley_mail_messages_total" && m.GetLabel()[0].GetValue() == became {
				return m.GetCounter().GetValue()
			}
		}
	}
	t.Fatalf("no counter of %s", became)
	return 0
}

// dial opens a session; its connection ends with the test, and never waits longer than that has patience.
func (h *harness) dial(t *testing.T) *smtp.Client {
	t.Helper()
	conn, err := net.Dial("tcp", h.address)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	c, err := smtp.NewClient(conn, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// send hands a message over in a session, and returns the code that ended it.
func send(c *smtp.Client, from, to string, content []byte) (code int, err error) {
	if err := c.Mail(from); err != nil {
		return codeOf(err)
	}
	if err := c.Rcpt(to); err != nil {
		return codeOf(err)
	}
	w, err := c.Data()
	if err != nil {
		return codeOf(err)
	}
	if _, err := w.Write(content); err != nil {
		return 0, err
	}
	if err := w.Close(); err != nil {
		return codeOf(err)
	}
	return 250, nil
}

func codeOf(err error) (int, error) {
	if e, ok := errors.AsType[*textproto.Error](err); ok {
		return e.Code, nil
	}
	return 0, err
}

func ok(t *testing.T, c *smtp.Client, from, to string, content []byte, want int) {
	t.Helper()
	if code, err := send(c, from, to, content); err != nil || code != want {
		t.Errorf("%d, %v; want %d", code, err, want)
	}
}

var approval = message("From: Ann <ann@example.org>", "Subject: Re: Order 7 [parley:"+someToken+"]", "", "Approved")

// A reply is the answer; whatever was wrong before, the next message of the connection is taken.
func TestReceive(t *testing.T) {
	t.Parallel()
	h := start(t)
	c := h.dial(t)
	away := message("Subject: Re: [parley:"+someToken+"]", "Auto-Submitted: auto-replied", "", "I am away.")
	ok(t, c, "ann@example.org", "other@example.com", approval, 550)
	ok(t, c, "", replies, approval, 550)
	if err := c.Reset(); err != nil {
		t.Fatal(err)
	}
	ok(t, c, "ann@example.org", replies, away, 550)
	ok(t, c, "ann@example.org", replies, message("Subject: Hello", "", "OK"), 550)
	ok(t, c, "ann@example.org", "Replies@EXAMPLE.com", approval, 250)
	if err := c.Quit(); err != nil {
		t.Error(err)
	}
	want := someToken + ` {"results":[{"status":"OK","message":"Approved"}]}`
	if came := h.came(); len(came) != 1 || came[0] != want {
		t.Errorf("answers %q, want %q", came, want)
	}
	for became, want := range map[string]float64{"taken": 1, "refused": 1, "automatic": 2, "unreadable": 1, "later": 0} {
		if got := h.count(t, became); got != want {
			t.Errorf("%v messages are %s, want %v", got, became, want)
		}
	}
	logged := h.logged.String()
	if !strings.Contains(logged, "audit=true outcome=taken request="+someID.String()+" sender=ann@example.org from=127.0.0.1") {
		t.Errorf("log: %s", logged)
	}
	if strings.Contains(logged, someToken) || strings.Contains(logged, "Approved") {
		t.Errorf("the log has what is not for it: %s", logged)
	}
}

// Each verdict has a code: for good, or for now.
func TestCodes(t *testing.T) {
	t.Parallel()
	tests := map[error]int{
		&schemas.Problem{Code: schemas.Forbidden}:                                   550,
		&schemas.Problem{Code: schemas.CodeExpired}:                                 550,
		&schemas.Problem{Code: schemas.AlreadyAnswered}:                             550,
		&schemas.Problem{Code: schemas.InvalidBody, Detail: "no"}:                   550,
		&schemas.Problem{Code: schemas.OwnerUnavailable, Detail: "nobody\r\ntells"}: 450,
		&schemas.Problem{Code: schemas.QueueUnavailable, Detail: "send it again"}:   450,
		&schemas.Problem{Code: schemas.TooLarge, Detail: "too large"}:               552,
		errors.New("a fault"): 451,
	}
	for verdict, want := range tests {
		h := start(t)
		h.verdict = verdict
		ok(t, h.dial(t), "ann@example.org", replies, approval, want)
		if strings.Contains(h.logged.String(), "level=ERROR") != (want == 451) {
			t.Errorf("%v: log %s", verdict, h.logged)
		}
	}
}

func TestReceiveWithTLS(t *testing.T) {
	t.Parallel()
	authority, err := testkit.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	files, err := authority.Issue(t.TempDir(), "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
	if err != nil {
		t.Fatal(err)
	}
	h := start(t, func(c *Config) { c.TLS = &tls.Config{Certificates: []tls.Certificate{pair}} })
	c := h.dial(t)
	if err := c.StartTLS(&tls.Config{RootCAs: authority.Pool(), ServerName: "127.0.0.1"}); err != nil {
		t.Fatal(err)
	}
	ok(t, c, "ann@example.org", replies, approval, 250)
}

// What is too large is refused before it is sent, if it says so, and else when it has been read.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	h := start(t, func(c *Config) { c.MessageBytesMax = int64(len(approval)) + 1 })
	c := h.dial(t)
	ok(t, c, "ann@example.org", replies, approval, 250)
	ok(t, c, "ann@example.org", replies, append(slices.Clip(approval), "More\r\n"...), 552)
	if err := c.Text.PrintfLine("MAIL FROM:<ann@example.org> SIZE=%d", len(approval)+2); err != nil {
		t.Fatal(err)
	}
	if code, _, err := c.Text.ReadResponse(250); code != 552 {
		t.Errorf("%d, %v", code, err)
	}
	if n := len(h.came()); n != 1 {
		t.Errorf("%d answers", n)
	}
}

// A message that is broken off answers nothing.
func TestBrokenOff(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"DATA", "BDAT 1000"} {
		h := start(t)
		c := h.dial(t)
		if err := errors.Join(c.Mail("ann@example.org"), c.Rcpt(replies)); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(c.Text.PrintfLine("%s\r\n%s", command, approval), c.Close()); err != nil {
			t.Fatal(err)
		}
		eventually(t, "it is known", func() bool { return h.count(t, becameLater) == 1 })
		if came := h.came(); len(came) > 0 {
			t.Errorf("%s: answers %q", command, came)
		}
	}
}

// There are no more connections than may be, none is open longer than it may, and whoever leaves makes room.
func TestConnections(t *testing.T) {
	t.Parallel()
	h := start(t, func(c *Config) { c.ConnectionsMax = 1 })
	first := h.dial(t)
	conn, err := net.Dial("tcp", h.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if turned, err := io.ReadAll(conn); err != nil || string(turned) != busy {
		t.Errorf("it says %q, %v", turned, err)
	}
	if got, err := testutil.GatherAndCount(h.metrics, "parley_mail_connections"); err != nil || got != 1 {
		t.Errorf("%d gauges, %v", got, err)
	}
	if err := first.Quit(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "there is room", func() bool {
		conn, err := net.Dial("tcp", h.address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		greeting := make([]byte, 3)
		_, err = io.ReadFull(conn, greeting)
		return err == nil && string(greeting) == "220"
	})
}

func TestConnectionEnds(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Config){
		"after a while": func(c *Config) { c.ConnectionTimeMax = 10 * time.Millisecond },
		"of the idle":   func(c *Config) { c.CommandTimeout = 10 * time.Millisecond },
	} {
		h := start(t, change)
		conn, err := net.Dial("tcp", h.address)
		if err != nil {
			t.Fatal(err)
		}
		said, err := io.ReadAll(conn)
		if err = errors.Join(err, conn.Close()); err != nil || !bytes.Contains(said, []byte("\n421 ")) {
			t.Errorf("%s: it says %q, %v", name, said, err)
		}
	}
}

// At the end, who waits is sent away, and a message that is being answered gets its answer.
func TestServeEnds(t *testing.T) {
	t.Parallel()
	asked, tell := make(chan struct{}), make(chan struct{})
	h := start(t, func(c *Config) {
		c.Answer = func(context.Context, string, *schemas.Answer) (schemas.RequestID, error) {
			close(asked)
			<-tell
			return someID, nil
		}
	})
	idle, busy := h.dial(t), h.dial(t)
	sent := make(chan error, 1)
	go func() {
		code, err := send(busy, "ann@example.org", replies, approval)
		if err == nil && code != 250 {
			err = fmt.Errorf("code %d", code)
		}
		sent <- err
	}()
	<-asked
	stopped := make(chan struct{})
	go func() {
		h.stop()
		close(stopped)
	}()
	if code, _, err := idle.Text.ReadResponse(0); code != 421 {
		t.Errorf("the idle are told %d, %v", code, err)
	}
	close(tell)
	if err := <-sent; err != nil {
		t.Error(err)
	}
	<-stopped
}

// Who does not end in time is cut off; a listener that ends by itself is an error; one that was told to stop before it began is none.
func TestServeEndsOtherwise(t *testing.T) {
	t.Parallel()
	asked, tell := make(chan struct{}), make(chan struct{})
	h := start(t, func(c *Config) {
		c.ShutdownTimeout = time.Millisecond
		c.Answer = func(context.Context, string, *schemas.Answer) (schemas.RequestID, error) {
			close(asked)
			<-tell
			return someID, nil
		}
	})
	c := h.dial(t)
	sent := make(chan error, 1)
	go func() {
		_, err := send(c, "ann@example.org", replies, approval)
		sent <- err
	}()
	<-asked
	h.stop()
	close(tell)
	if err := <-sent; err == nil || !strings.Contains(h.logged.String(), "mail connections cut off") {
		t.Errorf("%v, log %s", err, h.logged)
	}

	for name, before := range map[string]func(net.Listener, context.CancelFunc){
		"closed":  func(l net.Listener, _ context.CancelFunc) { _ = l.Close() },
		"stopped": func(_ net.Listener, cancel context.CancelFunc) { cancel() },
	} {
		r, err := New(Config{Answer: h.answer, To: Recipient{domain: "example.com"}, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		before(l, cancel)
		if err := r.Serve(ctx, l); (err != nil) != (name == "closed") {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	_, err := New(Config{MessageBytesMax: -1, ConnectionsMax: -1, CommandTimeout: -1})
	for _, want := range []string{"answer: required", "to: required", "message bytes: positive", "connections: positive", "times: positive"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !is(); {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		<-time.After(time.Millisecond)
	}
}

// safeBuffer is a buffer for several goroutines.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
