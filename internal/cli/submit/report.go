package submit

import (
	"sync"
	"time"

	"parley/internal/cli/client"
	"parley/schemas"
)

// Report says what was answered to a file of calls.
type Report struct {
	Accepted int
	// Rejected has the calls that were not, by code.
	Rejected map[schemas.Code]Rejections
	// BytesRead is how much of the file that took.
	BytesRead int64
	Took      time.Duration
	// Receipts are those of the accepted calls, if they were kept.
	Receipts []client.Receipt
}

// Rejections are calls that were refused with one code.
type Rejections struct {
	Count int
	// Lines are the first of them, and Detail why the first was refused.
	Lines  []int
	Detail string
}

// linesMax bounds the lines that are named for a code.
const linesMax = 10

// RejectedCount is the number of calls that were refused.
func (r Report) RejectedCount() int {
	n := 0
	for _, rejections := range r.Rejected {
		n += rejections.Count
	}
	return n
}

// sending is a report in the making.
type sending struct {
	cfg    Config
	mu     sync.Mutex
	report Report
}

// add counts what was answered to a batch.
func (s *sending) add(b batch, receipts []client.Receipt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, r := range receipts {
		if r.Accepted() {
			s.report.Accepted++
			if s.cfg.Keep {
				s.report.Receipts = append(s.report.Receipts, r)
			}
			continue
		}
		s.reject(b.lines[i], r)
	}
	s.report.BytesRead = max(s.report.BytesRead, b.read)
	if s.cfg.Progress != nil {
		s.cfg.Progress(s.report)
	}
}

func (s *sending) reject(line int, r client.Receipt) {
	if s.report.Rejected == nil {
		s.report.Rejected = make(map[schemas.Code]Rejections)
	}
	known := s.report.Rejected[r.Code]
	if known.Count++; known.Count == 1 {
		known.Detail = r.Detail
	}
	if len(known.Lines) < linesMax {
		known.Lines = append(known.Lines, line)
	}
	s.report.Rejected[r.Code] = known
}
