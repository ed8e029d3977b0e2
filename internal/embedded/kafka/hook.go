package kafka

import (
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// hookRequests is how many requests one registration of a hook sees. kfake remembers the last request
// of every connection, open or not, for as long as a hook is registered.
const hookRequests = 64

// hook sees every request of one kind before kfake does. kfake runs it in its own goroutine, one
// request at a time, and meanwhile serves nobody else.
type hook struct {
	cluster *kfake.Cluster
	key     kmsg.Key
	// look is a kfake control function: handled says that the response stands instead of kfake's own.
	look func(kmsg.Request) (resp kmsg.Response, err error, handled bool)

	requests int
}

func (h *hook) register() {
	h.cluster.ControlKey(int16(h.key), func(r kmsg.Request) (kmsg.Response, error, bool) {
		h.keep()
		return h.look(r)
	})
}

// keep leaves this registration in place, or after hookRequests puts a fresh one in its stead.
func (h *hook) keep() {
	if h.requests++; h.requests%hookRequests != 0 {
		h.cluster.KeepControl()
		return
	}
	h.cluster.DropControl()
	h.register()
}
