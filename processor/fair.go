package processor

import (
	"container/heap"
	"slices"
	"time"

	"parley/schemas"
)

const (
	// agedEvery and agedAfter: each eighth place goes to whoever has waited longest, once that is more than ten seconds,
	// so that what is of low priority comes up at last.
	agedEvery = 8
	agedAfter = 10 * time.Second
)

// fair is the order in which the attempts that wait for a route get its places: strictly by priority; inside a priority
// the accounts take turns, a call each (deficit round robin with calls as its measure: it is in calls that a route is
// bounded, and to count objects every payload would have to be read first); inside an account by when their
// conversations became ready. The zero value is empty.
type fair struct {
	lanes map[laneKey]*lane
	// turns are, per priority from the highest, the lanes in the order of their turns; some may have run empty.
	turns [1 + schemas.Foremost - schemas.Low]fifo[*lane]
	// waiting counts what is in the lanes of each priority.
	waiting [1 + schemas.Foremost - schemas.Low]int
	// oldest has the lanes with something in them, the one first whose first has waited longest.
	oldest oldest
	len    int
	picks  int
}

type laneKey struct {
	priority schemas.Priority
	account  string
}

// lane is what waits of one account with one priority, in order.
type lane struct {
	laneKey
	works fifo[*work]
	// at is the lane's place in fair.oldest; it is meaningless while the lane is empty.
	at int
}

func (f *fair) turnsOf(p schemas.Priority) *fifo[*lane] { return &f.turns[schemas.Foremost-p] }

func (f *fair) push(w *work) {
	key := laneKey{priority: w.class.Priority, account: w.class.Account}
	l, ok := f.lanes[key]
	if !ok {
		if f.lanes == nil {
			f.lanes = make(map[laneKey]*lane)
		}
		l = &lane{laneKey: key}
		f.lanes[key] = l
		f.turnsOf(key.priority).push(l)
	}
	empty := l.works.len() == 0
	i := l.works.len()
	if !empty && w.compare(l.works.last()) < 0 {
		i, _ = slices.BinarySearchFunc(l.works.all(), w, (*work).compare)
	}
	l.works.insert(i, w)
	f.len++
	f.waiting[schemas.Foremost-key.priority]++
	if empty {
		heap.Push(&f.oldest, l)
	} else if i == 0 {
		heap.Fix(&f.oldest, l.at)
	}
}

// pop returns who gets the next place; nil: nobody waits.
func (f *fair) pop(now time.Time) *work {
	if f.len == 0 {
		return nil
	}
	if f.picks++; f.picks%agedEvery == 0 && now.Sub(f.oldest[0].works.first().readyAt) > agedAfter {
		return f.popOldest()
	}
	for i := range f.turns {
		turns := &f.turns[i]
		for turns.len() > 0 {
			l := turns.pop()
			if l.works.len() == 0 {
				delete(f.lanes, l.laneKey)
				continue
			}
			turns.push(l)
			return f.take(l, 0)
		}
	}
	return nil
}

// popOldest returns who has waited longest; nil: nobody waits.
func (f *fair) popOldest() *work {
	if f.len == 0 {
		return nil
	}
	return f.take(f.oldest[0], 0)
}

// take removes the i-th of a lane.
func (f *fair) take(l *lane, i int) *work {
	w := l.works.remove(i)
	f.len--
	f.waiting[schemas.Foremost-l.priority]--
	if l.works.len() == 0 {
		heap.Remove(&f.oldest, l.at)
	} else if i == 0 {
		heap.Fix(&f.oldest, l.at)
	}
	return w
}

// remove takes an attempt out, if it is there.
func (f *fair) remove(w *work) {
	if l, i := f.find(w); l != nil {
		f.take(l, i)
	}
}

// find returns the lane of an attempt, and its place there; no lane: it is not there.
func (f *fair) find(w *work) (*lane, int) {
	l, ok := f.lanes[laneKey{priority: w.class.Priority, account: w.class.Account}]
	if !ok {
		return nil, 0
	}
	works := l.works.all()
	for i, _ := slices.BinarySearchFunc(works, w, (*work).compare); i < len(works) && works[i].compare(w) == 0; i++ {
		if works[i] == w {
			return l, i
		}
	}
	return nil, 0
}

// lanesMax bounds the lanes that ahead looks at. It takes the others to be like them.
const lanesMax = 1_000

// ahead counts who gets a place before an attempt, by priority and turns: that some are let through because they have
// waited long is left out. false: it does not wait here.
func (f *fair) ahead(w *work) (int, bool) {
	own, before := f.find(w)
	if own == nil {
		return 0, false
	}
	n := before
	for p := schemas.Foremost; p > own.priority; p-- {
		n += f.waiting[schemas.Foremost-p]
	}
	turns := f.turnsOf(own.priority).all()
	looked := turns[:min(len(turns), lanesMax)]
	others, rounds := 0, before+1 // until its lane's next turn
	for _, l := range looked {
		if l == own {
			rounds = before
			continue
		}
		others += min(l.works.len(), rounds)
	}
	return n + others*len(turns)/len(looked), true
}

// takeAll empties it.
func (f *fair) takeAll() []*work {
	out := make([]*work, 0, f.len)
	for _, l := range f.oldest {
		out = append(out, l.works.all()...)
	}
	*f = fair{picks: f.picks}
	return out
}

// oldest is a heap of lanes.
type oldest []*lane

func (o oldest) Len() int           { return len(o) }
func (o oldest) Less(i, j int) bool { return o[i].works.first().compare(o[j].works.first()) < 0 }
func (o oldest) Swap(i, j int) {
	o[i], o[j] = o[j], o[i]
	o[i].at, o[j].at = i, j
}

func (o *oldest) Push(x any) {
	if l, ok := x.(*lane); ok { // it holds nothing else
		l.at = len(*o)
		*o = append(*o, l)
	}
}

func (o *oldest) Pop() any {
	old := *o
	l := old[len(old)-1]
	old[len(old)-1] = nil
	*o = old[:len(old)-1]
	return l
}

// fifo is a queue. The zero value is empty.
type fifo[T any] struct {
	items []T
	head  int // items before it are gone
}

func (q *fifo[T]) len() int { return len(q.items) - q.head }
func (q *fifo[T]) all() []T { return q.items[q.head:] }
func (q *fifo[T]) first() T { return q.items[q.head] }
func (q *fifo[T]) last() T  { return q.items[len(q.items)-1] }
func (q *fifo[T]) push(v T) { q.insert(q.len(), v) }
func (q *fifo[T]) pop() T   { return q.remove(0) }

// insert puts v at the i-th place.
func (q *fifo[T]) insert(i int, v T) {
	if q.head > 0 && len(q.items) == cap(q.items) && q.head >= len(q.items)/2 { // the room is at the front
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	q.items = slices.Insert(q.items, q.head+i, v)
}

// remove takes the i-th out.
func (q *fifo[T]) remove(i int) T {
	v := q.items[q.head+i]
	if i > 0 {
		q.items = slices.Delete(q.items, q.head+i, q.head+i+1)
		return v
	}
	var none T
	q.items[q.head] = none
	if q.head++; q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
	}
	return v
}
