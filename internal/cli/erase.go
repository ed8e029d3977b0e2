package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"parley/schemas"
)

// eraseCmd erases what is held and recorded of a person.
type eraseCmd struct {
	parleyFlags

	SubscriberKey string `required:"" env:"PARLEY_SUBSCRIBER_KEY" placeholder:"KEY" help:"Whose data: the subscriberKey of the objects. In the environment no other user of the machine sees it."`
	DryRun        bool   `help:"Show what there is, and erase nothing."`
	JSON          bool   `name:"json" help:"Print what Parley answers, as JSON."`
}

// Help is shown by --help.
func (*eraseCmd) Help() string {
	return `Objects of the person in calls that wait, or that failed and are kept, lose everything but type and correlationId, and are not carried out any more; what is recorded of them in ClickHouse loses customerKey and message. A person is the subscriberKey of objects; properties are not looked into. What is being carried out is not touched. Prints what was found, and where something may still be until when. Where access is by keys, it takes one with the scope admin.

  parley erase --account acme --subscriber-key x@example.com --dry-run
  parley erase --account acme --subscriber-key x@example.com

Exit code: 0 when it is erased; 1 when it is not, or not everywhere. To say it again is safe: what has been erased is not found again.`
}

// Validate is called by kong.
func (c *eraseCmd) Validate() error {
	if c.SubscriberKey == "" {
		return errors.New("--subscriber-key is empty; say whose data")
	}
	return nil
}

// Run erases it.
func (c *eraseCmd) Run(ctx context.Context, std streams) error {
	parley, err := c.client()
	if err != nil {
		return err
	}
	defer parley.Close()
	var r schemas.ErasureResource
	err = insist(ctx, func() (err error) {
		r, err = parley.Erase(ctx, schemas.Erasure{Account: c.Account, SubscriberKey: c.SubscriberKey, DryRun: c.DryRun})
		return err
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(std.out).Encode(r)
	}
	writeErasure(std.out, r)
	return nil
}

func writeErasure(w io.Writer, r schemas.ErasureResource) {
	did := "erased"
	if r.DryRun {
		did = "found, and not erased"
	}
	e := r.Erased
	fmt.Fprintf(w, "%s in account %s (subject %s): %d objects of %d open and %d kept calls; in ClickHouse %d results, and the messages of %d calls\n",
		did, r.Account, r.Subject, e.Objects, e.OpenCalls, e.KeptCalls, e.Results, e.CallRows)
	fmt.Fprintln(w, "something may still be in:")
	for _, at := range r.Remains {
		until := "not known"
		if at.Until != nil {
			until = at.Until.UTC().Format(time.RFC3339)
		}
		fmt.Fprintf(w, "  %s, until %s: %s\n", at.Place, until, at.What)
	}
}
