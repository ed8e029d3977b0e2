package cli

import (
	"context"
	"fmt"
	"time"

	"parley/schemas"
)

// routesMaintenanceCmd puts a route into maintenance.
type routesMaintenanceCmd struct {
	parleyFlags

	Name   string `arg:"" help:"The route."`
	Reason string `required:"" placeholder:"TEXT" help:"Why, for people."`
	Until  ahead  `placeholder:"WHEN" help:"When it ends by itself: a time as 2026-11-22T08:00:00Z, or how long from now, as 2h. Default: with parley routes resume."`
}

// Help is shown by --help.
func (*routesMaintenanceCmd) Help() string {
	return `Every process hears of it within a second. The calls of the route wait, none is dropped, and other routes are not slowed; what is at the backend already goes on. Said again, it changes the reason and the end.`
}

// Run begins it.
func (c *routesMaintenanceCmd) Run(ctx context.Context, std streams) error {
	parley, err := c.client()
	if err != nil {
		return err
	}
	defer parley.Close()
	m, err := parley.BeginMaintenance(ctx, c.Name, schemas.Maintenance{Reason: c.Reason, Until: c.Until.Time})
	if err != nil {
		return err
	}
	fmt.Fprintf(std.out, "route %s: %s\n", m.Route, maintenanceText(m))
	return nil
}

// ahead is a time that is given as such, or as a duration from now.
type ahead struct{ time.Time }

// UnmarshalText reads what was given.
func (a *ahead) UnmarshalText(text []byte) (err error) {
	if d, err := parseSpan(string(text)); err == nil {
		a.Time = time.Now().Add(d)
		return nil
	}
	if a.Time, err = time.Parse(time.RFC3339, string(text)); err != nil {
		return fmt.Errorf("%q is neither a time as 2026-11-22T08:00:00Z nor a duration as 2h or 90d", text)
	}
	return nil
}
