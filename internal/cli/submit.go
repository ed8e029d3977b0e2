package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/google/uuid"

	"parley/internal/cli/client"
	"parley/internal/cli/submit"
)

// submitCmd sends a file of calls.
type submitCmd struct {
	parleyFlags

	File        string        `arg:"" help:"File with one call a line (NDJSON); - is standard input."`
	Batch       int           `default:"500" placeholder:"N" help:"Calls per request, from 1 to 10000."`
	Concurrency int           `default:"4" placeholder:"N" help:"Requests at once, from 1 to 64. With 1, calls arrive in the order of the file."`
	Key         string        `placeholder:"TEXT" help:"Begins the Idempotency-Key of the requests. Send a file again with the same key and --batch, and its calls are the same ones, executed once. Default: a random one."`
	RetryFor    time.Duration `default:"1m" placeholder:"DURATION" help:"How long a request is tried again while Parley cannot take it."`
	Wait        bool          `help:"Wait until all calls have ended, and count how."`
	Timeout     time.Duration `default:"10m" placeholder:"DURATION" help:"With --wait: for so long at most. A conversation that is not complete ends by the part timeout of the server."`
}

// Help is shown by --help.
func (*submitCmd) Help() string {
	return `Each line of the file is a call as POST /v1/calls takes it:

  {"method": "Create", "objects": [{"type": "Order", "customerKey": "1"}], "options": {"conversationId": "a", "sequenceCode": 1, "callsInConversation": 2}}

  parley submit deploy/samples/orders.ndjson --wait
  zcat calls.ndjson.gz | parley submit - --account acme

A request that Parley cannot take now is sent again, with the same Idempotency-Key: nothing is executed twice.

Exit code: 0 when all calls were accepted (and, with --wait, have ended, however that was); 1 when any was rejected, was not accepted, or has not ended in time.`
}

const (
	batchMax       = 10_000
	concurrencyMax = 64
)

// Validate is called by kong.
func (c *submitCmd) Validate() error {
	if c.Batch < 1 || c.Batch > batchMax {
		return fmt.Errorf("--batch is %d; it is from 1 to %d", c.Batch, batchMax)
	}
	if c.Concurrency < 1 || c.Concurrency > concurrencyMax {
		return fmt.Errorf("--concurrency is %d; it is from 1 to %d", c.Concurrency, concurrencyMax)
	}
	return nil
}

// Run sends the file, and waits.
func (c *submitCmd) Run(ctx context.Context, std streams) error {
	file, size, err := c.open(std.in)
	if err != nil {
		return err
	}
	defer file.Close()
	parley, err := c.client()
	if err != nil {
		return err
	}
	defer parley.Close()
	key := c.Key
	if key == "" {
		key = uuid.NewString()
	}
	bar := newBar(std.err, "submitting", size, inBytes)
	report, err := submit.Send(ctx, submit.Config{
		Client: parley, BatchCalls: c.Batch, Concurrency: c.Concurrency, Key: key, RetryFor: c.RetryFor, Keep: c.Wait,
		Progress: func(r submit.Report) { bar.set(r.BytesRead) },
	}, file)
	bar.end()
	writeReport(std.out, report)
	if err != nil {
		return fmt.Errorf("submit %s: %w; not all calls were accepted: send the file again with --key %s --batch %d, and those that were are not executed twice", c.File, err, key, c.Batch)
	}
	if c.Wait {
		err = c.wait(ctx, std, parley, report.Receipts)
	}
	if err == nil && report.RejectedCount() > 0 {
		err = errReported
	}
	return err
}

// wait waits for the end of calls.
func (c *submitCmd) wait(ctx context.Context, std streams, parley *client.Client, receipts []client.Receipt) error {
	waiting, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	bar := newBar(std.err, "waiting", int64(len(receipts)), inCalls)
	outcome, err := submit.Wait(waiting, parley, receipts, func(ended int) { bar.set(int64(ended)) })
	bar.end()
	writeOutcome(std.out, outcome)
	switch {
	case len(outcome.Unknown) > 0:
		return fmt.Errorf("%d calls were acknowledged and are not known any more, as %s", len(outcome.Unknown), outcome.Unknown[0])
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
		return fmt.Errorf("%d calls have not ended within %s; parley status shows where one stands, --timeout waits longer", outcome.Open, c.Timeout)
	}
	return err
}

// open returns the file and how long it is; less than zero: that is not known.
func (c *submitCmd) open(stdin io.Reader) (io.ReadCloser, int64, error) {
	if c.File == "-" {
		return io.NopCloser(stdin), -1, nil
	}
	f, err := os.Open(c.File)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a folder; name a file with one call a line", c.File)
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	if !info.Mode().IsRegular() {
		return f, -1, nil
	}
	return f, info.Size(), nil
}
