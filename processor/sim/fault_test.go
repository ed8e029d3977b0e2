package sim

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// fault is something that goes wrong at a time of the run, or is done to a machine.
type fault struct {
	at      time.Duration
	machine int
	kind    faultKind
	// lasts is for how long a machine is down, frozen or slow; count is of what the kind counts.
	lasts time.Duration
	count int
}

type faultKind string

const (
	begin faultKind = "first start"
	// crash kills the process at once, crashAll those of all machines.
	crash    faultKind = "crash"
	crashAll faultKind = "crash of all"
	// The process dies when it comes to a place.
	crashProducing  faultKind = "crash before a record leaves"
	crashOffsets    faultKind = "crash before the offsets leave"
	crashCommitting faultKind = "crash before the commit leaves"
	crashUnheard    faultKind = "crash after the commit, before it is heard of"
	crashHeard      faultKind = "crash when the commit is heard of, before anything else leaves"
	crashEffect     faultKind = "crash between store and effect"
	crashOutcome    faultKind = "crash before an outcome is heard"
	crashWriting    faultKind = "crash in the midst of writing the store"
	// unheard loses the answer to a commit, and the connection with it.
	unheard faultKind = "the answer to a commit is lost"
	// refused has the broker refuse the offsets of some transactions.
	refused faultKind = "offsets are refused"
	// leave ends the process in order.
	leave faultKind = "orderly end"
	// wipe crashes a process and loses its disk.
	wipe faultKind = "crash and loss of the disk"
	// disconnect cuts the connections, freeze lets nothing pass for a time, crawl slows the network.
	disconnect faultKind = "connections cut"
	freeze     faultKind = "network frozen"
	crawl      faultKind = "network slow"
)

func newFaults(r *roll, machines int) []fault {
	var out []fault
	for i := range machines { // all begin within some seconds of one another
		out = append(out, fault{at: r.between(0, 3*time.Second), machine: i, kind: begin})
	}
	if r.chance(10) {
		return out // nothing goes wrong
	}
	kinds := []faultKind{
		crash, crash, crashProducing, crashOffsets, crashCommitting, crashCommitting, crashUnheard, crashUnheard, crashHeard, crashHeard,
		crashEffect, crashEffect, crashOutcome, crashWriting, crashWriting, unheard, unheard, refused, refused, leave, leave, leave,
		wipe, disconnect, disconnect, freeze, freeze, freeze, freeze, freeze, freeze, freeze, crawl,
	}
	for range 3 + r.IntN(12) {
		f := fault{
			at:      r.between(2*time.Second, busy),
			machine: r.IntN(machines),
			kind:    one(r, kinds...),
			lasts:   one(r, r.between(time.Millisecond, 300*time.Millisecond), r.between(time.Second, 5*time.Second), r.between(5*time.Second, 25*time.Second)),
			count:   1 + r.IntN(6),
		}
		if f.kind == freeze && r.chance(60) { // until the group has given the process up
			f.lasts = r.between(sessionTimeout, 4*sessionTimeout)
		}
		if r.chance(3) {
			f.kind = crashAll
		}
		out = append(out, f)
	}
	slices.SortStableFunc(out, func(a, b fault) int { return cmp.Compare(a.at, b.at) })
	return out
}

func (f fault) String() string {
	if f.kind == begin {
		return string(f.kind)
	}
	return fmt.Sprintf("%s (%v, %d)", f.kind, f.lasts.Round(time.Millisecond), f.count)
}
