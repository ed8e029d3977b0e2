package mailin

import (
	"io"
	"net"
	"sync"
	"time"
)

// door is a listener that bounds how many connections are open, and for how long each. Who comes beyond that is told to come again,
// which servers do.
type door struct {
	net.Listener
	max     int
	timeMax time.Duration

	mu   sync.Mutex
	open map[*visit]struct{}
	gone sync.WaitGroup
}

const (
	busy     = "421 4.3.2 Too many connections are open; come again later\r\n"
	busyWait = time.Second
)

// Accept implements net.Listener.
func (d *door) Accept() (net.Conn, error) {
	for {
		conn, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if v := d.admit(conn); v != nil {
			return v, nil
		}
		_ = conn.SetWriteDeadline(time.Now().Add(busyWait)) // it says it to a buffer of the kernel
		_, _ = io.WriteString(conn, busy)
		_ = conn.Close()
	}
}

// admit returns nil when there is no room.
func (d *door) admit(conn net.Conn) *visit {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.open) >= d.max {
		return nil
	}
	v := &visit{Conn: conn, until: time.Now().Add(d.timeMax)}
	d.open[v] = struct{}{}
	d.gone.Add(1)
	v.leave = sync.OnceValue(func() error {
		d.mu.Lock()
		delete(d.open, v)
		d.mu.Unlock()
		d.gone.Done()
		return conn.Close()
	})
	return v
}

// count is how many connections are open.
func (d *door) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.open)
}

// dismiss ends all connections: those that wait for a command at once, the others with the message that is being answered. After
// a while it cuts them off, and returns how many. It is called when nothing accepts any more.
func (d *door) dismiss(after time.Duration) (cut int) {
	for _, v := range d.visits() {
		v.expire()
	}
	empty := make(chan struct{})
	go func() {
		d.gone.Wait()
		close(empty)
	}()
	late := time.NewTimer(after)
	defer late.Stop()
	select {
	case <-empty:
		return 0
	case <-late.C:
	}
	rest := d.visits()
	for _, v := range rest {
		_ = v.Close()
	}
	<-empty
	return len(rest)
}

func (d *door) visits() []*visit {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := make([]*visit, 0, len(d.open))
	for v := range d.open {
		all = append(all, v)
	}
	return all
}

// visit is a connection that nothing is read from after its time, whatever deadline is set.
type visit struct {
	net.Conn
	leave func() error

	mu    sync.Mutex
	until time.Time
}

// SetReadDeadline implements net.Conn.
func (v *visit) SetReadDeadline(t time.Time) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if t.IsZero() || t.After(v.until) {
		t = v.until
	}
	return v.Conn.SetReadDeadline(t)
}

// expire lets nothing be read any more.
func (v *visit) expire() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.until = time.Unix(1, 0)
	_ = v.Conn.SetReadDeadline(v.until) // of one that is closed nothing is read either
}

// Close implements net.Conn.
func (v *visit) Close() error { return v.leave() }
