package schemas

// Reaches reports whether everything that was given at from was given at c, too: whether what lies between them can be asked
// for.
func (c Cursor) Reaches(from Cursor) bool {
	for p := range from.Sequences {
		if from.Sequences[p] > c.Sequence(int32(p)) {
			return false
		}
	}
	part := from.Part
	switch {
	case part == nil || part.Sequence <= c.Sequence(part.Partition):
		return true
	case c.Part == nil:
		return false
	}
	return part.Partition == c.Part.Partition && part.Sequence == c.Part.Sequence && part.Ordinal <= c.Part.Ordinal
}

// Toward is a position between c and end, which reaches c: so many sequences further in the order of extracts, or end if
// that is nearer.
func (c Cursor) Toward(end Cursor, sequences int64) Cursor {
	next := c.Clone()
	for p := range end.Sequences {
		if end.Part != nil && int32(p) > end.Part.Partition {
			return end.Clone() // the call comes before this partition, and a cursor can say that of one alone
		}
		step := min(end.Sequences[p]-next.Sequence(int32(p)), sequences)
		if step > 0 {
			next.Advance(int32(p), next.Sequence(int32(p))+step)
			sequences -= step
		}
		if sequences == 0 {
			break
		}
	}
	if sequences > 0 {
		return end.Clone()
	}
	return next
}
