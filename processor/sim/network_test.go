package sim

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// nic is the network interface of one process: all its requests to the broker and their answers go through it, one
// frame at a time. Each frame takes a time of its own, to the nanosecond, so that hardly two things in a run happen at
// the same instant: their order is the seed's, not the scheduler's.
type nic struct {
	name string
	dice dice
	dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// tap sees each frame at the instant at which it passes; false loses it, and the connection with it.
	tap func(frame) bool

	pumps sync.WaitGroup
	mu    sync.Mutex
	dials uint64
	links map[*link]struct{}
	// down: nothing passes any more, for ever.
	down bool
	// thaw is closed when a frozen interface moves again; nil: it is not frozen.
	thaw chan struct{}
	// slow is added to the time of each frame.
	slow time.Duration
	// heard is when the group's coordinator last answered.
	heard time.Time
}

// frame is a request to the broker, or the answer to one.
type frame struct {
	key    kmsg.Key
	answer bool
	bytes  []byte
}

func newNIC(name string, d dice, dial func(ctx context.Context, network, addr string) (net.Conn, error)) *nic {
	return &nic{name: name, dice: d, dial: dial, links: make(map[*link]struct{})}
}

// connect is the kgo.Dialer of the process.
func (n *nic) connect(ctx context.Context, network, addr string) (net.Conn, error) {
	if !n.flows(ctx.Done()) {
		return nil, net.ErrClosed
	}
	far, err := n.dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	client, near := net.Pipe()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.down {
		return nil, net.ErrClosed
	}
	n.dials++
	l := &link{nic: n, number: n.dials, near: near, far: far, cut: make(chan struct{})}
	n.links[l] = struct{}{}
	n.pumps.Go(l.requests)
	n.pumps.Go(l.answers)
	return client, nil
}

// flows waits while the interface is frozen; false: nothing will pass, because it is down or done was closed.
func (n *nic) flows(done <-chan struct{}) bool {
	for {
		n.mu.Lock()
		thaw, down := n.thaw, n.down
		n.mu.Unlock()
		if down || thaw == nil {
			return !down
		}
		select {
		case <-thaw:
		case <-done:
			return false
		}
	}
}

// cut ends all connections; new ones can be made.
func (n *nic) cut() {
	n.mu.Lock()
	links := n.links
	n.links = make(map[*link]struct{})
	n.mu.Unlock()
	for l := range links {
		l.end()
	}
}

// kill ends everything, for ever.
func (n *nic) kill() {
	n.mu.Lock()
	n.down = true
	n.mu.Unlock()
	n.melt()
	n.cut()
}

// revive lets a killed interface make connections again.
func (n *nic) revive() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.down = false
}

// freeze lets nothing pass, in or out, until melt.
func (n *nic) freeze() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.thaw == nil {
		n.thaw = make(chan struct{})
	}
}

func (n *nic) melt() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.thaw != nil {
		close(n.thaw)
		n.thaw = nil
	}
}

func (n *nic) slowDown(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.slow = d
}

// lastHeard is when the group last had an answer for this process.
func (n *nic) lastHeard() time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.heard
}

// travel is the time that a frame takes.
func (n *nic) travel(l *link, f frame, number uint64) time.Duration {
	n.mu.Lock()
	slow := n.slow
	n.mu.Unlock()
	h := n.dice.hash(n.name, l.number, number, f.answer)
	return 500*time.Microsecond + time.Duration(h%uint64(2*time.Millisecond)) + slow
}

// link is one connection: the client's end is joined to near, the broker's is far.
type link struct {
	nic       *nic
	number    uint64
	near, far net.Conn
	cut       chan struct{}
	once      sync.Once

	mu sync.Mutex
	// asked are the requests that have no answer yet: answers come in their order.
	asked []kmsg.Key
}

func (l *link) end() {
	l.once.Do(func() {
		close(l.cut)
		_ = l.near.Close()
		_ = l.far.Close()
	})
}

func (l *link) requests() {
	defer l.end()
	for i := uint64(0); ; i++ {
		b, err := readFrame(l.near)
		if err != nil || len(b) < 6 {
			return
		}
		f := frame{key: kmsg.Key(binary.BigEndian.Uint16(b[4:])), bytes: b}
		l.mu.Lock()
		l.asked = append(l.asked, f.key)
		l.mu.Unlock()
		if !l.pass(f, i) {
			return
		}
		if _, err := l.far.Write(b); err != nil {
			return
		}
	}
}

func (l *link) answers() {
	defer l.end()
	for i := uint64(0); ; i++ {
		b, err := readFrame(l.far)
		if err != nil {
			return
		}
		l.mu.Lock()
		f := frame{key: l.asked[0], answer: true, bytes: b}
		l.asked = l.asked[1:]
		l.mu.Unlock()
		if !l.pass(f, i) {
			return
		}
		if _, err := l.near.Write(b); err != nil {
			return
		}
	}
}

// pass waits until a frame has arrived; false: it is lost.
func (l *link) pass(f frame, number uint64) bool {
	select {
	case <-time.After(l.nic.travel(l, f, number)):
	case <-l.cut:
		return false
	}
	if !l.nic.flows(l.cut) {
		return false
	}
	if l.nic.tap != nil && !l.nic.tap(f) {
		return false
	}
	if f.answer && f.renewsLease() {
		l.nic.mu.Lock()
		l.nic.heard = time.Now()
		l.nic.mu.Unlock()
	}
	return true
}

// renewsLease reports whether the frame tells a member that it is one: a heartbeat, a join or a sync that was answered
// without an error, or a heartbeat that was answered with a rebalance.
func (f frame) renewsLease() bool {
	const code = 4 + 4 + 1 + 4 // behind length, correlation, tags and throttle time
	if f.key != kmsg.Heartbeat && f.key != kmsg.JoinGroup && f.key != kmsg.SyncGroup || len(f.bytes) < code+2 {
		return false
	}
	e := int16(binary.BigEndian.Uint16(f.bytes[code:]))
	return e == 0 || f.key == kmsg.Heartbeat && e == kerr.RebalanceInProgress.Code
}

func readFrame(r io.Reader) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	b := make([]byte, 4+binary.BigEndian.Uint32(size[:]))
	copy(b, size[:])
	_, err := io.ReadFull(r, b[4:])
	return b, err
}
