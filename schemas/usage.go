package schemas

// AccountUsage is what Parley holds of an account. The zero value is nothing.
type AccountUsage struct {
	// OpenCalls are those that were accepted and have not ended.
	OpenCalls int64 `json:"openCalls"`
	// StagedBytes are those of the calls, as they are kept, of conversations that have not ended. A call that has ended
	// counts as long as its conversation has not.
	StagedBytes int64 `json:"stagedBytes"`
	// KeptBytes are those of the calls that conversations which failed keep for a resubmission. They go by themselves, when
	// the time for which they are kept is over.
	KeptBytes int64 `json:"keptBytes"`
}

// Plus returns the sum of both.
func (u AccountUsage) Plus(v AccountUsage) AccountUsage {
	return AccountUsage{OpenCalls: u.OpenCalls + v.OpenCalls, StagedBytes: u.StagedBytes + v.StagedBytes, KeptBytes: u.KeptBytes + v.KeptBytes}
}

// Minus returns the difference of both.
func (u AccountUsage) Minus(v AccountUsage) AccountUsage {
	return AccountUsage{OpenCalls: u.OpenCalls - v.OpenCalls, StagedBytes: u.StagedBytes - v.StagedBytes, KeptBytes: u.KeptBytes - v.KeptBytes}
}
