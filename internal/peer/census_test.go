package peer

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"parley/schemas"
)

// conversations are those of a partition, accepted so many milliseconds after the epoch.
func conversations(at ...int64) []schemas.ConversationResource {
	var out []schemas.ConversationResource
	for _, ms := range at {
		out = append(out, schemas.ConversationResource{ConversationID: fmt.Sprint(ms), AcceptedAt: schemas.TimeOf(ms)})
	}
	return out
}

func ids(rs []schemas.ConversationResource) []string {
	var out []string
	for _, r := range rs {
		out = append(out, r.ConversationID)
	}
	return out
}

// Every partition is told of once, whoever owns it, also when some that are asked own less than they are asked for.
func TestCensusAsksEveryOwner(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ours, a, b := owner(nil, 0, 1), owner(nil, 2, 3, 4), owner(nil, 5, 6, 7)
		for p := range int32(partitions) {
			for _, o := range []*fakeOwner{ours, a, b} {
				if slices.Contains(o.owned, p) {
					o.usage = insert(o.usage, p, map[string]schemas.AccountUsage{"acme": {OpenCalls: 1 << p, StagedBytes: 1000 << p, KeptBytes: 3}, "other": {OpenCalls: 7}})
					o.listed = insert(o.listed, p, conversations(int64(100+p), int64(200-p)))
				}
			}
		}
		n := newNetwork()
		n.put("a", handler(t, a))
		n.put("b", handler(t, b))
		stale := owners{2: "a", 3: "a", 4: "b", 5: "b", 6: "b", 7: "b"} // 4 has moved from b to a
		g := &group{owners: stale}
		l := newLive(t, ours, n, g)
		l.directory.since(t.Context(), time.Now()) // looks
		g.set(owners{2: "a", 3: "a", 4: "a", 5: "b", 6: "b", 7: "b"}, nil)

		got, err := l.Usage(t.Context(), []string{"acme", "nobody"})
		if want := (schemas.AccountUsage{OpenCalls: 255, StagedBytes: 255_000, KeptBytes: 24}); err != nil || got["acme"] != want || got["nobody"] != (schemas.AccountUsage{}) || len(got) > 2 {
			t.Errorf("usage is %v, %v, want %v", got, err, want)
		}
		for _, c := range []struct {
			q    schemas.ConversationsQuery
			want []string
		}{
			{schemas.ConversationsQuery{Account: "acme", Limit: 3}, []string{"100", "101", "102"}},
			{schemas.ConversationsQuery{Account: "acme", Limit: 100, From: time.UnixMilli(106), To: time.UnixMilli(196)}, []string{"106", "107", "193", "194", "195"}},
			{schemas.ConversationsQuery{Account: "acme", Limit: 100, After: &schemas.ConversationPlace{AcceptedAt: time.UnixMilli(198).UTC(), ID: "198"}}, []string{"199", "200"}},
		} {
			listed, err := l.Conversations(t.Context(), c.q)
			if err != nil || !slices.Equal(ids(listed), c.want) {
				t.Errorf("%+v lists %v, %v, want %v", c.q, ids(listed), err, c.want)
			}
		}
	})
}

func insert[V any](m map[int32]V, p int32, v V) map[int32]V {
	if m == nil {
		m = make(map[int32]V)
	}
	m[p] = v
	return m
}

// When one owner does not tell, nothing is told.
func TestCensusIsWholeOrNot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ours, a := owner(nil, 0, 1, 2, 3), owner(nil, 4, 5, 6, 7)
		n := newNetwork()
		n.put("a", handler(t, a))
		g := &group{owners: owners{4: "a", 5: "a", 6: "a", 7: "a"}}
		l := newLive(t, ours, n, g)
		ask := func() (error, error) {
			_, usage := l.Usage(t.Context(), []string{"acme"})
			_, list := l.Conversations(t.Context(), schemas.ConversationsQuery{Account: "acme", Limit: 1})
			return usage, list
		}
		if usage, list := ask(); usage != nil || list != nil {
			t.Fatalf("got %v and %v, want none", usage, list)
		}
		for _, c := range []struct {
			name string
			set  func()
		}{
			{"one cannot tell", func() { a.change(func(f *fakeOwner) { f.err = schemas.ErrUnavailable }) }},
			{"one does not own what it should", func() { a.change(func(f *fakeOwner) { f.err, f.owned = nil, []int32{4, 5} }) }},
			{"nobody owns a partition", func() {
				a.change(func(f *fakeOwner) { f.owned = []int32{4, 5, 6, 7} })
				g.set(owners{4: "a", 5: "a", 6: "a"}, nil)
			}},
			{"one is not there", func() { g.set(owners{4: "a", 5: "a", 6: "a", 7: "gone"}, nil) }},
		} {
			c.set()
			time.Sleep(ownersAge) //nolint:forbidigo // the clock of the bubble
			if usage, list := ask(); !errors.Is(usage, schemas.ErrUnavailable) || !errors.Is(list, schemas.ErrUnavailable) {
				t.Errorf("%s: got %v and %v, want ErrUnavailable", c.name, usage, list)
			}
		}
	})
}

// An audit tells of the partitions whose owners tell, each once, and that it is not all.
func TestAuditTellsWhatIsKnown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ours, a, b := owner(nil, 0, 1), owner(nil, 2, 3, 4), owner(nil, 5, 6)
		n := newNetwork()
		n.put("a", handler(t, a))
		n.put("b", handler(t, b))
		g := &group{owners: owners{2: "a", 3: "a", 4: "b", 5: "b", 6: "b"}} // 4 has moved; nobody owns 7
		l := newLive(t, ours, n, g)
		l.directory.since(t.Context(), time.Now()) // looks
		g.set(owners{2: "a", 3: "a", 4: "a", 5: "b", 6: "b"}, nil)
		stored := map[int32]int64{0: 10, 4: 14, 6: 16}
		got, err := l.Audit(t.Context(), stored)
		if !errors.Is(err, schemas.ErrUnavailable) {
			t.Errorf("got %v, want ErrUnavailable", err)
		}
		slices.SortFunc(got, func(a, b schemas.PartitionCounts) int { return int(a.Partition - b.Partition) })
		for i, c := range got {
			if c.Partition != int32(i) || c.Produced != stored[c.Partition]+1 || c.Final[schemas.OK] != stored[c.Partition] {
				t.Errorf("told %+v in place %d", c, i)
			}
		}
		if len(got) != 7 {
			t.Errorf("%d partitions are told of, want 7", len(got))
		}
		b.change(func(f *fakeOwner) { f.owned = append(f.owned, 7) })
		g.set(owners{2: "a", 3: "a", 4: "a", 5: "b", 6: "b", 7: "b"}, nil)
		if got, err := l.Audit(t.Context(), nil); err != nil || len(got) != partitions {
			t.Errorf("%d partitions are told of, %v", len(got), err)
		}
	})
}

// An owner that is missing for a moment, as while the group rebalances, is waited for by a list, which a person reads, and
// not by a question for usage, which is asked all the time.
func TestCensusWaitsForOwners(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ours := owner(nil, 0, 1, 2, 3, 4, 5, 6)
		ours.listed = insert(nil, 7, conversations(1))
		l := newLive(t, ours, newNetwork(), &group{owners: owners{}})
		time.AfterFunc(time.Second, func() { ours.change(func(f *fakeOwner) { f.owned = append(f.owned, 7) }) })
		began := time.Now()
		if _, err := l.Usage(t.Context(), []string{"acme"}); !errors.Is(err, schemas.ErrUnavailable) || time.Since(began) > 100*time.Millisecond {
			t.Errorf("usage: %v after %s", err, time.Since(began))
		}
		if listed, err := l.Conversations(t.Context(), schemas.ConversationsQuery{Account: "acme", Limit: 10}); err != nil || len(listed) != 1 {
			t.Errorf("listed %v, %v", listed, err)
		}
	})
}

// However many accounts are asked about, each question fits.
func TestUsageOfManyAccounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := owner(nil, slices.Collect(maps.Keys(all("a")))...)
		var accounts []string
		for i := range 3*accountsMax + 1 {
			accounts = append(accounts, fmt.Sprintf("%064d", i))
			for p := range o.owned {
				o.usage = insert(o.usage, int32(p), map[string]schemas.AccountUsage{})
			}
		}
		for _, a := range accounts {
			o.usage[5][a] = schemas.AccountUsage{OpenCalls: 1}
		}
		n := newNetwork()
		n.put("a", handler(t, o))
		got, err := newLive(t, nobody{}, n, &group{owners: all("a")}).Usage(t.Context(), accounts)
		if err != nil || len(got) != len(accounts) || got[accounts[len(accounts)-1]].OpenCalls != 1 || n.asked("a") != 4 {
			t.Errorf("%d of %d accounts in %d questions, %v", len(got), len(accounts), n.asked("a"), err)
		}
	})
}

// An erasure is told of by the owner of each partition.
func TestErasuresAreToldByAllOwners(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ours, a := owner(nil, 0, 1), owner(nil, 2, 3, 4, 5, 6)
		n := newNetwork()
		n.put("a", handler(t, a))
		l := newLive(t, ours, n, &group{owners: owners{2: "a", 3: "a", 4: "a", 5: "a", 6: "a"}})
		var q schemas.ErasureQuery
		for p := range int32(partitions) {
			q.Commands = append(q.Commands, schemas.Position{Partition: p, Offset: 100 + int64(p)})
		}
		if got, err := l.Erasures(t.Context(), q); !errors.Is(err, schemas.ErrUnavailable) || len(got) > partitions-1 {
			t.Errorf("without an owner of one: %+v, %v", got, err)
		}
		ours.change(func(f *fakeOwner) { f.owned = append(f.owned, 7) })
		got, err := l.Erasures(t.Context(), q)
		if err != nil || len(got) != partitions {
			t.Fatalf("told %+v, %v", got, err)
		}
		for _, e := range got {
			if !e.Ended || e.Objects != 100+int64(e.Partition) {
				t.Errorf("told %+v", e)
			}
		}
	})
}
