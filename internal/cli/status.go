package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/google/uuid"

	"parley/internal/cli/client"
	"parley/internal/pause"
	"parley/schemas"
)

// statusCmd shows a call or a conversation.
type statusCmd struct {
	parleyFlags

	ID    string `arg:"" help:"A request id, or a conversationId."`
	Watch bool   `help:"Show every change until it has ended."`
	JSON  bool   `name:"json" help:"Print what Parley answers, as JSON; with --watch, a line per change."`
}

// Help is shown by --help.
func (*statusCmd) Help() string {
	return `  parley status order-1234
  parley status 018f4c1e-7c1a-7b5e-9d55-0242ac120002 --watch

Exit code: 0 when there is such a call or conversation, however it ended; else 1.`
}

// standing is a call or a conversation as it stands; one of the two is set.
type standing struct {
	call         *schemas.CallResource
	conversation *schemas.ConversationResource
}

// Run shows the status, again and again with --watch.
func (c *statusCmd) Run(ctx context.Context, std streams) error {
	parley, err := c.client()
	if err != nil {
		return err
	}
	defer parley.Close()
	shown, heard := "", time.Now()
	for {
		s, err := c.ask(ctx, parley, c.pollWait(shown))
		switch {
		case err == nil:
			heard = time.Now()
		case !worthAnother(err, shown) || time.Since(heard) > silenceMax:
			return err
		default:
			if err := pause.For(ctx, watchWait); err != nil {
				return err
			}
			continue
		}
		text, err := c.text(s)
		if err != nil {
			return err
		}
		if text != shown {
			c.show(std.out, text)
			shown = text
		}
		if !c.Watch || s.final() {
			return nil
		}
	}
}

// silenceMax is how long nobody may be able to tell the status, as for a moment after a start.
const silenceMax = 15 * time.Second

// worthAnother reports whether to ask again: nobody can tell just now; or, when there was an answer before, Parley
// cannot be reached, as while it starts again.
func worthAnother(err error, shown string) bool {
	away, ok := errors.AsType[*client.UnavailableError](err)
	if !ok {
		return false
	}
	return away.Said() || shown != ""
}

// watchWait is how often a change is looked for.
const watchWait = 500 * time.Millisecond

// pollWait is how long an answer may wait for the end: not at all for the first.
func (c *statusCmd) pollWait(shown string) time.Duration {
	if shown == "" {
		return 0
	}
	return watchWait
}

// ask asks for what the id names. A request id may also be a conversationId that somebody chose.
func (c *statusCmd) ask(ctx context.Context, parley *client.Client, wait time.Duration) (standing, error) {
	if _, err := uuid.Parse(c.ID); err == nil {
		r, err := parley.Request(ctx, c.ID, "", wait)
		if !notFound(err) {
			return standing{call: &r}, err
		}
	}
	r, err := parley.WholeConversation(ctx, c.ID, wait)
	if notFound(err) {
		return standing{}, fmt.Errorf("%q is neither a request id nor a conversationId of this account", c.ID)
	}
	return standing{conversation: &r}, err
}

func notFound(err error) bool {
	refused, ok := errors.AsType[*client.RefusedError](err)
	return ok && refused.Status == http.StatusNotFound
}

func (s standing) final() bool {
	if s.call != nil {
		return s.call.Status.Final()
	}
	return s.conversation.Status.Final()
}

// text is the status as it is shown.
func (c *statusCmd) text(s standing) (string, error) {
	if !c.JSON {
		return s.table(), nil
	}
	var resource any = s.conversation
	if s.call != nil {
		resource = s.call
	}
	encode := json.Marshal
	if !c.Watch {
		encode = func(v any) ([]byte, error) { return json.MarshalIndent(v, "", "  ") }
	}
	b, err := encode(resource)
	if err != nil {
		return "", fmt.Errorf("encode status: %w", err)
	}
	return string(b) + "\n", nil
}

// show prints a status; on a terminal it takes the place of the one before.
func (c *statusCmd) show(w io.Writer, text string) {
	if c.Watch && !c.JSON && terminal(w) {
		fmt.Fprint(w, "\x1b[H\x1b[2J") // cursor home, clear: ECMA-48 CUP and ED
	}
	fmt.Fprint(w, text)
}
