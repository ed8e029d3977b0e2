package processor

import (
	"strings"
	"testing"
)

// TestLongPayloadIsNotLeftInTheMailbox has a call be carried out that is read from the store again when its outcome is
// taken.
func TestLongPayloadIsNotLeftInTheMailbox(t *testing.T) {
	t.Parallel()
	r := newRig(t, 10, oneRoute("concurrency: 1")).owns(0)
	long := entry{id: "long", objectType: strings.Repeat("x", leftBytesMax)}
	r.releaseAll(r.ready(long))
	r.gate.opened()
	fs := r.hear()
	if f := fs[0]; len(fs) != 1 || f.call != nil || f.id != requestID(long.call()) {
		t.Errorf("in the mailbox are %d, the first has %d bytes and id %s, want no payload, and id %s", len(fs), len(f.call.String()), f.id, long.call().RequestId)
	}
	r.turn(fs)
	r.wantEmpty()
}
