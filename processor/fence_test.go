package processor

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/schemas"
)

// Who is not sure to be in the group, as one that stood still and wakes, ends no transaction: its owner may be alive.
func TestTransactionsAreEndedUnderTheLease(t *testing.T) {
	t.Parallel()
	k, l := leased(t)
	other, err := kgo.NewClient(kgo.SeedBrokers(k.ListenAddrs()...), kgo.TransactionalID("group-other"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(other.Close)
	begin := func() {
		t.Helper()
		if err := other.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := other.ProduceSync(t.Context(), &kgo.Record{Topic: "calls", Value: []byte("undecided")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	f := former{
		session: &session{client: l.client, group: "group", txn: "group-us"}, admin: kadm.NewClient(l.client), lease: newLease(l.client, "group"),
		topics: schemas.Topics{State: "calls"}, gained: map[int32]struct{}{0: {}},
	}
	begin()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if ended, err := f.end(ctx); len(ended) > 0 || err == nil {
		t.Errorf("without the lease %q are ended, %v", ended, err)
	}
	if err := other.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
		t.Errorf("a living owner does not commit: %v", err)
	}
	begin()
	f.lease.extend(time.Now(), time.Hour)
	if ended, err := f.end(t.Context()); !slices.Equal(ended, []string{"group-other"}) || err != nil {
		t.Errorf("with the lease %q are ended, %v", ended, err)
	}
	if err := other.EndTransaction(t.Context(), kgo.TryCommit); err == nil {
		t.Error("who was ended commits")
	}
}
