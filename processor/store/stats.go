package store

import "math"

// Stats are how Pebble does.
type Stats struct {
	// DiskBytes is what the store takes on disk, ReadAmplification how many tables a read may have to look at, DebtBytes
	// what is still to be compacted.
	DiskBytes, ReadAmplification, DebtBytes float64
	// FreeBytes is how much more the disk can take; NaN: nobody knows.
	FreeBytes float64
}

// Stats returns how the store does. It may be called from any goroutine while the store is open.
func (s *Store) Stats() Stats {
	m := s.db.Metrics()
	free := math.NaN()
	if d, err := s.fs.GetDiskUsage(s.dir); err == nil { // a file system in memory does not know
		free = float64(d.AvailBytes)
	}
	return Stats{
		DiskBytes:         float64(m.DiskSpaceUsage()),
		ReadAmplification: float64(m.ReadAmp()),
		DebtBytes:         float64(m.Compact.EstimatedDebt),
		FreeBytes:         free,
	}
}
