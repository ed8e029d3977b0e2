package sink

import (
	"maps"
	"sync"
	"time"
)

// positions tells how far a member has come in each partition that it owns. The member writes it after each turn; the
// trimmer and the metrics read it.
type positions struct {
	mu sync.Mutex
	at map[int32]position
}

// position is how far a member has come in a partition.
type position struct {
	// stored is the offset before which all is stored: that of the first event that is read and is not, else end. -1, or 0: it
	// is not known that anything is.
	stored int64
	// end is the offset behind the last record that could be read when something was; zero: nothing was yet.
	end int64
	// oldest is when the first event that is not stored was written. Zero: there is none, or none was read.
	oldest time.Time
}

func (s *positions) update(partitions map[int32]*partition) {
	at := make(map[int32]position, len(partitions))
	for id, p := range partitions {
		at[id] = p.position()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = at
}

// lose forgets a partition that was taken away, as the member may do no turn for long.
func (s *positions) lose(partition int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.at, partition)
}

func (s *positions) all() map[int32]position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.at)
}

// needless tells, by partition, the offset before which the member needs nothing.
func (s *positions) needless() map[int32]int64 {
	before := map[int32]int64{}
	for id, p := range s.all() {
		before[id] = p.stored
	}
	return before
}
