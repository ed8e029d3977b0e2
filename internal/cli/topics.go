package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/topics"
)

// topicsCmd looks after the topics.
type topicsCmd struct {
	Plan  topicsPlanCmd  `cmd:"" help:"Show what is to be made or changed so that the topics are as they must be."`
	Apply topicsApplyCmd `cmd:"" help:"Make and change it."`
	ACLs  topicsACLsCmd  `cmd:"" name:"acls" help:"Print what nodes, operators and producers must be allowed to do in Kafka, and no more."`
}

// Help is shown by --help.
func (*topicsCmd) Help() string {
	return `The topics of Parley, those that accounts write to and the queues of subscribers are compared with what they must be: partitions, replicas, settings. What is as it must be is not shown. Nodes that start on topics made by apply need no right to make or alter any.

  parley topics plan --kafka-brokers k1:9092
  parley topics apply --kafka-brokers k1:9092`
}

// topicFlags say what the topics must be. They are settings of serve, too.
type topicFlags struct {
	kafkaFlags

	Partitions       int32 `env:"PARLEY_PARTITIONS" placeholder:"N" help:"Partitions of topics that are made. Default: 8 embedded, else 48."`
	ResultPartitions int32 `env:"PARLEY_RESULT_PARTITIONS" placeholder:"N" help:"Partitions of the results; they divide --partitions. Default: 8."`
	Replication      int16 `env:"PARLEY_REPLICATION" placeholder:"N" help:"Replicas that each partition has at the least. Default: 1 embedded, else 3."`
}

// embedded reports whether the broker is that of parley serve.
func (f *topicFlags) embedded() bool { return len(list(f.Brokers)) == 0 }

func (f *topicFlags) spec() topics.Spec {
	partitions, replication := int32(48), int16(3)
	if f.embedded() {
		partitions, replication = 8, 1
	}
	return topics.Spec{
		Topics:      f.topics(),
		Layout:      topics.Layout{Partitions: cmp.Or(f.Partitions, partitions), ResultPartitions: cmp.Or(f.ResultPartitions, 8)},
		Replication: cmp.Or(f.Replication, replication),
	}
}

// Validate is called by kong.
func (f *topicFlags) Validate() error {
	if err := f.spec().Layout.Validate(); err != nil {
		return fmt.Errorf("PARLEY_PARTITIONS, PARLEY_RESULT_PARTITIONS: %w", err)
	}
	if f.Replication < 0 {
		return fmt.Errorf("PARLEY_REPLICATION is %d; it is positive", f.Replication)
	}
	return nil
}

// planTimeout bounds what is asked of the brokers.
const planTimeout = 30 * time.Second

// planned asks what is to be done, and hands it to use.
func (f *topicFlags) planned(ctx context.Context, stderr io.Writer, use func(context.Context, *kgo.Client, []topics.Step) error) error {
	opts, err := f.reach(ctx, stderr)
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return fmt.Errorf("configure Kafka client: %w", err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, planTimeout)
	defer cancel()
	steps, err := f.spec().Planned(ctx, client)
	if err != nil {
		return err
	}
	return use(ctx, client, steps)
}

// topicsPlanCmd shows what is to be done.
type topicsPlanCmd struct {
	topicFlags

	JSON bool `name:"json" help:"Print the steps as JSON, one a line."`
}

// Help is shown by --help.
func (*topicsPlanCmd) Help() string {
	return `Exit code: 0 when it could be found out, also when something is to be done; 1 when it could not, or when there is something that apply cannot mend.`
}

// Run prints the steps.
func (c *topicsPlanCmd) Run(ctx context.Context, std streams) error {
	return c.planned(ctx, std.err, func(_ context.Context, _ *kgo.Client, steps []topics.Step) error {
		if err := printSteps(std.out, steps, c.JSON); err != nil {
			return err
		}
		return mendable(steps)
	})
}

// mendable is nil when apply mends all that is wrong.
func mendable(steps []topics.Step) error {
	for _, s := range steps {
		if s.Problem != "" {
			return errReported
		}
	}
	return nil
}

// printSteps prints a line for each thing that is to be done.
func printSteps(w io.Writer, steps []topics.Step, json bool) error { //nolint:revive // it is the flag of two verbs
	for _, s := range steps {
		if json {
			if err := printJSON(w, s); err != nil {
				return err
			}
			continue
		}
		writeStep(w, s)
	}
	if len(steps) == 0 && !json {
		fmt.Fprintln(w, "the topics are as they must be")
	}
	return nil
}

func writeStep(w io.Writer, s topics.Step) {
	mark := "~"
	if s.Create {
		mark = "+"
	}
	fmt.Fprintf(w, "%s %s", mark, s.Topic)
	if s.Create {
		fmt.Fprintf(w, "  %d partitions, %d replicas", s.Partitions, s.Replication)
	}
	fmt.Fprintln(w)
	for _, c := range s.Settings {
		if c.Have == "" {
			fmt.Fprintf(w, "    %s: %s\n", c.Name, c.Want)
		} else {
			fmt.Fprintf(w, "    %s: %s → %s\n", c.Name, c.Have, c.Want)
		}
	}
	for _, r := range s.Replicas {
		fmt.Fprintf(w, "    partition %d: replicas %v → %v, with --reassign\n", r.Partition, r.Have, r.Want)
	}
	if s.Problem != "" {
		fmt.Fprintf(w, "    cannot be mended: %s\n", s.Problem)
	}
}

// topicsApplyCmd does what is to be done.
type topicsApplyCmd struct {
	topicFlags

	Reassign bool `help:"Have the brokers make the replicas that are missing, too: it copies the data."`
	JSON     bool `name:"json" help:"Print the steps that were taken as JSON, one a line."`
}

// Help is shown by --help.
func (*topicsApplyCmd) Help() string {
	return `It makes topics that are missing, records how they are divided, and changes settings; with --reassign it has more replicas made. It never adds partitions, and deletes nothing. Done again it changes nothing.

Exit code: 0 when the topics are as they must be, or will be when the brokers have made the replicas; else 1.`
}

// Run takes the steps and prints them.
func (c *topicsApplyCmd) Run(ctx context.Context, std streams) error {
	return c.planned(ctx, std.err, func(ctx context.Context, client *kgo.Client, steps []topics.Step) error {
		err := c.spec().Apply(ctx, client, steps)
		if err == nil && c.Reassign {
			err = topics.Reassign(ctx, client, steps)
		}
		if err == nil && mendable(steps) == nil {
			_, err = topics.Ensure(ctx, client, c.spec()) // records how they are divided, which not every node may do
		}
		if err != nil {
			return err
		}
		if err := printSteps(std.out, steps, c.JSON); err != nil {
			return err
		}
		for _, s := range steps {
			if len(s.Replicas) > 0 && !c.Reassign {
				fmt.Fprintln(std.err, "parley: replicas are missing; --reassign has them made")
				return errReported
			}
		}
		return mendable(steps)
	})
}
