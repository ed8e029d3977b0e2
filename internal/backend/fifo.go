package backend

// fifo is a map in bounded memory: the oldest keys are forgotten first. It is guarded by its owner.
type fifo[V any] struct {
	byKey map[string]sized[V]
	order []string // oldest first, from begin
	begin int
	bytes int
	max   int // of bytes; the newest key stays whatever it takes
}

type sized[V any] struct {
	value V
	bytes int
}

// fifoOverhead is roughly what an entry takes beside its key and its value.
const fifoOverhead = 128

func newFIFO[V any](bytesMax int) fifo[V] {
	return fifo[V]{byKey: make(map[string]sized[V]), max: bytesMax}
}

func (f *fifo[V]) get(key string) (V, bool) {
	e, ok := f.byKey[key]
	return e.value, ok
}

// put sets the value of a key, which takes valueBytes. A key that is there keeps its place.
func (f *fifo[V]) put(key string, value V, valueBytes int) {
	e := sized[V]{value, 2*len(key) + valueBytes + fifoOverhead}
	if old, ok := f.byKey[key]; ok {
		f.bytes -= old.bytes
	} else {
		f.order = append(f.order, key)
	}
	f.byKey[key] = e
	f.bytes += e.bytes
	for f.bytes > f.max && f.begin < len(f.order)-1 {
		f.forgetOldest()
	}
}

func (f *fifo[V]) forgetOldest() {
	oldest := f.order[f.begin]
	f.bytes -= f.byKey[oldest].bytes
	delete(f.byKey, oldest)
	f.order[f.begin] = ""
	if f.begin++; f.begin > len(f.order)/2 { // rarely enough that copying stays cheap
		f.order = append(f.order[:0], f.order[f.begin:]...)
		f.begin = 0
	}
}
