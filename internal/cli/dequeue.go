package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"parley/internal/cli/client"
	"parley/internal/pause"
	"parley/schemas"
)

// dequeueCmd drains a queue.
type dequeueCmd struct {
	parleyFlags

	ID          schemas.SubscriberID `arg:"" help:"The number of the subscriber."`
	Count       int                  `default:"100" placeholder:"N" help:"The most transactions of a block; up to 999."`
	Acknowledge int64                `placeholder:"ID" help:"Acknowledge everything up to this transaction first: it never comes again."`
	All         bool                 `help:"Go on, block by block, until the queue is empty, and acknowledge what was printed."`
	Follow      bool                 `help:"As --all, and go on with what comes later, until Ctrl-C."`
	Every       time.Duration        `default:"1s" placeholder:"DURATION" help:"With --follow, how long to wait when the queue was empty."`
}

// Help is shown by --help.
func (*dequeueCmd) Help() string {
	return `The transactions are printed as JSON, a line each. Those of a block that is not acknowledged come again.

  parley dequeue 1                       look at the first block
  parley dequeue 1 --acknowledge 87241   it was dealt with: show what follows
  parley dequeue 1 --count 0 --acknowledge 87241
  parley dequeue 1 --follow | worker     each block is acknowledged when it was written to the pipe`
}

// Validate is called by kong.
func (c *dequeueCmd) Validate() error {
	if c.Every <= 0 {
		return fmt.Errorf("--every is %s; it is positive", c.Every)
	}
	if c.Count == 0 && (c.All || c.Follow) {
		return errors.New("--count is 0, and blocks of none never end")
	}
	return nil
}

// Run prints blocks.
func (c *dequeueCmd) Run(ctx context.Context, std streams) error {
	parley, err := c.client()
	if err != nil {
		return err
	}
	defer parley.Close()
	last := c.Acknowledge
	for {
		b, err := c.block(ctx, parley, last)
		if err != nil {
			return err
		}
		for _, t := range b.Transactions {
			if _, err := fmt.Fprintf(std.out, "%s\n", t); err != nil {
				return fmt.Errorf("print transaction: %w; its block is not acknowledged", err)
			}
		}
		last = b.LastTransactionID
		switch {
		case !c.All && !c.Follow:
			if b.Count > 0 {
				fmt.Fprintf(std.err, "%d transactions; acknowledge them with --acknowledge %d\n", b.Count, last)
			}
			return nil
		case b.Count > 0:
		case !c.Follow:
			return nil
		default:
			if err := pause.For(ctx, c.Every); err != nil {
				return err
			}
		}
	}
}

// block asks until somebody can tell: nothing is lost when it is asked again.
func (c *dequeueCmd) block(ctx context.Context, parley *client.Client, last int64) (b schemas.TransactionBlock, _ error) {
	err := client.Insist(ctx, client.Patience{For: silenceMax, Unreached: c.Follow}, func() (err error) {
		b, err = parley.Dequeue(ctx, c.ID, schemas.Dequeue{BlockCount: c.Count, TransactionID: last})
		return err
	})
	return b, err
}
