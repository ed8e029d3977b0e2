package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"parley/internal/cli/client"
	"parley/internal/cli/extract"
	"parley/schemas"
)

// extractCmd writes results into a file.
type extractCmd struct {
	parleyFlags

	Output         string        `short:"o" required:"" placeholder:"FILE" help:"The file to write; - is standard output."`
	Format         string        `placeholder:"FORMAT" help:"csv, jsonl or parquet. Default: what the name of the file ends with, else csv."`
	Columns        []string      `placeholder:"NAME" help:"The columns, in their order, with commas between them; parley sql 'DESCRIBE results' lists them. Default: all."`
	From           ago           `placeholder:"WHEN" help:"Results of calls that ended since: a time as 2026-11-22T08:00:00Z, or how long ago, as 24h."`
	To             ago           `placeholder:"WHEN" help:"Results of calls that ended before."`
	Cursor         string        `placeholder:"CURSOR" help:"Begin behind a cursor that an extract ended with."`
	Until          string        `placeholder:"CURSOR" help:"End at a cursor that an extract ended with. With the same --cursor the file is the same, byte for byte."`
	ConversationID string        `name:"conversation-id" placeholder:"ID" help:"Results of this conversation."`
	Status         []string      `placeholder:"STATUS" enum:"OK,Error,NotProcessed,Rejected,Cancelled,Expired" help:"Results that are OK, Error, NotProcessed, Rejected, Cancelled or Expired; several with commas between them. Default: all."`
	Incremental    string        `placeholder:"STATEFILE" help:"Begin where the extract before ended, whose cursor the file has, and write into it where this one does. The file is made the first time."`
	RetryFor       time.Duration `default:"1m" placeholder:"DURATION" help:"How long it is tried to go on while Parley cannot give more."`
}

// Help is shown by --help.
func (*extractCmd) Help() string {
	return `A row for each object of every call that ended, in the order of partition, sequence and ordinal. The file is written as FILE.part, and gets its name when it is whole. Interrupted, the same command goes on with csv and jsonl where it was, and begins a parquet file again; FILE.part.json says over what range, and the file is the same as if nothing had happened.

  parley extract -o results.csv --from 24h
  parley extract -o failed.jsonl --status Error --columns conversation_id,customer_key,error_code,message
  parley extract -o results-$(date +%F).parquet --incremental nightly.cursor   each night what is new, none twice and none left out
  parley extract -o - --format jsonl | jq .customer_key`
}

// Validate is called by kong.
func (c *extractCmd) Validate() error {
	if c.Incremental != "" && (c.Cursor != "" || c.Until != "") {
		return errors.New("--incremental reads the cursor from its file; leave out --cursor and --until")
	}
	if c.Format != "" && !slices.Contains(schemas.ExtractFormats(), schemas.ExtractFormat(c.Format)) {
		return fmt.Errorf("--format is %q; it is csv, jsonl or parquet", c.Format)
	}
	return nil
}

// Run writes the file.
func (c *extractCmd) Run(ctx context.Context, std streams) error {
	parley, err := c.client()
	if err != nil {
		return err
	}
	defer parley.Close()
	bookmark, err := c.bookmark()
	if err != nil {
		return err
	}
	q := c.query(bookmark)
	if bookmark != nil && bookmark.Settled(c.Output) {
		fmt.Fprintf(std.out, "%s was whole when the command before was interrupted, and is left as it is: the next command has what is new\nnext cursor %s\n", c.Output, q.Cursor)
		return nil
	}
	if c.Output == "-" {
		got, err := parley.Extract(ctx, q, std.out)
		if err != nil {
			return fmt.Errorf("%w; what was written is not whole", err)
		}
		fmt.Fprintf(std.err, "%s rows\nnext cursor %s\n", number(int(got.Rows)), got.Cursor)
		if bookmark != nil {
			return bookmark.Move(got.Cursor)
		}
		return nil
	}
	began := time.Now()
	bar := newBar(std.err, "extracting", -1, inBytes)
	report, err := extract.Run(ctx, extract.Config{Client: parley, Query: q, Asked: c.asked(q), File: c.Output, Bookmark: bookmark, RetryFor: c.RetryFor, Progress: bar.set})
	bar.end()
	if err != nil {
		return c.interrupted(err)
	}
	took := time.Since(began)
	fmt.Fprintf(std.out, "%s rows, %.1f MB in %s", number(int(report.Rows)), float64(report.Bytes)/1e6, round(took))
	if report.Resumed > 0 {
		fmt.Fprintf(std.out, ", %.1f MB of them before", float64(report.Resumed)/1e6)
	} else if took > time.Millisecond {
		fmt.Fprintf(std.out, " (%.1f MB/s)", float64(report.Bytes)/1e6/took.Seconds())
	}
	fmt.Fprintf(std.out, ": %s\nnext cursor %s\n", c.Output, report.Cursor)
	return nil
}

// interrupted says what can be done about an extract that is not whole.
func (c *extractCmd) interrupted(err error) error {
	if refused, ok := errors.AsType[*client.RefusedError](err); ok && refused.Status < 500 {
		return err
	}
	if errors.Is(err, syscall.ENOSPC) {
		err = fmt.Errorf("the disk is full: %w", err)
	}
	if _, none := os.Stat(c.Output + ".part"); none != nil {
		return err
	}
	return fmt.Errorf("%w; %s.part has what came so far: the same command goes on", err, c.Output)
}

// bookmark is that of an incremental extract; nil: it is none.
func (c *extractCmd) bookmark() (*extract.Bookmark, error) {
	if c.Incremental == "" {
		return nil, nil
	}
	b, err := extract.OpenBookmark(c.Incremental)
	if err != nil {
		return nil, fmt.Errorf("--incremental: %w", err)
	}
	return b, nil
}

func (c *extractCmd) query(from *extract.Bookmark) client.ExtractQuery {
	q := client.ExtractQuery{
		Format: c.format(), Columns: c.Columns, Cursor: c.Cursor, Until: c.Until, From: c.From.Time, To: c.To.Time, ConversationID: c.ConversationID,
	}
	for _, s := range c.Status {
		q.Statuses = append(q.Statuses, schemas.ResultStatus(s))
	}
	if from != nil {
		q.Cursor = from.Cursor()
	}
	return q
}

// asked is what was asked for, the same for the same words.
func (c *extractCmd) asked(q client.ExtractQuery) string {
	q.From, q.To = time.Time{}, time.Time{}
	return fmt.Sprintf("%+v from %q to %q for %q at %q", q, c.From.text, c.To.text, c.Account, c.URL)
}

// format is that of the file.
func (c *extractCmd) format() schemas.ExtractFormat {
	if c.Format != "" {
		return schemas.ExtractFormat(c.Format)
	}
	ending := schemas.ExtractFormat(strings.TrimPrefix(filepath.Ext(c.Output), "."))
	if slices.Contains(schemas.ExtractFormats(), ending) {
		return ending
	}
	return schemas.ExtractCSV
}
