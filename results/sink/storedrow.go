package sink

// storedRow is a row of the table stored: the events of a partition of the calls, up to a sequence, are in all tables.
type storedRow struct {
	partition int32
	sequence  int64
}

// storedRows are those of the block. Events of a partition come in the order of their sequences.
func (b *block) storedRows() []storedRow {
	rows := make([]storedRow, 0, len(b.reached))
	for partition, sequence := range b.reached {
		rows = append(rows, storedRow{partition, sequence})
	}
	return rows
}

func storedColumns() []column[storedRow] {
	return []column[storedRow]{
		of("partition", func(r *storedRow) int32 { return r.partition }),
		of("sequence", func(r *storedRow) int64 { return r.sequence }),
	}
}
