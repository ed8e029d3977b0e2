package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"parley/internal/cli/dead"
	"parley/schemas"
)

// deadCmd looks after parley.dead.
type deadCmd struct {
	List   deadListCmd   `cmd:"" help:"List the records that nothing could be made of, and why."`
	Show   deadShowCmd   `cmd:"" help:"Show one of them, as it came."`
	Replay deadReplayCmd `cmd:"" help:"Append some of them again to the topic that they came from."`
}

// Help is shown by --help.
func (*deadCmd) Help() string {
	return `A record on parley.calls or in the topic of an account that cannot be read, or an event that ClickHouse cannot hold, is put on the topic parley.dead with the reason, and all else goes on. Nothing is ever deleted there.

  parley dead list --code InvalidBody --from 24h
  parley dead show 17
  parley dead replay 17 18`
}

// deadFlags say which records on parley.dead are meant.
type deadFlags struct {
	Code []string `sep:"," placeholder:"CODE,..." help:"Only those with one of these codes, as InvalidBody."`
	From moment   `placeholder:"WHEN" help:"Only those since then: a time as 2026-11-22T08:00:00Z, or how long ago, as 24h."`
	To   moment   `placeholder:"WHEN" help:"Only those before then."`
}

func (f deadFlags) filter() dead.Filter {
	filter := dead.Filter{From: f.From.Time, To: f.To.Time}
	for _, c := range list(f.Code) {
		filter.Codes = append(filter.Codes, schemas.Code(c))
	}
	return filter
}

// deadBox opens parley.dead.
func (f *kafkaFlags) deadBox(ctx context.Context, stderr io.Writer) (*dead.Box, error) {
	opts, err := f.reach(ctx, stderr)
	if err != nil {
		return nil, err
	}
	return dead.Open(ctx, f.topics(), opts...)
}

// moment is a time that is given as such, or as a duration before now.
type moment struct{ time.Time }

// UnmarshalText reads what was given.
func (m *moment) UnmarshalText(text []byte) (err error) {
	if ago, err := parseSpan(string(text)); err == nil {
		m.Time = time.Now().Add(-ago)
		return nil
	}
	if m.Time, err = time.Parse(time.RFC3339, string(text)); err != nil {
		return fmt.Errorf("%q is neither a time as 2026-11-22T08:00:00Z nor a duration as 24h", text)
	}
	return nil
}

// deadID names a record on parley.dead.
type deadID struct {
	Partition int32
	Offset    int64
}

// UnmarshalText reads an offset, or partition/offset.
func (id *deadID) UnmarshalText(text []byte) error {
	partition, offset, both := strings.Cut(string(text), "/")
	if !both {
		partition, offset = "0", partition
	}
	p, err := strconv.ParseInt(partition, 10, 32)
	o, err2 := strconv.ParseInt(offset, 10, 64)
	if err := errors.Join(err, err2); err != nil || p < 0 || o < 0 {
		return fmt.Errorf("%q is no offset as 17, nor partition/offset as 0/17", text)
	}
	id.Partition, id.Offset = int32(p), o
	return nil
}

// deadListCmd lists letters.
type deadListCmd struct {
	kafkaFlags
	deadFlags

	Limit int  `default:"1000" placeholder:"N" help:"At most so many, the oldest first; 0: all."`
	JSON  bool `name:"json" help:"Print them as JSON, one a line."`
}

// Run prints a row per letter.
func (c *deadListCmd) Run(ctx context.Context, std streams) error {
	box, err := c.deadBox(ctx, std.err)
	if err != nil {
		return err
	}
	defer box.Close()
	rows := newTable("partition", "offset", "time", "code", "source", "detail")
	n, more := 0, false
	err = box.Read(ctx, c.filter(), func(l dead.Letter) error {
		if more = c.Limit > 0 && n == c.Limit; more {
			return dead.ErrStop
		}
		n++
		if c.JSON {
			return printJSON(std.out, summaryOf(&l))
		}
		rows.AppendRow(table.Row{l.Partition, l.Offset, at(&l.At), l.Code, l.Source, excerpt(l.Detail)})
		return nil
	})
	if err != nil || c.JSON {
		return err
	}
	if n > 0 {
		fmt.Fprintln(std.out, rows.Render())
	}
	switch {
	case more:
		fmt.Fprintf(std.out, "the first %s; --limit shows more\n", number(n))
	case n == 1:
		fmt.Fprintln(std.out, "1 record")
	default:
		fmt.Fprintf(std.out, "%s records\n", number(n))
	}
	return nil
}

// deadShowCmd shows a letter.
type deadShowCmd struct {
	kafkaFlags

	ID   deadID `arg:"" placeholder:"OFFSET" help:"The offset of the record on parley.dead; partition/offset, if it is not on partition 0."`
	JSON bool   `name:"json" help:"Print it as JSON."`
}

// Run prints the letter.
func (c *deadShowCmd) Run(ctx context.Context, std streams) error {
	box, err := c.deadBox(ctx, std.err)
	if err != nil {
		return err
	}
	defer box.Close()
	l, err := box.Letter(ctx, c.ID.Partition, c.ID.Offset)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(std.out, letterJSONOf(&l))
	}
	fmt.Fprint(std.out, letterText(&l))
	return nil
}
