package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"parley/internal/cli/client"
	"parley/schemas"
)

// resubmitCmd runs what failed again.
type resubmitCmd struct {
	parleyFlags

	ID            string `arg:"" optional:"" help:"A conversation that failed, or the request id of a call without one. Without it: all that failed since --from."`
	As            string `placeholder:"ID" help:"The conversationId of the new one. Default: the old one with ~2 behind it, then ~3, and so on."`
	IncludeFailed bool   `help:"Repeat the call that failed, too, and not only those behind it."`

	From      ago    `placeholder:"WHEN" help:"Of those that ended since: a time as 2026-11-22T08:00:00Z, or how long ago, as 2h."`
	To        ago    `placeholder:"WHEN" help:"Of those that ended before. Default: now."`
	Route     string `placeholder:"NAME" help:"Of those whose failed call took this route."`
	ErrorCode string `placeholder:"CODE" help:"Of those that failed with this code."`
	Limit     int    `default:"1000" placeholder:"N" help:"So many at most, those that ended first; from 1 to 10000."`
	DryRun    bool   `help:"Show which it would be, and resubmit none."`
	JSON      bool   `name:"json" help:"Print what Parley answers, as JSON, a line for each conversation."`
}

// Help is shown by --help.
func (*resubmitCmd) Help() string {
	return `A conversation that failed keeps its unfinished calls for 7 days. They run again as another conversation, in their order; the first one is left as it is, and linked to the new one.

  parley resubmit order-1234 --include-failed
  parley resubmit --from 2h --route crm --error-code Timeout --dry-run
  parley resubmit --from 2h --route crm --error-code Timeout --include-failed

Exit code: 0 when all were resubmitted; else 1. To say it again is safe: nothing is resubmitted twice.`
}

// Validate is called by kong.
func (c *resubmitCmd) Validate() error {
	switch {
	case c.ID == "" && c.From.IsZero():
		return errors.New("say which: a conversationId, or --from when")
	case c.ID == "" && c.As != "":
		return errors.New("--as goes with one conversation")
	case c.ID != "" && (!c.From.IsZero() || !c.To.IsZero() || c.Route != "" || c.ErrorCode != "" || c.DryRun):
		return errors.New("--from, --to, --route, --error-code and --dry-run go without a conversationId")
	case c.Limit < 1 || c.Limit > schemas.BulkLimitMax:
		return fmt.Errorf("--limit is %d; it is from 1 to %d", c.Limit, schemas.BulkLimitMax)
	}
	return nil
}

// Run resubmits one, or many.
func (c *resubmitCmd) Run(ctx context.Context, std streams) error {
	parley, err := c.client()
	if err != nil {
		return err
	}
	defer parley.Close()
	if c.ID == "" {
		return c.many(ctx, std.out, parley)
	}
	as := c.As
	if as == "" {
		as = schemas.NextID(c.ID)
	}
	var r schemas.ConversationResource
	err = insist(ctx, func() (err error) {
		r, err = parley.Resubmit(ctx, c.ID, schemas.Resubmission{ConversationID: as, IncludeFailed: c.IncludeFailed})
		return err
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(std.out).Encode(r)
	}
	fmt.Fprintf(std.out, "conversation %s is continued as %s: %s, %d calls\n", c.ID, r.ConversationID, r.Status, r.CallsInConversation)
	return nil
}

func (c *resubmitCmd) many(ctx context.Context, w io.Writer, parley *client.Client) error {
	bulk := schemas.BulkResubmission{
		Route: c.Route, ErrorCode: schemas.Code(c.ErrorCode), From: c.From.Time, To: c.To.Time, IncludeFailed: c.IncludeFailed, Limit: c.Limit, DryRun: c.DryRun,
	}
	if bulk.To.IsZero() {
		bulk.To = time.Now()
	}
	found, refused := 0, 0
	tell := func(r client.Resubmitted) error {
		found++
		if r.Problem != nil {
			refused++
		}
		if c.JSON {
			return json.NewEncoder(w).Encode(r)
		}
		_, err := fmt.Fprintln(w, resubmittedText(r))
		return err
	}
	if err := c.each(ctx, parley, bulk, tell); err != nil {
		return fmt.Errorf("after %d conversations: %w; say it again, nothing is resubmitted twice", found, err)
	}
	if !c.JSON {
		fmt.Fprintln(w, c.summary(found, refused))
	}
	if refused > 0 {
		return errReported
	}
	return nil
}

// each tells what came of every conversation. Those whose owners could not be asked, as for a moment after a start or while
// partitions move, come last: they are tried again.
func (c *resubmitCmd) each(ctx context.Context, parley *client.Client, bulk schemas.BulkResubmission, tell func(client.Resubmitted) error) error {
	var later []client.Resubmitted
	err := insist(ctx, func() error { // a refusal comes before the first line
		return parley.ResubmitMany(ctx, bulk, func(r client.Resubmitted) error {
			if r.Problem != nil && r.Problem.Status == http.StatusServiceUnavailable {
				later = append(later, r)
				return nil
			}
			return tell(r)
		})
	})
	if err != nil {
		return err
	}
	patience := time.Now().Add(silenceMax)
	for _, r := range later {
		if r, err = c.again(ctx, parley, r, time.Until(patience)); err != nil {
			return err
		}
		if err := tell(r); err != nil {
			return err
		}
	}
	return nil
}

// again resubmits one that could not be, as the same conversation.
func (c *resubmitCmd) again(ctx context.Context, parley *client.Client, r client.Resubmitted, patience time.Duration) (client.Resubmitted, error) {
	r.Problem = nil
	err := client.Insist(ctx, client.Patience{For: patience}, func() error {
		made, err := parley.Resubmit(ctx, r.ConversationID, schemas.Resubmission{ConversationID: r.As, IncludeFailed: c.IncludeFailed})
		r.Status = made.Status
		return err
	})
	if refused, ok := errors.AsType[*client.RefusedError](err); ok {
		r.Problem = refused
		return r, nil
	}
	return r, err
}

func resubmittedText(r client.Resubmitted) string {
	text := fmt.Sprintf("%s (%s)", r.ConversationID, reason(r.ErrorCode, r.Message))
	switch {
	case r.Problem != nil:
		return fmt.Sprintf("%s is not resubmitted: %v", text, r.Problem)
	case r.Status == "":
		return fmt.Sprintf("%s would be continued as %s", text, r.As)
	}
	return fmt.Sprintf("%s is continued as %s: %s", text, r.As, r.Status)
}

func (c *resubmitCmd) summary(found, refused int) string {
	text := fmt.Sprintf("resubmitted %d of %d conversations", found-refused, found)
	if c.DryRun {
		text = fmt.Sprintf("found %d conversations", found)
	}
	if found == c.Limit {
		text += "; there may be more, beyond --limit"
	}
	return text
}

// ago is a time that is given as such, or as a duration before now.
type ago struct {
	time.Time
	text string // as it was given
}

// UnmarshalText reads what was given.
func (a *ago) UnmarshalText(text []byte) (err error) {
	a.text = string(text)
	if d, err := time.ParseDuration(a.text); err == nil {
		a.Time = time.Now().Add(-d)
		return nil
	}
	if a.Time, err = time.Parse(time.RFC3339, string(text)); err != nil {
		return fmt.Errorf("%q is neither a time as 2026-11-22T08:00:00Z nor a duration as 2h", text)
	}
	return nil
}
