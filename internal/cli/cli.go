// Package cli is the command line: one file per verb. It alone reads flags and the environment, and joins the roles
// (package node).
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"
)

// grammar is everything that can be said to the program.
type grammar struct {
	Serve         serveCmd         `cmd:"" help:"Run Parley: take calls, carry them out, record their results."`
	Ready         readyCmd         `cmd:"" help:"Ask a node whether it is ready."`
	Submit        submitCmd        `cmd:"" help:"Send a file of calls, and say what became of them."`
	Status        statusCmd        `cmd:"" help:"Show where a call or a conversation stands."`
	Conversations conversationsCmd `cmd:"" help:"List conversations by status and time."`
	Results       resultsCmd       `cmd:"" help:"Search results, and follow them."`
	Cancel        cancelCmd        `cmd:"" help:"Cancel a conversation of which nothing has been carried out."`
	Resubmit      resubmitCmd      `cmd:"" help:"Run what is unfinished of conversations that failed again."`
	Erase         eraseCmd         `cmd:"" help:"Erase what is held and recorded of a person."`
	SQL           sqlCmd           `cmd:"" name:"sql" help:"Ask ClickHouse, where all results are."`
	Schema        schemaCmd        `cmd:"" help:"Print the statements that make the tables in ClickHouse."`
	Extract       extractCmd       `cmd:"" help:"Write results into a file: csv, jsonl or parquet."`
	Audit         auditCmd         `cmd:"" help:"Prove that every call is accounted for, and every result in ClickHouse, once."`
	Subscribers   subscribersCmd   `cmd:"" help:"Make, show and delete the readers of queues."`
	Dequeue       dequeueCmd       `cmd:"" help:"Take from the queue of a subscriber, and acknowledge."`
	Routes        routesCmd        `cmd:"" help:"Show where calls go, and put routes into maintenance."`
	Keys          keysCmd          `cmd:"" help:"Make, list and end API keys."`
	Accounts      accountsCmd      `cmd:"" help:"Set and show the limits of accounts."`
	Webhooks      webhooksCmd      `cmd:"" help:"Look after what signs the callbacks of an account, and which targets get none."`
	Receive       receiveCmd       `cmd:"" help:"Take callbacks, verify and print them."`
	Inbox         inboxCmd         `cmd:"" help:"Make the topics that accounts write their own calls to."`
	Topics        topicsCmd        `cmd:"" help:"Show what is wrong with the topics, set it right, and say what may be done with them, by whom."`
	Doctor        doctorCmd        `cmd:"" help:"Look at everything that a node stands on, and say what is wrong."`
	Dead          deadCmd          `cmd:"" help:"Look after the records that nothing could be made of."`
	Replay        replayCmd        `cmd:"" help:"Have ClickHouse given the results again that Kafka still has."`
	Demo          demoCmd          `cmd:"" help:"Take a tour: everything in a temporary folder, with sample data."`
	Backend       backendCmd       `cmd:"" help:"Run the demo backend alone."`
	Engine        engineCmd        `cmd:"" hidden:"" help:"Be an embedded engine; serve starts it."`
	Torture       tortureCmd       `cmd:"" hidden:"" help:"Kill and freeze members under load, and check what came of it."`

	Version kong.VersionFlag `help:"Print the version, and exit."`
}

const description = `Parley takes API calls, acknowledges them at once, runs the calls of one conversation in order as soon as all of them have arrived, and brings every result into ClickHouse.

  parley serve                          everything on this machine, data in ./data
  parley submit calls.ndjson --wait     send calls and wait until they have ended
  parley status order-1234              where a conversation stands
  parley conversations --status Staging which conversations wait for parts
  parley results --status Error --from 24h what failed since yesterday
  parley sql "SELECT status, count() FROM results GROUP BY status"
  parley extract -o results.csv         all results as a file
  parley demo                           all of this by itself, in a temporary folder

Each setting is a flag or an environment variable, which the help of the verb names; the flag counts. For a secret the help names a second variable, which names a file that has it.`

// Exit codes.
const (
	exitOK          = 0
	exitFailed      = 1   // it was not done, or not all of it; standard error says why
	exitUsage       = 2   // the command line or a setting cannot be understood
	exitUnknown     = 2   // what was asked for cannot be found out now; standard error says why
	exitInterrupted = 130 // Ctrl-C ended a verb that had not finished, or a second one any verb at once
)

// errReported ends a verb that did not succeed and has said why.
var errReported = errors.New("it was reported")

// streams are where a verb reads and writes. What it was asked for goes to out, all else to err.
type streams struct {
	in  io.Reader
	out io.Writer
	err io.Writer
}

// Main runs the program with its arguments and returns its exit code.
func Main(args []string) int {
	std := streams{in: os.Stdin, out: os.Stdout, err: os.Stderr}
	parser, err := newParser(new(grammar))
	if err != nil {
		panic(fmt.Sprintf("cli: grammar: %v", err)) // our own tags
	}
	if err := checkEnvironment(parser.Model, os.Environ()); err != nil {
		return usage(std.err, err)
	}
	verb, err := parser.Parse(args)
	if err != nil {
		return usage(std.err, err)
	}
	ctx, stop := untilSignal()
	defer stop()
	verb.BindTo(ctx, (*context.Context)(nil))
	return exitCode(ctx, std.err, verb.Run(std))
}

// newParser reads command lines into g.
func newParser(g *grammar) (*kong.Kong, error) {
	return kong.New(g,
		kong.Name("parley"),
		kong.Description(description),
		kong.ConfigureHelp(kong.HelpOptions{NoExpandSubcommands: true, WrapUpperBound: 110, NoAppDescFormat: true}),
		kong.Vars{"version": versionText()},
		kong.Resolvers(kong.ResolverFunc(fromFile)),
		kong.ValueFormatter(helpOf),
	)
}

func usage(w io.Writer, err error) int {
	fmt.Fprintf(w, "parley: %s\nparley --help, or --help after a verb, says what can be said.\n", err)
	return exitUsage
}

// exitCode says what came of a verb, unless it has done so itself.
func exitCode(ctx context.Context, w io.Writer, err error) int {
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errUnknown):
		return exitUnknown
	case errors.Is(err, errReported):
		return exitFailed
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		fmt.Fprintln(w, "parley: interrupted")
		return exitInterrupted
	}
	fmt.Fprintf(w, "parley: %s\n", err)
	return exitFailed
}
