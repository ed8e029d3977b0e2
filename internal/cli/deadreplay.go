package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"parley/internal/cli/dead"
)

// deadReplayCmd appends letters again.
type deadReplayCmd struct {
	kafkaFlags
	deadFlags

	IDs    []deadID `arg:"" name:"offset" optional:"" help:"The offsets of the records on parley.dead; partition/offset, if not on partition 0."`
	All    bool     `help:"All of them, if neither offsets nor --code, --from, --to say which."`
	DryRun bool     `help:"Say what would be done, and do nothing."`
	JSON   bool     `name:"json" help:"Print what became of each as JSON, one a line."`
}

// Help is shown by --help.
func (*deadReplayCmd) Help() string {
	return `Each record is appended again to the topic that it came from, with its key, value and headers as they came: a call to the partition of its key, all else to the partition where it was. What led it to parley.dead should have been mended before, or it comes back. One command appends a record once, even if it lies on parley.dead twice; another command does it again.

  parley dead replay 17 18
  parley dead replay --code Internal --from 2026-11-22T08:00:00Z --dry-run
  parley dead replay --all

Exit code: 0 when all of them were appended; 1 when any was not, which is said with the reason.`
}

// Validate is called by kong.
func (c *deadReplayCmd) Validate() error {
	filtered := len(list(c.Code)) > 0 || !c.From.IsZero() || !c.To.IsZero()
	switch {
	case len(c.IDs) == 0 && !filtered && !c.All:
		return errors.New("say which records: their offsets, --code, --from, --to, or --all")
	case len(c.IDs) > 0 && (filtered || c.All):
		return errors.New("say which records by their offsets, or by --code, --from, --to, --all, not both")
	case filtered && c.All:
		return errors.New("--all is for when --code, --from, --to do not say which records")
	}
	return nil
}

// Run appends the letters and says so of each.
func (c *deadReplayCmd) Run(ctx context.Context, std streams) error {
	box, err := c.deadBox(ctx, std.err)
	if err != nil {
		return err
	}
	defer box.Close()
	r := replaying{Replay: box.NewReplay(c.DryRun), out: std.out, json: c.JSON}
	if err := c.each(ctx, box, func(l dead.Letter) error { return r.one(ctx, l) }); err != nil {
		return fmt.Errorf("%w; replayed before it: %s", err, number(r.appended))
	}
	if !c.JSON {
		fmt.Fprintf(std.out, "%s %s, %s not\n", c.did(), number(r.appended), number(r.refused))
	}
	if r.refused > 0 {
		return errReported
	}
	return nil
}

func (c *deadReplayCmd) did() string {
	if c.DryRun {
		return "would replay"
	}
	return "replayed"
}

// each calls f with the letters that were asked for.
func (c *deadReplayCmd) each(ctx context.Context, box *dead.Box, f func(dead.Letter) error) error {
	if len(c.IDs) == 0 {
		return box.Read(ctx, c.filter(), f)
	}
	for _, id := range c.IDs {
		l, err := box.Letter(ctx, id.Partition, id.Offset)
		if err != nil {
			return err
		}
		if err := f(l); err != nil {
			return err
		}
	}
	return nil
}

// replaying says what becomes of each letter, and counts.
type replaying struct {
	*dead.Replay
	out               io.Writer
	json              bool
	appended, refused int
}

// replayJSON is what became of a letter: it lies at To now, or was refused.
type replayJSON struct {
	Partition int32      `json:"partition"`
	Offset    int64      `json:"offset"`
	To        *placeJSON `json:"to,omitempty"`
	Refused   string     `json:"refused,omitempty"`
}

// one replays a letter. That a letter cannot be replayed is no error.
func (r *replaying) one(ctx context.Context, l dead.Letter) error {
	to, err := r.Append(ctx, &l)
	refused, isRefused := errors.AsType[*dead.RefusedError](err)
	if err != nil && !isRefused {
		return fmt.Errorf("record %d/%d: %w", l.Partition, l.Offset, err)
	}
	said := replayJSON{Partition: l.Partition, Offset: l.Offset, To: placeJSONOf(to)}
	became := "-> " + to.String()
	switch {
	case !isRefused:
		r.appended++
	case !refused.Done:
		r.refused++
		fallthrough
	default:
		said.Refused, became = refused.Why, "not replayed: "+refused.Why
	}
	if r.json {
		return printJSON(r.out, said)
	}
	fmt.Fprintf(r.out, "%d/%d %s %s\n", l.Partition, l.Offset, orDash(string(l.Code)), became)
	return nil
}
