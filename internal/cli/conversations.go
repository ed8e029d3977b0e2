package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/jedib0t/go-pretty/v6/table"

	"parley/internal/cli/client"
	"parley/schemas"
)

// conversationsCmd lists conversations.
type conversationsCmd struct {
	parleyFlags

	Status []string `placeholder:"STATUS" enum:"Staging,Scheduled,Processing,Complete,Error,Cancelled,Expired" help:"Those that are Staging, Scheduled, Processing, Complete, Error, Cancelled or Expired; several with commas between them. Default: all."`
	From   ago      `placeholder:"WHEN" help:"Those whose first call was accepted since: a time as 2026-11-22T08:00:00Z, or how long ago, as 2h."`
	To     ago      `placeholder:"WHEN" help:"Those whose first call was accepted before. Default: now."`
	Limit  int      `default:"100" placeholder:"N" help:"So many at most, the first; 0: all."`
	JSON   bool     `name:"json" help:"Print what Parley answers, as JSON, a line for each conversation."`
}

// Help is shown by --help.
func (*conversationsCmd) Help() string {
	return `They come in the order in which their first calls were accepted. A call without a conversationId is a conversation of one, with its request id.

  parley conversations --status Staging
  parley conversations --status Error,Expired --from 2h --json --limit 0`
}

// Validate is called by kong.
func (c *conversationsCmd) Validate() error {
	if c.Limit < 0 {
		return fmt.Errorf("--limit is %d; it is 0, for all, or more", c.Limit)
	}
	return nil
}

// pageMax is how many conversations are asked for at once.
const pageMax = 1000

// Run lists page by page.
func (c *conversationsCmd) Run(ctx context.Context, std streams) error {
	parley, err := c.client()
	if err != nil {
		return err
	}
	defer parley.Close()
	q := client.ConversationsQuery{From: c.From.Time, To: c.To.Time}
	for _, s := range c.Status {
		q.Statuses = append(q.Statuses, schemas.ConversationStatus(s))
	}
	list := conversationLines{out: std.out, json: c.JSON}
	for {
		q.Limit = pageMax
		if c.Limit > 0 {
			q.Limit = min(pageMax, c.Limit-list.n)
		}
		var page client.ConversationList
		err := insist(ctx, func() (err error) {
			page, err = parley.Conversations(ctx, q)
			return err
		})
		if err == nil {
			err = list.add(page.Conversations)
		}
		if err != nil {
			return err
		}
		if q.After = page.Next; q.After == "" || list.n == c.Limit {
			break
		}
	}
	if c.JSON {
		return nil
	}
	list.render()
	if q.After != "" {
		fmt.Fprintf(std.out, "the first %d; there are more: --limit\n", list.n)
	}
	return nil
}

// conversationLines writes conversations as lines of JSON, or as a table at the end.
type conversationLines struct {
	out  io.Writer
	json bool
	n    int
	rows table.Writer // nil: there is none
}

func (l *conversationLines) add(page []json.RawMessage) error {
	for _, raw := range page {
		l.n++
		if l.json {
			if _, err := fmt.Fprintf(l.out, "%s\n", raw); err != nil {
				return err
			}
			continue
		}
		var r schemas.ConversationResource
		if err := json.Unmarshal(raw, &r); err != nil {
			return fmt.Errorf("read conversation: %w", err)
		}
		if l.rows == nil {
			l.rows = newTable("conversation", "status", "calls", "received", "ended", "errors", "accepted", "completed", "why")
		}
		l.rows.AppendRow(table.Row{
			r.ConversationID, r.Status, r.CallsInConversation, r.Received, r.Processed, r.Errors, at(r.AcceptedAt), at(r.CompletedAt), reason(r.ErrorCode, r.Message),
		})
	}
	return nil
}

func (l *conversationLines) render() {
	if l.rows == nil {
		fmt.Fprintln(l.out, "no conversations")
		return
	}
	fmt.Fprintln(l.out, l.rows.Render())
}
