package cli

import (
	"errors"

	"parley/internal/embedded"
)

// engineCmd is a process that serve starts for each engine of its own. See package embedded.
type engineCmd struct {
	logFlags

	Name string `arg:"" enum:"kafka,clickhouse" help:"The engine: kafka or clickhouse."`
}

// Run is the engine until standard input ends.
func (c *engineCmd) Run(std streams) error {
	err := embedded.RunChild(c.Name, std.in, std.out, c.logger(std.err))
	if errors.Is(err, embedded.ErrReported) {
		return errReported
	}
	return err
}
