package cli

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"parley/internal/cli/torture"
)

// tortureCmd is a trial by fire.
type tortureCmd struct {
	Load    time.Duration `default:"20s" placeholder:"DURATION" help:"How long calls are sent."`
	Drain   time.Duration `default:"2m" placeholder:"DURATION" help:"How long the end of everything is waited for at the most."`
	Rate    float64       `default:"150" placeholder:"NUMBER" help:"Calls a second."`
	Session time.Duration `default:"6s" placeholder:"DURATION" help:"The session timeout of the members; brokers usually want at least 6s."`
	Seed    uint64        `placeholder:"NUMBER" help:"What is sent and what is done follows from it. Default: another each time."`
	Brokers []string      `sep:"," placeholder:"HOST:PORT,..." help:"Kafka cluster. Default: an embedded broker."`
	ChdbLib string        `env:"PARLEY_CHDB_LIB" placeholder:"FILE" help:"The ClickHouse engine. Default: where make build puts it."`
	Keep    bool          `help:"Leave the folder with the logs behind."`
}

// Help is shown by --help.
func (*tortureCmd) Help() string {
	return `Starts three members of one Parley, a broker, ClickHouse, a backend and receivers of callbacks in a temporary folder, sends conversations of every kind, and meanwhile kills, freezes and stops members and the backend at random. Then it compares what was acknowledged, what the backends saw, what came by callbacks and from the queues of subscribers, and what ClickHouse shows.

Exit code: 0 when every check held, else 1. The same --seed does the same again, at the same times; what it meets then is another matter.`
}

// Run tortures.
func (c *tortureCmd) Run(ctx context.Context, std streams) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("locate this program: %w", err)
	}
	if c.Seed == 0 {
		c.Seed = rand.Uint64N(1_000_000) + 1
	}
	report, err := torture.Run(ctx, torture.Config{
		Name:    fmt.Sprintf("at random, seed %d", c.Seed),
		Program: self, Library: c.ChdbLib, Brokers: c.Brokers, Seed: c.Seed, Load: c.Load, Drain: c.Drain, Rate: c.Rate,
		Session: c.Session, Keep: c.Keep, Out: std.out,
	})
	if err != nil && !errors.Is(err, torture.ErrFailed) {
		return err
	}
	fmt.Fprintln(std.out)
	return errors.Join(err, torture.WriteTable(std.out, []torture.Report{report}))
}
