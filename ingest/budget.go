package ingest

import "sync/atomic"

// budget bounds the bytes that requests hold in memory, in sum.
type budget struct {
	max  int64
	used atomic.Int64
}

// lease returns an empty share of the budget with one holder.
func (b *budget) lease() *lease {
	l := &lease{budget: b}
	l.holders.Store(1)
	return l
}

// lease is what one request holds of a budget: its body, until the handler and the last of the records made of it
// have let go.
type lease struct {
	budget  *budget
	bytes   int64
	holders atomic.Int64
}

// grow takes n bytes more; false: the budget has not got them. Only the first holder calls it, before hold.
func (l *lease) grow(n int64) bool {
	if l.budget.used.Add(n) > l.budget.max {
		l.budget.used.Add(-n)
		return false
	}
	l.bytes += n
	return true
}

// take takes n bytes more, also if the budget has not got them: then others get none. Only the first holder calls it,
// before hold.
func (l *lease) take(n int64) {
	l.budget.used.Add(n)
	l.bytes += n
}

// hold adds a holder.
func (l *lease) hold() { l.holders.Add(1) }

// release takes a holder away, and gives the bytes back with the last.
func (l *lease) release() {
	if l.holders.Add(-1) == 0 {
		l.budget.used.Add(-l.bytes)
	}
}
