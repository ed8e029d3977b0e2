package cli

import (
	"errors"
	"fmt"

	"parley/internal/route"
	"parley/schemas"
)

// routesCheckCmd checks a file of routes.
type routesCheckCmd struct {
	File        string `arg:"" help:"A YAML file, as PARLEY_ROUTES names one."`
	TopicPrefix string `default:"parley" env:"PARLEY_TOPIC_PREFIX" placeholder:"PREFIX" help:"Begins the names of Parley's own topics, which no route may write to."`
}

// Help is shown by --help.
func (*routesCheckCmd) Help() string {
	return `Exit code: 0 when serve would take the file; else 1, with everything that is wrong with it, a line each.`
}

// Run says what is wrong with the file, or how many routes it has.
func (c *routesCheckCmd) Run(std streams) error {
	table, err := route.Load(c.File)
	if err == nil {
		err = table.Apart(schemas.TopicsOf(c.TopicPrefix))
	}
	if e, ok := errors.AsType[*route.Error](err); ok {
		for _, problem := range e.Problems {
			fmt.Fprintf(std.err, "%s: %s\n", c.File, problem)
		}
		return errReported
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(std.out, "%s: %d routes, nothing wrong\n", c.File, len(table.Routes()))
	return nil
}
