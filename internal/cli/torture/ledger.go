package torture

import (
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// ledger is the first of the three records: what was sent, and what was acknowledged.
type ledger struct {
	mu      sync.Mutex
	entries map[*call]*entry
	// of finds a call by the digest of the bytes that it was sent in.
	of map[string]*call
	// receipts are those of all acknowledgments by HTTP.
	receipts []receipt
}

// entry is what is known of the sendings of one call.
type entry struct {
	call *call
	// sent is when it was begun to be sent for the first time.
	sent         time.Time
	acknowledged bool
	// ids are the request ids that it was acknowledged with, digests those of its spellings.
	ids     map[string]struct{}
	digests map[string]struct{}
}

// receipt is an acknowledgment by HTTP.
type receipt struct {
	call    *call
	id      string
	receipt string
}

func newLedger() *ledger {
	return &ledger{entries: make(map[*call]*entry), of: make(map[string]*call)}
}

// sending notes that a call is about to be sent in these bytes.
func (l *ledger) sending(c *call, line []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.entries[c]
	if e == nil {
		e = &entry{call: c, sent: time.Now(), ids: make(map[string]struct{}), digests: make(map[string]struct{})}
		l.entries[c] = e
	}
	d := digest(line)
	e.digests[d] = struct{}{}
	l.of[d] = c
}

// acknowledged notes that a call was; id is empty when the acknowledgment does not say it, as that of Kafka.
func (l *ledger) acknowledged(c *call, id, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.entries[c]
	e.acknowledged = true
	if id != "" {
		e.ids[id] = struct{}{}
		l.receipts = append(l.receipts, receipt{c, id, text})
	}
}

// any returns some receipt; false: there is none yet.
func (l *ledger) any() (receipt, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.receipts) == 0 {
		return receipt{}, false
	}
	return l.receipts[rand.IntN(len(l.receipts))], true
}

// count returns how many calls were acknowledged.
func (l *ledger) count() int {
	n := 0
	for _, e := range l.all() {
		if e.acknowledged {
			n++
		}
	}
	return n
}

// all returns the entries. Nothing is sent any more when they are read.
func (l *ledger) all() []*entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Collect(maps.Values(l.entries))
}
