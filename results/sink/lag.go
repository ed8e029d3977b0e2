package sink

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/schemas"
)

// lags shows how far ClickHouse is behind the log, for all partitions, whoever owns them. What this process owns it knows
// from its member; of all else, and of what was appended since the member has read, Kafka is asked now and then. Before
// the first answer nothing is shown, rather than nothing that waits.
type lags struct {
	events, seconds *prometheus.Desc

	mu sync.Mutex
	// own are the positions of the member that works.
	own *positions
	// told is what Kafka has said last, by partition.
	told map[int32]told
}

// told is what Kafka says of a partition.
type told struct {
	// stored is the group's offset, and end the offset behind the last record that can be read.
	stored, end int64
	// first is the first event from stored on, asked for while no member of this process has read it. Zero: there is none.
	first first
}

// first is the place and the time of an event.
type first struct {
	offset int64
	at     time.Time
}

func newLags() *lags {
	labels := []string{"partition"}
	return &lags{
		events: prometheus.NewDesc("parley_sink_lag_events",
			"Events of parley.results that are not stored, as offsets: the end of a transaction takes one, too. All partitions, whoever has them: take the maximum of the processes.", labels, nil),
		seconds: prometheus.NewDesc("parley_sink_lag_seconds",
			"Age of the oldest event of parley.results that is not stored; 0 when there is none. All partitions, as in parley_sink_lag_events.", labels, nil),
		own: &positions{},
	}
}

// begin returns the positions of another member, which is now the one that works.
func (l *lags) begin() *positions {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.own = &positions{}
	return l.own
}

// owned are the positions of the member that works.
func (l *lags) owned() map[int32]position {
	l.mu.Lock()
	own := l.own
	l.mu.Unlock()
	return own.all()
}

// Describe is of prometheus.Collector.
func (l *lags) Describe(to chan<- *prometheus.Desc) {
	to <- l.events
	to <- l.seconds
}

// Collect is of prometheus.Collector.
func (l *lags) Collect(to chan<- prometheus.Metric) {
	own := l.owned()
	l.mu.Lock()
	told := maps.Clone(l.told)
	l.mu.Unlock()
	now := time.Now()
	for id, t := range told {
		events, oldest := behind(own[id], t)
		seconds := 0.0
		if events > 0 && !oldest.IsZero() {
			seconds = max(0, now.Sub(oldest).Seconds())
		}
		label := strconv.Itoa(int(id))
		to <- prometheus.MustNewConstMetric(l.events, prometheus.GaugeValue, float64(events), label)
		to <- prometheus.MustNewConstMetric(l.seconds, prometheus.GaugeValue, seconds, label)
	}
}

// behind is how many offsets are not stored, and since when the first of them waits. A member that has read something knows
// better than the group.
func behind(own position, t told) (events int64, oldest time.Time) {
	end := max(own.end, t.end)
	switch {
	case !own.oldest.IsZero():
		return end - own.stored, own.oldest
	case own.end > 0: // all that was read is stored, and what has come since is on its way
		return max(0, end-own.end), time.Time{}
	case t.first.at.IsZero():
		return 0, time.Time{}
	default:
		return end - t.first.offset, t.first.at
	}
}

const (
	// lagEvery is the time between two questions.
	lagEvery = 5 * time.Second
	// lagTimeout bounds one.
	lagTimeout = 10 * time.Second
)

// watchLag asks Kafka how far the group is behind, until the function that it returns is called. It works beside the turns.
func (m *member) watchLag() (stop func()) {
	w := lagWatch{admin: kadm.NewClient(m.client), reader: m.cfg.Client, topics: m.cfg.Topics, group: m.cfg.Group, lags: m.metrics.lags}
	ctx, cancel := context.WithCancel(context.Background())
	var watcher sync.WaitGroup
	watcher.Go(func() {
		every := time.NewTicker(lagEvery)
		defer every.Stop()
		for {
			if err := w.ask(ctx); err != nil && ctx.Err() == nil {
				m.log.Debug("lag of the sink is not known", "error", err)
			}
			select {
			case <-ctx.Done():
				return
			case <-every.C:
			}
		}
	})
	return func() {
		cancel()
		watcher.Wait()
	}
}

// lagWatch asks Kafka how far a group is behind.
type lagWatch struct {
	admin *kadm.Client
	// reader are the options of the client that reads the first event that waits.
	reader []kgo.Opt
	topics schemas.Topics
	group  string
	lags   *lags
}

// ask is one question.
func (w *lagWatch) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lagTimeout)
	defer cancel()
	now, err := w.standing(ctx)
	if err != nil {
		return err
	}
	own := w.lags.owned()
	w.lags.mu.Lock()
	before := w.lags.told
	w.lags.mu.Unlock()
	unread := map[int32]told{}
	for id, t := range now {
		switch old := before[id]; {
		case t.stored >= t.end, own[id].end > 0: // nothing waits, or the member knows
		case old.stored == t.stored && (old.end == t.end || !old.first.at.IsZero()):
			t.first = old.first // it is still the first
			now[id] = t
		default:
			unread[id] = t
		}
	}
	if err := w.readFirst(ctx, unread); err != nil {
		return err
	}
	maps.Copy(now, unread)
	w.lags.mu.Lock()
	defer w.lags.mu.Unlock()
	w.lags.told = now
	return nil
}

// standing asks for the offsets of all partitions.
func (w *lagWatch) standing(ctx context.Context) (map[int32]told, error) {
	topic := w.topics.Results
	committed, err := w.admin.FetchOffsets(ctx, w.group)
	if err == nil {
		err = committed.Error()
	}
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) { // without it nothing was stored yet
		return nil, fmt.Errorf("fetch offsets of group %s: %w", w.group, err)
	}
	starts, err := w.admin.ListStartOffsets(ctx, topic)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("list start of %s: %w", topic, err)
	}
	ends, err := w.admin.ListCommittedOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("list end of %s: %w", topic, err)
	}
	standing := map[int32]told{}
	ends.Each(func(end kadm.ListedOffset) {
		start, _ := starts.Lookup(topic, end.Partition)
		t := told{stored: start.Offset, end: end.Offset}
		if o, ok := committed.Lookup(topic, end.Partition); ok {
			t.stored = max(t.stored, o.At)
		}
		standing[end.Partition] = t
	})
	return standing, nil
}

// readFirst sets the first event of each of the partitions. A partition may have none: then only ends of transactions, or
// what was aborted, are behind what is stored.
func (w *lagWatch) readFirst(ctx context.Context, partitions map[int32]told) error {
	if len(partitions) == 0 {
		return nil
	}
	at, left := map[int32]kgo.Offset{}, map[int32]bool{}
	for id, t := range partitions {
		at[id], left[id] = kgo.NewOffset().At(t.stored), true
	}
	client, err := kgo.NewClient(append(slices.Clip(w.reader),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{w.topics.Results: at}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // they show that a partition was read to its end
		kgo.FetchMaxPartitionBytes(1),
	)...)
	if err != nil {
		return fmt.Errorf("open Kafka client: %w", err)
	}
	defer client.Close()
	for len(left) > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return fmt.Errorf("read %s: %w", w.topics.Results, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			t := partitions[r.Partition]
			if !left[r.Partition] {
				return
			}
			if !r.Attrs.IsControl() {
				t.first = first{r.Offset, r.Timestamp}
				partitions[r.Partition] = t
			}
			if !r.Attrs.IsControl() || r.Offset+1 >= t.end {
				delete(left, r.Partition)
				client.PauseFetchPartitions(map[string][]int32{w.topics.Results: {r.Partition}})
			}
		})
	}
	return nil
}
