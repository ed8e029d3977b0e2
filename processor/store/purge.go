package store

import (
	"encoding/binary"
	"time"
)

// Purge forgets events of a partition whose results lie before the offset sunk, which is in the record, and which
// happened before a time: polls find them there. It forgets at most limit and returns how many.
func (s *Store) Purge(partition int32, sunk int64, before time.Time, limit int) (int, error) {
	b := s.db.NewBatch()
	defer b.Close()
	w := writer{batch: b, partition: partition}
	n := 0
	err := scan(s.db, garbageKey(partition, 0), garbageKey(partition, sunk), func(k, v []byte) (bool, error) {
		if n == limit || int64(binary.BigEndian.Uint64(v)) >= before.UnixMilli() {
			return false, nil
		}
		n++
		for v = v[8:]; len(v) > 2; {
			size := int(binary.BigEndian.Uint16(v))
			w.put(Change{Key: v[2 : 2+size]})
			v = v[2+size:]
		}
		w.put(Change{Key: k})
		return true, nil
	})
	if err != nil || n == 0 {
		return 0, err
	}
	return n, w.commit()
}
