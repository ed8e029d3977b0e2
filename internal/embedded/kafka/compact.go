package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
)

// compactor compacts the topics with cleanup.policy=compact, all at once as kfake offers it, when that is
// worth its while and harms nobody.
type compactor struct {
	cluster   *kfake.Cluster
	hook      *produceHook
	admin     *kadm.Client
	kept      keptSegments
	bytesMin  int64
	freeMin   int64
	idleAfter time.Duration
	log       *slog.Logger

	bytesLast int64 // what the topics held after the last compaction; 0 before the first
}

// errCompaction is a compaction whose result did not reach the disk. The segments of before are kept, and
// put back when the broker opens again, so no record may be taken until then.
var errCompaction = errors.New("compacted segments are not on disk")

// run applies the topics' retention, and compacts whenever nobody has produced for a while, until ctx ends.
// It returns errCompaction or nil.
func (c *compactor) run(ctx context.Context) error {
	tick := time.NewTicker(c.idleAfter)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			c.cluster.ApplyRetention()
			if c.hook.idleFor(now) < c.idleAfter {
				continue
			}
			err := c.compact(ctx)
			if errors.Is(err, errCompaction) {
				return err
			}
			if err != nil && ctx.Err() == nil {
				c.log.Warn("compact topics", "error", err)
			}
		}
	}
}

// compact compacts if the topics have grown enough, no transaction has records in them, and there is
// room for both the old and the new segments. No records come in meanwhile.
func (c *compactor) compact(ctx context.Context) error {
	topics, err := c.topics(ctx)
	if err != nil {
		return err
	}
	c.hook.gate.Lock()
	defer c.hook.gate.Unlock()

	found := c.survey(topics)
	if found.open || found.bytes < max(c.bytesMin, 2*c.bytesLast) {
		return nil
	}
	free, err := freeBytes(c.kept.dir)
	if err != nil {
		return err
	}
	if free < found.bytes+max(c.freeMin, 0) {
		c.log.Warn("disk has no room to compact", "free_bytes", free, "topic_bytes", found.bytes)
		return nil
	}
	begun := time.Now()
	if err := c.kept.keep(found.folders); err != nil {
		return err
	}
	c.cluster.Compact()
	after := c.survey(topics)
	err = c.verify(after)
	if err == nil {
		err = c.kept.drop()
	}
	if err != nil {
		c.hook.closing = true
		return fmt.Errorf("%w: %w", errCompaction, err)
	}
	c.bytesLast = after.bytes
	c.log.Info("compacted topics", "bytes_before", found.bytes, "bytes_after", after.bytes, "took", time.Since(begun))
	return nil
}

// topics returns the names of the compacted topics.
func (c *compactor) topics(ctx context.Context) ([]string, error) {
	all, err := c.admin.ListTopics(ctx)
	if err != nil {
		return nil, fmt.Errorf("list topics: %w", err)
	}
	var compacted []string
	for _, name := range all.Names() {
		info := c.cluster.TopicInfo(name)
		if info == nil {
			continue // deleted just now
		}
		if policy := info.Configs["cleanup.policy"]; policy != nil && strings.Contains(*policy, "compact") {
			compacted = append(compacted, name)
		}
	}
	return compacted, nil
}

// survey is what the compacted topics are at one time.
type survey struct {
	bytes   int64
	open    bool // a transaction has records there
	folders []string
	sizes   []int64 // bytes of each folder's partition
}

func (c *compactor) survey(topics []string) survey {
	var s survey
	for _, topic := range topics {
		for _, p := range c.cluster.PartitionInfos(topic) {
			s.open = s.open || p.LastStableOffset < p.HighWatermark
			if p.NumBytes == 0 {
				continue
			}
			s.bytes += p.NumBytes
			s.folders = append(s.folders, fmt.Sprintf("%s-%d", url.PathEscape(topic), p.Partition))
			s.sizes = append(s.sizes, p.NumBytes)
		}
	}
	return s
}

// verify compares the disk with what kfake believes it wrote: it reports a failed write to its log alone.
func (c *compactor) verify(s survey) error {
	for i, folder := range s.folders {
		onDisk, err := segmentBytes(filepath.Join(c.kept.dir, partitionsDir, folder))
		if err != nil {
			return err
		}
		if onDisk < s.sizes[i] { // more is a segment that begins with trimmed records
			return fmt.Errorf("%s has %d bytes on disk, not %d", folder, onDisk, s.sizes[i])
		}
	}
	return nil
}
