package relay

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"parley/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What was written behind something that was refused has overtaken it, and is written again; nothing else is.
func TestAgain(t *testing.T) {
	t.Parallel()
	refused := errors.New("refused")
	one := func(name, topic string, partition int32, err error) *passage {
		return &passage{made: &kgo.Record{Topic: topic, Partition: partition}, became: name, err: err}
	}
	var got []string
	for _, p := range again([]*passage{
		one("before", "t", 0, nil), one("refused", "t", 0, refused), one("behind", "t", 0, nil),
		one("elsewhere", "t", 1, nil), one("of another topic", "u", 0, nil), one("refused too", "t", 0, refused),
	}) {
		got = append(got, p.became)
	}
	if want := []string{"refused", "behind", "refused too"}; !slices.Equal(got, want) {
		t.Errorf("written again are %q, want %q", got, want)
	}
}

// The partitions of a member that ends are another's long before its session times out, static or not.
func TestLeaves(t *testing.T) {
	t.Parallel()
	k, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "from"), kfake.SeedTopics(1, "to"))
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	client, err := kgo.NewClient(kgo.SeedBrokers(k.ListenAddrs()...), kgo.ConsumeTopics("to"), kgo.FetchMaxWait(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	start := func(name string) (end func()) {
		r, err := New(Config{
			Kafka: []kgo.Opt{
				kgo.SeedBrokers(k.ListenAddrs()...), kgo.ConsumeTopics("from"), kgo.FetchMaxWait(100 * time.Millisecond),
				kgo.InstanceID(name), kgo.SessionTimeout(4 * time.Minute), kgo.RebalanceTimeout(time.Minute),
			},
			Group: "group", Dead: "dead",
			Make: func(r Record) Made {
				return Made{Record: &kgo.Record{Topic: "to", Value: []byte(name)}, Became: "passed"}
			},
			Count: func(string, string) {},
			Log:   slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		return func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	}
	passedBy := func(name string) {
		t.Helper()
		if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "from", Value: []byte("v")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
		defer cancel()
		fetches := client.PollFetches(ctx)
		if got := fetches.Records(); len(got) != 1 || string(got[0].Value) != name {
			t.Fatalf("passed on by %v, want %s: %v", got, name, fetches.Err())
		}
	}
	for _, name := range []string{"first", "second", "first"} {
		end := start(name)
		passedBy(name)
		end()
	}
}

// counting counts what is logged.
type counting struct {
	slog.Handler

	mu    sync.Mutex
	lines int
}

func (c *counting) Handle(context.Context, slog.Record) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines++
	return nil
}

func (c *counting) Enabled(context.Context, slog.Level) bool { return true }

func (c *counting) logged() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lines
}

// A batch that would fill the memory stops its own partition, and no other.
func TestBatchThatIsTooWellCompressed(t *testing.T) {
	t.Parallel()
	k, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "from"), kfake.SeedTopics(1, "to"))
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	client, err := kgo.NewClient(kgo.SeedBrokers(k.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchMaxBytes(decompressMax+1<<10), kgo.ProducerBatchCompression(kgo.ZstdCompression()), kgo.ConsumeTopics("to"), kgo.FetchMaxWait(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	put := func(partition int32, value string) {
		t.Helper()
		if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "from", Partition: partition, Value: []byte(value)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	log := new(counting)
	r, err := New(Config{
		Kafka: []kgo.Opt{kgo.SeedBrokers(k.ListenAddrs()...), kgo.ConsumeTopics("from"), kgo.FetchMaxWait(100 * time.Millisecond)},
		Group: "group",
		Dead:  "dead",
		Make: func(r Record) Made {
			return Made{Record: &kgo.Record{Topic: "to", Value: r.Value}, Became: "passed"}
		},
		Count: func(string, string) {},
		Log:   slog.New(log),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	put(0, strings.Repeat("x", decompressMax+1))
	put(0, "behind")
	for i := range 20 {
		put(1, "other")
		fetches := client.PollFetches(t.Context())
		if got := fetches.Records(); len(got) != 1 || string(got[0].Value) != "other" {
			t.Fatalf("%d: passed on are %v", i, got)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := log.logged(); n == 0 || n > 20 {
		t.Errorf("%d lines are logged", n)
	}
}

// What fails several times a second is said once a minute, in the words of what fails.
func TestUnreadIsSaidNowAndThen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var said strings.Builder
		u := &unread{log: slog.New(slog.NewTextHandler(&said, nil)), group: "readers", said: make(map[place]time.Time)}
		for range 4 * 90 {
			u.say(place{}, &kgo.ErrGroupSession{Err: errors.New("connection refused")})
			u.say(place{"t", 1}, errors.New("corrupt"))
			<-time.After(time.Second / 4)
		}
		for _, want := range []string{`msg="the group cannot be joined, and nothing is read until it can" group=readers error="connection refused"`, `msg="topic cannot be read" topic=t partition=1 error=corrupt`} {
			if n := strings.Count(said.String(), want); n != 2 {
				t.Errorf("said %d times in 90 s, want 2: %s in %s", n, want, said.String())
			}
		}
	})
}
