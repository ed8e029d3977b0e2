package processor

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"parley/processor/store"
)

// stopped are the partitions that this process leaves alone, because a record of their state cannot be read: going on
// without it could lose a call, or repeat one. Their calls wait in the log, and their polls are answered as those of a
// partition without an owner. They stay stopped until the process ends, also when they come and go meanwhile: each try would
// cost the other partitions a restart of the loop, in every process in turn.
type stopped struct {
	log *slog.Logger
	mu  sync.Mutex // several partitions are caught up at once
	ids map[int32]struct{}
}

func newStopped(log *slog.Logger) *stopped { return &stopped{log: log, ids: make(map[int32]struct{})} }

// by stops the partition whose record an error names, and says so. false: it names none.
func (s *stopped) by(err error) bool {
	damage, ok := errors.AsType[*store.FormatError](err)
	if !ok {
		return false
	}
	id := damage.Partition()
	s.mu.Lock()
	_, known := s.ids[id]
	s.ids[id] = struct{}{}
	s.mu.Unlock()
	if !known {
		s.log.Error("partition stopped: a record of its state cannot be read; its calls wait, the other partitions go on",
			"partition", id, "error", err, "remedy", "see docs/operations.md, ParleyPartitionStopped")
	}
	return true
}

func (s *stopped) has(id int32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.ids[id]
	return ok
}

// all are the partitions that are stopped, in order.
func (s *stopped) all() []int32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.ids))
}

// split tells the partitions that may be worked on from those that are stopped.
func (s *stopped) split(given map[int32]struct{}) (sound map[int32]struct{}, left []int32) {
	sound = make(map[int32]struct{}, len(given))
	for id := range given {
		if s.has(id) {
			left = append(left, id)
		} else {
			sound[id] = struct{}{}
		}
	}
	return sound, left
}

// Stopped says which partitions this process leaves alone because a record of their state cannot be read; nil: none. Their
// calls wait until it is mended and the process starts again.
func (p *Processor) Stopped() error {
	ids := p.stopped.all()
	if len(ids) == 0 {
		return nil
	}
	return fmt.Errorf("stopped, as a record of their state cannot be read: %v", ids)
}
