package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"parley/internal/account"
)

// accountsSetCmd sets limits of an account.
type accountsSetCmd struct {
	kafkaFlags

	Account     string `arg:"" help:"The account."`
	Rate        string `placeholder:"N" help:"Calls a second that each process takes; none, or default: as for all accounts."`
	Burst       string `placeholder:"N" help:"Calls that may come at once; 0: as many as the rate allows in a second; or default."`
	OpenCalls   string `placeholder:"N" help:"Calls that may be accepted and not have ended; none, or default."`
	StagedBytes string `placeholder:"BYTES" help:"Bytes of calls that have not ended, as 512MiB; none, or default."`
}

// Help is shown by --help.
func (*accountsSetCmd) Help() string { return "What is not named stays as it is." }

// Run sets them.
func (c *accountsSetCmd) Run(ctx context.Context, std streams) error {
	if c.Rate == "" && c.Burst == "" && c.OpenCalls == "" && c.StagedBytes == "" {
		return errors.New("say what to set: --rate, --burst, --open-calls, --staged-bytes")
	}
	agreed, err := c.control(ctx, std)
	if err != nil {
		return err
	}
	defer agreed.Close()
	t, err := c.change(agreed.Terms(c.Account))
	if err != nil {
		return err
	}
	t.By, t.Since = operator(), time.Now().UTC()
	writing, cancel := context.WithTimeout(ctx, controlTimeout)
	defer cancel()
	if err := agreed.PutTerms(writing, t); err != nil {
		return err
	}
	writeTerms(std.out, t)
	return nil
}

// change returns terms with what is to be set.
func (c *accountsSetCmd) change(t account.Terms) (account.Terms, error) {
	err := errors.Join(
		setTerm(&t.Rate, "--rate", c.Rate, func(s string) (float64, error) { return strconv.ParseFloat(s, 64) }),
		setTerm(&t.Burst, "--burst", c.Burst, strconv.Atoi),
		setTerm(&t.OpenCalls, "--open-calls", c.OpenCalls, func(s string) (int64, error) { return strconv.ParseInt(s, 10, 64) }),
		setTerm(&t.StagedBytes, "--staged-bytes", c.StagedBytes, func(s string) (int64, error) {
			var n byteCount
			err := n.UnmarshalText([]byte(s))
			return int64(n), err
		}),
	)
	return t, err
}

// setTerm sets a limit as a flag says; nothing said leaves it as it is.
func setTerm[T any](limit **T, flag, text string, parse func(string) (T, error)) error {
	switch text {
	case "":
		return nil
	case "default":
		*limit = nil
		return nil
	case "none":
		*limit = new(T)
		return nil
	}
	v, err := parse(text)
	if err != nil {
		return fmt.Errorf("%s is %q; give a number, none, or default", flag, text)
	}
	*limit = &v
	return nil
}
