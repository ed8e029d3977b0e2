package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"parley/internal/cli/receive"
	"parley/internal/webhook"
	"parley/schemas"
)

// receiveCmd takes callbacks, verifies and prints them.
type receiveCmd struct {
	parleyFlags

	Addr    string        `default:"127.0.0.1:9191" placeholder:"HOST:PORT" help:"Where it listens."`
	Secret  []string      `env:"PARLEY_WEBHOOK_SECRET" secret:"" sep:"," placeholder:"WHSEC,..." help:"Secrets of which one must have signed a callback. Default: Parley is asked for those of the account."`
	Count   int           `short:"n" placeholder:"N" help:"End after so many callbacks. Default: with Ctrl-C."`
	Timeout time.Duration `placeholder:"DURATION" help:"Fail when they have not come by then. Default: never."`
	Answer  int           `default:"204" placeholder:"STATUS" help:"What callbacks are answered with: with 503 they come again, with 410 the target is disabled."`
	JSON    bool          `name:"json" help:"Print callbacks as they came, one a line."`
}

// Help is shown by --help.
func (*receiveCmd) Help() string {
	return `A line for each callback goes to standard output. One whose signature is not right is answered with 401, and said on standard error.

  PARLEY_CALLBACK_ALLOW=127.0.0.1/32 parley serve
  parley receive
  curl -d '{"method":"Create","objects":[{"type":"Order","customerKey":"1"}],"options":{"sendResponseTo":[{"responseType":"HTTPPost","responseAddress":"http://127.0.0.1:9191/","respondWhen":"OnCallComplete"}]}}' localhost:8080/v1/calls

A callback that comes again, as when its answer was lost, is printed and not counted again. One of a call by SOAP is a form:
its line begins with "form", and has the status and the error code of that interface.

It ends with 0, with 1 when one was refused or not all have come in time. docs/webhooks.md has receivers in Go, Python and JavaScript to begin with.`
}

// Run takes callbacks until there are enough, or it is told to stop.
func (c *receiveCmd) Run(ctx context.Context, std streams) error {
	if c.Answer < 200 || c.Answer > 599 {
		return fmt.Errorf("--answer is %d; give a final status of HTTP, from 200 to 599", c.Answer)
	}
	secrets, err := c.secrets(ctx)
	if err != nil {
		return err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", c.Addr)
	if err != nil {
		return fmt.Errorf("%w; choose another address with --addr", err)
	}
	enough, stop := context.WithCancel(ctx)
	defer stop()
	if c.Timeout > 0 {
		enough, stop = context.WithTimeout(enough, c.Timeout)
		defer stop()
	}
	got := reception{std: std, json: c.JSON, count: c.Count, enough: stop}
	fmt.Fprintf(std.err, "callbacks are taken at http://%s\n", l.Addr())
	err = serveUntil(enough, l, receive.New(receive.Config{Secrets: secrets, Answer: c.Answer, Took: got.took, Refused: got.refused}))
	switch {
	case err != nil:
		return err
	case errors.Is(enough.Err(), context.DeadlineExceeded):
		return fmt.Errorf("%d callbacks in %s", got.n.Load(), c.Timeout)
	case got.wrong.Load() > 0:
		fmt.Fprintf(std.err, "%d were refused\n", got.wrong.Load())
		return errReported
	}
	return nil
}

// secrets are those that were given, else those of the account.
func (c *receiveCmd) secrets(ctx context.Context) (all []webhook.Secret, _ error) {
	texts := list(c.Secret)
	if len(texts) == 0 {
		parley, err := c.client()
		if err != nil {
			return nil, err
		}
		defer parley.Close()
		w, err := parley.Webhooks(ctx)
		if err != nil {
			return nil, fmt.Errorf("ask for the secrets, as --secret gives none: %w", err)
		}
		for _, s := range w.Secrets {
			texts = append(texts, s.Secret)
		}
	}
	for _, text := range texts {
		s, err := webhook.ParseSecret(text)
		if err != nil {
			return nil, fmt.Errorf("--secret: %w", err)
		}
		all = append(all, s)
	}
	return all, nil
}

// receiveStopWait bounds how long what is on its way is finished.
const receiveStopWait = time.Second

// serveUntil serves until ctx ends, and finishes what is on its way.
func serveUntil(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: time.Minute}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), receiveStopWait)
	defer cancel()
	if err := server.Shutdown(stopping); err != nil {
		_ = server.Close() // what did not finish is cut off
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// reception is what has come so far.
type reception struct {
	std    streams
	json   bool
	count  int // of callbacks that are waited for; 0: no end
	enough func()

	n, wrong atomic.Int64
}

func (r *reception) took(c receive.Callback) {
	if r.json {
		fmt.Fprintf(r.std.out, "%s\n", c.Body)
	} else {
		printCallback(r.std.out, c)
	}
	if !c.Again {
		r.n.Add(1)
	}
	if r.count > 0 && r.n.Load() >= int64(r.count) {
		r.enough()
	}
}

func (r *reception) refused(why error) {
	r.wrong.Add(1)
	fmt.Fprintf(r.std.err, "refused: %v\n", why)
}

// printCallback prints what a person wants to know of a callback.
func printCallback(w io.Writer, c receive.Callback) {
	words := wordsOfDocument
	if c.Form {
		words = wordsOfForm
	}
	said, err := words(c.Body)
	if err != nil {
		fmt.Fprintf(w, "signed, but no callback: %.200q\n", c.Body)
		return
	}
	if c.Again {
		said = append(said, "(again)")
	}
	fmt.Fprintln(w, strings.Join(said, " "))
}

// wordsOfDocument are of a JSON document.
func wordsOfDocument(body []byte) ([]string, error) {
	var told schemas.Callback
	err := json.Unmarshal(body, &told)
	return []string{told.Sequence, told.Type, aboutCallback(told)}, err
}

// wordsOfForm are of a form, as whom a call by SOAP has named is told.
func wordsOfForm(body []byte) ([]string, error) {
	told, err := url.ParseQuery(string(body))
	if err == nil && !told.Has("OverallStatusCode") {
		err = errors.New("no OverallStatusCode")
	}
	about := "conversation " + told.Get("ConversationID")
	switch id, part := told.Get("RequestID"), told.Get("SequenceCode"); {
	case part != "":
		about = fmt.Sprintf("call %s of %s", part, told.Get("ConversationID"))
	case id != "":
		about = "call " + id
	}
	about += ": " + told.Get("OverallStatusCode")
	if code := told.Get("ErrorCode"); code != "" {
		about += ", " + code
	}
	return []string{"form", about}, err
}

// aboutCallback says what ended, and how.
func aboutCallback(told schemas.Callback) string {
	var about string
	var why schemas.Code
	switch call, conversation := told.Call, told.Conversation; {
	case call != nil && call.ConversationID != "":
		about, why = fmt.Sprintf("call %d of %d of %s: %s", call.SequenceCode, call.CallsInConversation, call.ConversationID, call.Status), call.ErrorCode
	case call != nil:
		about, why = fmt.Sprintf("call %s: %s", call.RequestID, call.Status), call.ErrorCode
	case conversation != nil:
		about, why = fmt.Sprintf("conversation %s: %s", conversation.ConversationID, conversation.Status), conversation.ErrorCode
	}
	if why != "" {
		about += ", " + string(why)
	}
	return about
}
