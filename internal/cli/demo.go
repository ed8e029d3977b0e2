package cli

import (
	"context"
	"fmt"
	"os"

	"parley/internal/cli/tour"
)

// demoCmd is the tour.
type demoCmd struct {
	Kill bool `help:"Kill the server with kill -9 in the middle, and start it again."`
}

// Help is shown by --help.
func (*demoCmd) Help() string {
	return `Starts Parley in a temporary folder on free ports, submits the sample data (the bytes of deploy/samples/orders.ndjson: an order is created, confirmed, paid, shipped; parts come in any order, some twice, some never, some fail), waits for all of it, shows what became of it with two SQL reports, and checks its own numbers: nothing lost, nothing twice, everything in order.

Exit code: 0 when every check held, else 1.`
}

// Run takes the tour.
func (c *demoCmd) Run(ctx context.Context, std streams) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("locate this program: %w", err)
	}
	var shown bar
	var step string
	err = tour.Run(ctx, tour.Config{
		Program: self,
		Kill:    c.Kill,
		Out:     std.out,
		Progress: func(now string, done, total int) {
			if now != step {
				shown.end()
				step, shown = now, newBar(std.err, now, int64(total), inCalls)
			}
			shown.set(int64(done))
		},
		Table: answerTable,
	})
	shown.end()
	if err == nil {
		fmt.Fprintln(std.out, "\nNothing was lost, nothing was done twice, everything was in order.")
	}
	return err
}
