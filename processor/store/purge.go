package store

import (
	"time"

	"github.com/cockroachdb/pebble/v2"

	"parley/schemas"
)

// Purge forgets events of a partition whose results lie before the offset sunk, which is in the record, and which
// happened before a time: polls find them there. It forgets at most limit and returns how many.
func (s *Store) Purge(partition int32, sunk int64, before time.Time, limit int) (int, error) {
	b := s.db.NewBatch()
	defer b.Close()
	w := writer{batch: b, store: s, partition: partition}
	n := 0
	var last []byte
	err := scan(s.db, garbageKey(partition, 0), garbageKey(partition, sunk), func(k, v []byte) (bool, error) {
		g := decodeGarbage(v)
		if n == limit || g.at.UnixMilli() >= before.UnixMilli() {
			return false, nil
		}
		n++
		kept := g.kept
		last = append(last[:0], k...)
		w.put(Change{Key: kept})
		if kept[2] != kindEnded {
			return true, nil
		}
		return true, w.forgetCalls(s.db, schemas.ConversationKey(kept[prefixLen:]))
	})
	if err != nil || n == 0 {
		return 0, err
	}
	w.deleteRange(garbageKey(partition, 0), behind(last))
	return n, w.commit()
}

// forgetCalls forgets the events of a conversation's parts.
func (w *writer) forgetCalls(r pebble.Reader, key schemas.ConversationKey) error {
	from := appendSized(prefix(w.partition, kindListed), key)
	return scan(r, from, behind(from), func(k, _ []byte) (bool, error) {
		w.put(Change{Key: k})
		w.put(Change{Key: finishedKey(w.partition, schemas.RequestID(k[len(k)-16:]))})
		return true, nil
	})
}
