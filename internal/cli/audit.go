package cli

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"parley/internal/cli/client"
	"parley/internal/pause"
	"parley/schemas"
)

// auditCmd says whether the books are in order.
type auditCmd struct {
	parleyFlags

	Watch bool          `help:"Ask again and again, until Ctrl-C; print a line whenever something has changed."`
	Every time.Duration `default:"2s" placeholder:"DURATION" help:"How often, with --watch."`
	JSON  bool          `name:"json" help:"Print what Parley answers, as JSON in a line."`
}

// Help is shown by --help.
func (*auditCmd) Help() string {
	return `accepted = final + open + resent, in every partition; and every result that was written is in ClickHouse, once. All rows there are compared with what must be there, all the time; checked says up to where. lag is how far ClickHouse is behind, which is no problem by itself.

Exit codes: 0, the books are in order; 1, they are not, and it says where; 2, nobody can tell, or not of all partitions. With --watch it is that of the last answer.

  parley audit
  parley audit --json | jq '.partitions[] | select(.ok | not)'`
}

// Validate is called by kong.
func (c *auditCmd) Validate() error {
	if c.Every <= 0 {
		return fmt.Errorf("--every is %s; it is positive", c.Every)
	}
	return nil
}

// Run asks once, or until it is interrupted.
func (c *auditCmd) Run(ctx context.Context, std streams) error {
	parley, err := c.client()
	if err != nil {
		return err
	}
	defer parley.Close()
	said := ""
	for {
		r, err := c.ask(ctx, parley)
		if ctx.Err() == nil {
			if now := changes(r, err); now != said || !c.Watch {
				c.print(std, r, err)
				said = now
			}
		}
		if !c.Watch || pause.For(ctx, c.Every) != nil {
			return auditError(r, err)
		}
	}
}

func (c *auditCmd) ask(ctx context.Context, parley *client.Client) (r schemas.AuditResource, err error) {
	if c.Watch {
		return parley.Audit(ctx)
	}
	err = insist(ctx, func() (err error) {
		r, err = parley.Audit(ctx)
		return err
	})
	return r, err
}

// errUnknown ends a verb that could not find out what it was asked for, and has said why.
var errUnknown = fmt.Errorf("not known: %w", errReported)

// auditError is what an answer means for the exit code.
func auditError(r schemas.AuditResource, err error) error {
	switch {
	case err != nil || r.OK && !r.Complete:
		return errUnknown
	case !r.OK:
		return errReported
	}
	return nil
}

// changes is what of an answer is news when it changes.
func changes(r schemas.AuditResource, err error) string {
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	for _, p := range r.Partitions {
		fmt.Fprint(&b, p.Problems, len(p.Unknown), ";")
	}
	return b.String()
}

func (c *auditCmd) print(std streams, r schemas.AuditResource, err error) {
	if err != nil {
		fmt.Fprintf(std.err, "parley: nobody can tell: %s\n", err)
		return
	}
	if c.JSON {
		_ = printJSON(std.out, r) // who does not read it any more does not need it
		return
	}
	if c.Watch {
		fmt.Fprintf(std.out, "%s  %s\n", time.Now().UTC().Format(time.RFC3339), verdict(r))
	} else {
		fmt.Fprintln(std.out, auditTable(r).Render())
		fmt.Fprintln(std.out, verdict(r))
	}
	writeProblems(std.out, r)
}

// verdict is the answer in a sentence.
func verdict(r schemas.AuditResource) string {
	switch {
	case !r.OK:
		return "THE BOOKS ARE NOT IN ORDER"
	case !r.Complete:
		return "nothing is known to be wrong, but not everything is known"
	}
	return "the books are in order"
}

// writeProblems says what is wrong, and what is not known, a line each.
func writeProblems(w io.Writer, r schemas.AuditResource) {
	for _, p := range r.Partitions {
		for _, problem := range p.Problems {
			fmt.Fprintf(w, "  partition %d: %s: %s%s\n", p.Partition, problem.Kind, problem.Detail, ranges(problem.Sequences))
		}
		for _, why := range p.Unknown {
			fmt.Fprintf(w, "  partition %d: not known: %s\n", p.Partition, why)
		}
	}
}

// ranges names the sequences that a problem is at.
func ranges(all []schemas.SequenceRange) string {
	if len(all) == 0 {
		return ""
	}
	named := make([]string, len(all))
	for i, r := range all {
		named[i] = strconv.FormatInt(r.From, 10)
		if r.To != r.From {
			named[i] += "-" + strconv.FormatInt(r.To, 10)
		}
	}
	return "; at " + strings.Join(named, ", ")
}

// auditTable has a row for each partition, and their sums.
func auditTable(r schemas.AuditResource) table.Writer {
	t := newTable("partition", "accepted", "final", "open", "resent", "produced", "stored", "checked", "lag", "")
	var sum schemas.PartitionCounts
	var stored, checked int64
	sum.Final, sum.Open = make(map[schemas.CallStatus]int64), make(map[schemas.CallStatus]int64)
	for _, p := range r.Partitions {
		t.AppendRow(table.Row{
			p.Partition, known(p.Accepted), byStatus(p.Final), byStatus(p.Open), known(p.Resent), known(p.Produced), known(p.Stored), known(p.CheckedTo), lag(p.LagSeconds), mark(p),
		})
		sum.Accepted += or0(p.Accepted)
		sum.Resent += or0(p.Resent)
		sum.Produced += or0(p.Produced)
		stored += or0(p.Stored)
		checked += or0(p.CheckedTo)
		for s, n := range p.Final {
			sum.Final[s] += n
		}
		for s, n := range p.Open {
			sum.Open[s] += n
		}
	}
	t.AppendFooter(table.Row{"sum", sum.Accepted, byStatus(sum.Final), byStatus(sum.Open), sum.Resent, sum.Produced, stored, checked, "", ""})
	return t
}

// mark is the state of a partition in a word.
func mark(p schemas.PartitionAudit) string {
	switch {
	case !p.OK:
		return "WRONG"
	case len(p.Unknown) > 0:
		return "?"
	}
	return "ok"
}

func or0(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}

func known(n *int64) string {
	if n == nil {
		return "?"
	}
	return strconv.FormatInt(*n, 10)
}

func lag(seconds *float64) string {
	if seconds == nil {
		return "?"
	}
	return strconv.FormatFloat(*seconds, 'f', 1, 64) + " s"
}

// statuses are those of calls in the order in which they are shown.
func statuses() []schemas.CallStatus {
	return []schemas.CallStatus{
		schemas.OK, schemas.HasErrors, schemas.Error, schemas.NotProcessed, schemas.Rejected, schemas.Cancelled, schemas.Expired,
		schemas.Staged, schemas.Scheduled, schemas.Waiting, schemas.Executing, schemas.Deferred,
	}
}

// byStatus is a sum and, in brackets, what it is made of.
func byStatus(counts map[schemas.CallStatus]int64) string {
	if counts == nil {
		return "?"
	}
	var parts []string
	for _, s := range statuses() {
		if n := counts[s]; n != 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	text := strconv.FormatInt(schemas.Sum(counts), 10)
	if len(parts) > 0 {
		text += " (" + strings.Join(parts, ", ") + ")"
	}
	return text
}
