package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"parley/schemas"
)

// routesListCmd shows the routes in force.
type routesListCmd struct {
	parleyFlags

	JSON bool `name:"json" help:"Print them as JSON, one a line."`
}

// Run prints a row per route.
func (c *routesListCmd) Run(ctx context.Context, std streams) error {
	parley, err := c.client()
	if err != nil {
		return err
	}
	defer parley.Close()
	routes, err := parley.Routes(ctx)
	if err != nil {
		return err
	}
	rows := newTable("route", "takes", "goes to", "delivery", "limits per process", "state")
	for _, r := range routes {
		if c.JSON {
			if err := printJSON(std.out, r); err != nil {
				return err
			}
			continue
		}
		rows.AppendRow(table.Row{r.Name, takes(r.Match), goesTo(r.Executor), delivery(r), limits(r), routeState(r)})
	}
	if !c.JSON {
		fmt.Fprintln(std.out, rows.Render())
	}
	return nil
}

// takes is what a route matches, without what matches all.
func takes(m schemas.RouteMatch) string {
	var said []string
	for _, part := range []struct{ name, value string }{{"account", m.Account}, {"method", m.Method}, {"type", m.ObjectType}} {
		if part.value != "*" {
			said = append(said, part.name+" "+part.value)
		}
	}
	if len(said) == 0 {
		return "everything"
	}
	return strings.Join(said, ", ")
}

func goesTo(e schemas.RouteExecutor) string {
	switch {
	case e.Topic == "":
		return e.URL
	case e.ReplyTopic == "":
		return "topic " + e.Topic
	}
	return fmt.Sprintf("topic %s, answers on %s", e.Topic, e.ReplyTopic)
}

func delivery(r schemas.RouteResource) string {
	if r.Idempotent {
		return r.Delivery + ", idempotent"
	}
	return r.Delivery
}

func limits(r schemas.RouteResource) string {
	said := number(r.Concurrency) + " at once"
	if r.RateLimit > 0 {
		said += fmt.Sprintf(", %g a second", r.RateLimit)
	}
	if r.Batch != nil {
		said += fmt.Sprintf(", %d a request", r.Batch.Max)
	}
	return said
}

// routeState is how a route does, as far as the process that answered knows.
func routeState(r schemas.RouteResource) string {
	var said []string
	if m := r.Maintenance; m != nil {
		said = append(said, maintenanceText(*m))
	}
	if l := r.Load; l != nil {
		if l.Circuit != schemas.CircuitClosed {
			said = append(said, "circuit "+string(l.Circuit))
		}
		said = append(said, fmt.Sprintf("%s executing, %s waiting", number(l.Executing), number(l.Waiting)))
	}
	return strings.Join(said, "; ")
}

// maintenanceText says since when, for how long and why a route is in maintenance.
func maintenanceText(m schemas.MaintenanceResource) string {
	said := "in maintenance since " + at(&m.Since)
	if m.Until != nil {
		said += " until " + at(m.Until)
	}
	return fmt.Sprintf("%s: %s (%s)", said, m.Reason, m.By)
}
