package cli

import (
	"context"
	"fmt"
)

// routesResumeCmd ends the maintenance of a route.
type routesResumeCmd struct {
	parleyFlags

	Name string `arg:"" help:"The route."`
}

// Run ends it.
func (c *routesResumeCmd) Run(ctx context.Context, std streams) error {
	parley, err := c.client()
	if err != nil {
		return err
	}
	defer parley.Close()
	if err := parley.EndMaintenance(ctx, c.Name); err != nil {
		return err
	}
	fmt.Fprintf(std.out, "route %s is not in maintenance\n", c.Name)
	return nil
}
