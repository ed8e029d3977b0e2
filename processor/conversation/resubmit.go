package conversation

// resubmitRequested makes another conversation of the parts of one that failed, once. Asked again, it changes nothing;
// ContinuedBy tells who asked which conversation it was.
func (s State) resubmitRequested(in ResubmitRequested) (State, []Effect, error) {
	if s.Kept.From == 0 || s.ContinuedBy != "" {
		return s, nil, nil
	}
	from := s.Kept.From
	if in.IncludeFailed && s.Kept.Failed > 0 {
		from = s.Kept.Failed
	}
	if from > s.Calls {
		return s, nil, nil
	}
	s.ContinuedBy = in.As
	return s, []Effect{Resubmit{As: in.As, From: from}}, nil
}
