package peer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/testkit"
)

func TestDirectoryIsLookedAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := &group{owners: all("a")}
		slow := make(chan struct{})
		d := newDirectory(func(ctx context.Context) (owners, error) {
			<-slow
			return g.describe(ctx)
		})
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				if got := d.since(t.Context(), time.Now().Add(-ownersAge))[3]; got != "a" {
					t.Errorf("got %q, want a", got)
				}
			})
		}
		synctest.Wait()
		time.Sleep(time.Millisecond) //nolint:forbidigo // the clock of the bubble
		close(slow)
		all.Wait()
		if g.looks != 1 {
			t.Errorf("%d looks, want 1", g.looks)
		}
	})
}

func TestDirectoryKeepsWhatItKnows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := &group{owners: all("a")}
		d := newDirectory(g.describe)
		steps := []struct {
			name   string
			set    func()
			at     time.Duration // how old it may be
			owner  string
			looked bool
		}{
			{"first", func() {}, ownersAge, "a", true},
			{"again", func() { g.set(all("b"), nil) }, ownersAge, "a", false},
			{"after a miss", func() {}, 0, "b", true},
			{"while the group rebalances", func() { g.set(nil, errors.New("rebalance")) }, 0, "b", true},
			{"soon after that", func() {}, ownersAge, "b", false},
		}
		for _, s := range steps {
			time.Sleep(time.Millisecond) //nolint:forbidigo // the clock of the bubble
			s.set()
			before := g.looks
			if got := d.since(t.Context(), time.Now().Add(-s.at-time.Nanosecond))[3]; got != s.owner || (g.looks > before) != s.looked {
				t.Errorf("%s: %q, %d looks, want %q, looked: %t", s.name, got, g.looks-before, s.owner, s.looked)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		d.turn <- struct{}{}
		if got := d.since(ctx, time.Now()); got != nil {
			t.Errorf("got %v of a look that has ended", got)
		}
	})
}

// TestMembersAreFound has members of a real group make their addresses known, and change them.
func TestMembersAreFound(t *testing.T) {
	t.Parallel()
	broker, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, "calls"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	client := newClient(t, broker)
	look := describeGroup(client, "processors", "calls")
	find := func(want map[string]int) {
		t.Helper()
		var got owners
		for deadline := time.Now().Add(testkit.Patience); ; {
			count := make(map[string]int)
			if got, err = look(t.Context()); err == nil {
				for _, address := range got {
					count[address]++
				}
			}
			if maps.Equal(count, want) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("found %v, %v, want %v", got, err, want)
			}
			<-time.After(10 * time.Millisecond)
		}
	}
	if _, err := look(t.Context()); err == nil {
		t.Error("a group that is not there has owners")
	}
	join := func(instance, address string) *kgo.Client {
		m := newClient(t, broker, kgo.ConsumerGroup("processors"), kgo.InstanceID(instance), kgo.ConsumeTopics("calls"), Advertise(address))
		m.PollFetches(contextOf(t, 10*time.Millisecond))
		return m
	}
	a := join("a", "a:1")
	find(map[string]int{"a:1": partitions})
	held := owned(t, look)
	join("b", "b:1")
	find(map[string]int{"a:1": partitions / 2, "b:1": partitions / 2})
	for p, address := range owned(t, look) {
		if address == "a:1" && held[p] != "a:1" {
			t.Errorf("partition %d moved: the balancer does not read what members have", p)
		}
	}
	a.Close() // it stays a member for a while, and comes back at another address
	join("a", "[::1]:2")
	find(map[string]int{"[::1]:2": partitions / 2, "b:1": partitions / 2})
}

func owned(t *testing.T, look func(context.Context) (owners, error)) owners {
	t.Helper()
	o, err := look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func contextOf(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func newClient(t *testing.T, broker *kfake.Cluster, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(append(opts, kgo.SeedBrokers(broker.ListenAddrs()...))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func FuzzAddress(f *testing.F) {
	for _, s := range []string{"", "a:1", "parley@\x00\x07", "\xff\xff", strings.Repeat("x", 300)} {
		f.Add([]byte(s), s)
	}
	f.Fuzz(func(t *testing.T, userData []byte, address string) {
		_ = addressIn(userData)
		if len(address) > 300 {
			address = address[:300]
		}
		if got := addressIn(appendAddress(slices.Clone(userData), address)); got != address {
			t.Errorf("got %q, want %q", got, address)
		}
	})
}

func TestMemberWithoutAddress(t *testing.T) {
	t.Parallel()
	for i, userData := range [][]byte{nil, {0}, {0, 0}, {0, 7}, []byte("parley@a\x00\x09"), []byte("parley#a\x00\x08"), []byte("parley@a\xff\xff")} {
		if got := addressIn(userData); got != "" {
			t.Error(fmt.Sprint(i), "got", got)
		}
	}
}
