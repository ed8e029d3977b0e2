package cli

import (
	"context"
	"fmt"
	"time"
)

// readyCmd asks a node whether it is ready: for those who look after containers, in which there is no other program that could.
type readyCmd struct {
	parleyFlags

	Timeout time.Duration `default:"3s" placeholder:"DURATION" help:"How long the answer may take."`
}

// Help is shown by --help.
func (*readyCmd) Help() string {
	return `Prints what /readyz says: a line for each thing that the node relies on.

Exit code: 0 when the node is ready, else 1.`
}

// Validate is called by kong.
func (c *readyCmd) Validate() error {
	if c.Timeout <= 0 {
		return fmt.Errorf("--timeout is %s; it is positive", c.Timeout)
	}
	return nil
}

// Run asks once.
func (c *readyCmd) Run(ctx context.Context, std streams) error {
	parley, err := c.client()
	if err != nil {
		return err
	}
	defer parley.Close()
	said, err := parley.Ready(ctx, c.Timeout)
	fmt.Fprint(std.out, said)
	return err
}
