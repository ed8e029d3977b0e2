package sim

import (
	"encoding/binary"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// heldPart is a call that a partition holds at the end.
type heldPart struct {
	partition int32
	call      *parleyv1.Call
}

// hold takes down what the last record of a key says of erasures, or of what is held.
func (f *findings) hold(r record) error {
	switch {
	case len(r.Value) == 0:
	case r.Key[0] == 'y':
		e := new(parleyv1.ErasureState)
		if err := proto.Unmarshal(r.Value[1:], e); err != nil {
			return err
		}
		f.erasures[place{r.Partition, int64(binary.BigEndian.Uint64(r.Key[1:]))}] = e
	case r.Key[0] == 'p':
		part, call := new(parleyv1.PartState), new(parleyv1.Call)
		if err := proto.Unmarshal(r.Value[1:], part); err != nil {
			return err
		}
		if err := proto.Unmarshal(part.Call, call); err != nil {
			return err
		}
		f.parts = append(f.parts, heldPart{r.Partition, call})
	}
	return nil
}

// erasedLag is how long it may take from the end of an erasure until it is committed, and until an attempt that had begun
// before reaches the backend.
const erasedLag = startByLag

// erased: every erasure comes to its end, and nothing that was there before it is held, or sent out, when it has.
func (f *findings) erased(no verdict) {
	for _, a := range f.arrived {
		if !strings.HasPrefix(f.plan.means[a.value].content, "erasure of ") {
			continue
		}
		e := f.erasures[a.place]
		if e == nil || e.EndedAtMs == 0 {
			no("an erasure comes to its end", "", "%s in partition %d: %v", f.plan.means[a.value].content, a.partition, e)
			continue
		}
		for _, p := range f.parts {
			if p.partition != a.partition || p.call.Account != e.Account {
				continue
			}
			for _, o := range p.call.Objects {
				if o.SubscriberKey == person && f.before(a.place, p.call.Objects[0].CorrelationId) {
					no("what was erased is not held", p.call.GetOptions().GetConversationId(), "%s", o.CorrelationId)
				}
			}
		}
		ended := schemas.InstantOf(e.EndedAtMs)
		for _, t := range f.history.attempts {
			if t.about && t.begun.Sub(ended) > erasedLag && f.before(a.place, t.content) && f.accountOf(t.content) == e.Account {
				no("what was erased is not sent", t.conversation, "%s attempt %d began %v after the erasure had ended", t.content, t.number, t.begun.Sub(ended).Round(time.Millisecond))
			}
		}
	}
}

// before reports whether all records of a call came to a partition, and before a place in it.
func (f *findings) before(at place, content string) bool {
	found := false
	for _, a := range f.arrived {
		if a.content != content || a.plain {
			continue
		}
		if a.partition == a.home() && (a.partition != at.partition || a.offset > at.offset) {
			return false
		}
		found = found || a.partition == at.partition && a.partition == a.home()
	}
	return found
}

// accountOf is whose call has a content.
func (f *findings) accountOf(content string) string {
	for _, a := range f.arrived {
		if a.content == content && a.key != "" {
			account, _, _ := strings.Cut(a.key, "/")
			return account
		}
	}
	return ""
}
