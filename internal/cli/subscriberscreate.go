package cli

import (
	"context"
	"fmt"

	"parley/schemas"
)

// subscribersCreateCmd makes a subscriber.
type subscribersCreateCmd struct {
	parleyFlags

	Name          string   `arg:"" help:"Its name, for people."`
	Types         []string `required:"" placeholder:"TYPE,..." help:"What comes to its queue, of call.completed, call.failed, conversation.completed and conversation.failed."`
	ObjectTypes   []string `placeholder:"TYPE,..." help:"Of calls only those with an object of such a type. Default: any."`
	MaxBlockCount int      `placeholder:"N" help:"The most transactions of a block. Default: 999."`
	WarnDepth     int64    `placeholder:"N" help:"How many may wait before operators are warned. Default: 100000."`
	FullDepth     int64    `placeholder:"N" help:"How many may wait before they are alarmed; nothing is dropped. Default: 1000000."`
	JSON          bool     `name:"json" help:"Print it as JSON."`
}

// Run makes it.
func (c *subscribersCreateCmd) Run(ctx context.Context, std streams) error {
	parley, err := c.client()
	if err != nil {
		return err
	}
	defer parley.Close()
	s, err := parley.CreateSubscriber(ctx, schemas.Subscriber{
		Name: c.Name, TransactionTypes: c.Types, ObjectTypes: c.ObjectTypes, MaxBlockCount: c.MaxBlockCount, WarnDepth: c.WarnDepth, FullDepth: c.FullDepth,
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(std.out, s)
	}
	fmt.Fprintf(std.out, "subscriber %s (%s) gets what ends from now on: parley dequeue %s\n", s.SubscriberID, s.Name, s.SubscriberID)
	return nil
}
