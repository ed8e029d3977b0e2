package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"
	"github.com/jedib0t/go-pretty/v6/table"

	"parley/internal/cli/client"
	"parley/internal/pause"
	"parley/schemas"
)

// resultsCmd searches results.
type resultsCmd struct {
	parleyFlags

	ConversationID string    `name:"conversation-id" placeholder:"ID" help:"Results of this conversation, or of the call without one that has this request id."`
	RequestID      uuid.UUID `name:"request-id" placeholder:"UUID" help:"Results of this call."`
	CorrelationID  string    `name:"correlation-id" placeholder:"ID" help:"Results of objects with this correlationId."`
	Status         []string  `placeholder:"STATUS" enum:"OK,Error,NotProcessed,Rejected,Cancelled,Expired" help:"Results that are OK, Error, NotProcessed, Rejected, Cancelled or Expired; several with commas between them. Default: all."`
	ErrorCode      string    `placeholder:"CODE" help:"Results with this code."`
	ObjectType     string    `placeholder:"TYPE" help:"Results of objects of this type."`
	CustomerKey    string    `placeholder:"KEY" help:"Results of objects with this customerKey."`
	From           ago       `placeholder:"WHEN" help:"Results of calls that ended since: a time as 2026-11-22T08:00:00Z, or how long ago, as 2h."`
	To             ago       `placeholder:"WHEN" help:"Results of calls that ended before."`
	After          string    `placeholder:"CURSOR" help:"Begin behind a cursor that a search ended with."`
	Limit          *int      `placeholder:"N" help:"So many at most; 0: all. Default: 100, and all with --follow."`
	Follow         bool      `help:"Go on with the results that come later, until Ctrl-C or --limit."`
	JSON           bool      `name:"json" help:"Print what Parley answers, as JSON, a line for each result. At the end the cursor is said on standard error."`
}

// Help is shown by --help.
func (*resultsCmd) Help() string {
	return `They come nearly in the order in which their calls ended. Who goes on behind a cursor meets each result once and misses none.

  parley results --status Error --from 24h
  parley results --customer-key row-1 --json
  parley results --follow --from 0s --json | jq .customerKey   what ends from now on`
}

// resultsDefault is how many results are shown unless it is said.
const resultsDefault = 100

// Validate is called by kong.
func (c *resultsCmd) Validate() error {
	if c.Limit != nil && *c.Limit < 0 {
		return fmt.Errorf("--limit is %d; it is 0, for all, or more", *c.Limit)
	}
	return nil
}

// followPause is after how long it is asked again what has come.
const followPause = time.Second

// Run searches page by page.
func (c *resultsCmd) Run(ctx context.Context, std streams) error {
	parley, err := c.client()
	if err != nil {
		return err
	}
	defer parley.Close()
	list := resultLines{out: std.out, json: c.JSON, follow: c.Follow}
	page, err := c.search(ctx, parley, &list)
	if err == nil && !c.JSON && !c.Follow {
		list.render()
		if page.Next != "" {
			fmt.Fprintf(std.out, "the first %d; there are more: --limit\n", list.n)
		}
	}
	if c.JSON && page.Cursor != "" {
		fmt.Fprintf(std.err, "next cursor %s\n", page.Cursor)
	}
	return err
}

// search adds to a list what is asked for, and returns the last page.
func (c *resultsCmd) search(ctx context.Context, parley *client.Client, list *resultLines) (page client.ResultList, err error) {
	q, limit := c.query(), c.limit()
	for {
		q.Limit = pageMax
		if limit > 0 {
			q.Limit = min(pageMax, limit-list.n)
		}
		err := insist(ctx, func() (err error) {
			page, err = parley.Results(ctx, q)
			return err
		})
		if err == nil {
			err = list.add(page.Results)
		}
		if err != nil {
			return page, err
		}
		q.After = page.Cursor
		switch {
		case limit > 0 && list.n == limit, page.Next == "" && !c.Follow:
			return page, nil
		case page.Next == "":
			if err := pause.For(ctx, followPause); err != nil {
				return page, err
			}
		}
	}
}

// limit is how many results are shown; zero: all.
func (c *resultsCmd) limit() int {
	switch {
	case c.Limit != nil:
		return *c.Limit
	case c.Follow:
		return 0
	}
	return resultsDefault
}

func (c *resultsCmd) query() client.ResultsQuery {
	q := client.ResultsQuery{After: c.After, ResultsFilter: schemas.ResultsFilter{
		ConversationID: c.ConversationID,
		RequestID:      c.RequestID,
		CorrelationID:  c.CorrelationID,
		ErrorCode:      schemas.Code(c.ErrorCode),
		ObjectType:     c.ObjectType,
		CustomerKey:    c.CustomerKey,
		From:           c.From.Time,
		To:             c.To.Time,
	}}
	for _, s := range c.Status {
		q.Statuses = append(q.Statuses, schemas.ResultStatus(s))
	}
	return q
}

// resultLines writes results as lines of JSON, as lines for people who follow them, or as a table at the end.
type resultLines struct {
	out    io.Writer
	json   bool
	follow bool
	n      int
	rows   table.Writer // nil: there is none
}

func (l *resultLines) add(page []json.RawMessage) error {
	for _, raw := range page {
		l.n++
		if err := l.addOne(raw); err != nil {
			return err
		}
	}
	return nil
}

func (l *resultLines) addOne(raw json.RawMessage) error {
	if l.json {
		_, err := fmt.Fprintf(l.out, "%s\n", raw)
		return err
	}
	var r schemas.RecordedResult
	if err := json.Unmarshal(raw, &r); err != nil {
		return fmt.Errorf("read result: %w", err)
	}
	name := r.ConversationID
	if name == "" {
		name = r.RequestID.String()
	}
	if l.follow {
		_, err := fmt.Fprintf(l.out, "%s  %s #%d.%d  %s %s %s: %s\n", at(r.CompletedAt), name, r.SequenceCode, r.Ordinal, r.Method, r.ObjectType, r.CustomerKey,
			because(string(r.Status), r.ErrorCode, r.Message))
		return err
	}
	if l.rows == nil {
		l.rows = newTable("completed", "conversation", "#", "method", "type", "key", "correlation id", "status", "why")
	}
	l.rows.AppendRow(table.Row{
		at(r.CompletedAt), name, fmt.Sprintf("%d.%d", r.SequenceCode, r.Ordinal), r.Method, r.ObjectType, r.CustomerKey, r.CorrelationID, r.Status,
		reason(r.ErrorCode, r.Message),
	})
	return nil
}

// render writes the table.
func (l *resultLines) render() {
	if l.rows == nil {
		fmt.Fprintln(l.out, "no results")
		return
	}
	fmt.Fprintln(l.out, l.rows.Render())
}
