package proxy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Cluster is a proxy for each broker of a Kafka cluster. Where a broker names a broker, the proxy before that one is
// named, so that a client which knows one proxy meets all of them, and no broker. A broker that the cluster was not told
// of ends the connection that names it: nobody gets around the proxies. It reads what is not encrypted.
type Cluster struct {
	addrs   []string
	proxies map[string]*Proxy
}

// OpenCluster opens a proxy on loopback before each broker. brokers are the addresses that they advertise, as host:port.
func OpenCluster(brokers []string) (*Cluster, error) {
	c := &Cluster{proxies: make(map[string]*Proxy, len(brokers))}
	instead := make(map[string]string, len(brokers))
	for _, broker := range brokers {
		p, err := listen(Config{Listen: "127.0.0.1:0", Target: broker})
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
		p.translate = func(client, server io.Reader) (io.Reader, io.Reader) { return translate(instead, client, server) }
		c.proxies[broker], instead[broker] = p, p.Addr()
		c.addrs = append(c.addrs, p.Addr())
	}
	for _, p := range c.proxies {
		p.start()
	}
	return c, nil
}

// Addrs are where the proxies listen, in the order of their brokers.
func (c *Cluster) Addrs() []string { return slices.Clone(c.addrs) }

// Before returns the proxy before a broker; nil: there is none.
func (c *Cluster) Before(broker string) *Proxy { return c.proxies[broker] }

// Cut cuts all proxies.
func (c *Cluster) Cut() { c.each((*Proxy).Cut) }

// Silence silences all proxies.
func (c *Cluster) Silence() { c.each((*Proxy).Silence) }

// Delay delays all proxies.
func (c *Cluster) Delay(d time.Duration) { c.each(func(p *Proxy) { p.Delay(d) }) }

// Restore restores all proxies.
func (c *Cluster) Restore() { c.each((*Proxy).Restore) }

func (c *Cluster) each(do func(*Proxy)) {
	for _, p := range c.proxies {
		do(p)
	}
}

// Close closes all proxies. Repeating it does nothing.
func (c *Cluster) Close() error {
	var errs []error
	c.each(func(p *Proxy) { errs = append(errs, p.Close()) })
	return errors.Join(errs...)
}

// translate returns readers of one connection. instead maps the addresses of brokers to those of their proxies.
func translate(instead map[string]string, client, server io.Reader) (fromClient, fromServer io.Reader) {
	t := &translator{instead: instead, asked: make(map[int32]question)}
	return &frames{from: client, each: t.request}, &frames{from: server, each: t.response}
}

// translator is that of one connection.
type translator struct {
	instead map[string]string

	mu sync.Mutex
	// asked are the requests that may be answered by an address, by correlation id.
	asked map[int32]question
}

// question is what a request is.
type question struct {
	key, version int16
}

// naming are the keys of the requests whose answers name brokers.
func naming(key int16) bool {
	switch kmsg.Key(key) {
	case kmsg.Produce, kmsg.Fetch, kmsg.Metadata, kmsg.FindCoordinator, kmsg.DescribeCluster:
		return true
	}
	return false
}

var errFrame = errors.New("a frame is not as Kafka's protocol has it")

// request remembers a request. Its frame begins with api key, version and correlation id.
func (t *translator) request(frame []byte) ([]byte, error) {
	if len(frame) < 8 {
		return nil, errFrame
	}
	q := question{key: int16(binary.BigEndian.Uint16(frame)), version: int16(binary.BigEndian.Uint16(frame[2:]))}
	if naming(q.key) {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.asked[int32(binary.BigEndian.Uint32(frame[4:]))] = q
	}
	return frame, nil
}

// response translates a response. Its frame begins with the correlation id, and, when it is flexible, with tags.
func (t *translator) response(frame []byte) ([]byte, error) {
	if len(frame) < 4 {
		return nil, errFrame
	}
	id := int32(binary.BigEndian.Uint32(frame))
	t.mu.Lock()
	q, ok := t.asked[id]
	delete(t.asked, id)
	t.mu.Unlock()
	if !ok {
		return frame, nil
	}
	r := kmsg.ResponseForKey(q.key)
	r.SetVersion(q.version)
	head := 4
	if r.IsFlexible() {
		head++ // the number of tags
		if len(frame) < head || frame[4] != 0 {
			return nil, errFrame
		}
	}
	if err := r.ReadFrom(frame[head:]); err != nil {
		return nil, fmt.Errorf("%w: %w", errFrame, err)
	}
	named, err := t.translate(r)
	if err != nil || named == 0 {
		return frame, err
	}
	return r.AppendTo(frame[:head:head]), nil
}

// translate puts the proxies in the place of the brokers in an answer, and returns how many it names.
func (t *translator) translate(r kmsg.Response) (named int, err error) {
	instead := func(host *string, port *int32) {
		if *host == "" {
			return // there is none
		}
		named++
		err = errors.Join(err, t.swap(host, port))
	}
	switch r := r.(type) {
	case *kmsg.MetadataResponse:
		for i := range r.Brokers {
			instead(&r.Brokers[i].Host, &r.Brokers[i].Port)
		}
	case *kmsg.DescribeClusterResponse:
		for i := range r.Brokers {
			instead(&r.Brokers[i].Host, &r.Brokers[i].Port)
		}
	case *kmsg.ProduceResponse:
		for i := range r.Brokers {
			instead(&r.Brokers[i].Host, &r.Brokers[i].Port)
		}
	case *kmsg.FetchResponse:
		for i := range r.Brokers {
			instead(&r.Brokers[i].Host, &r.Brokers[i].Port)
		}
	case *kmsg.FindCoordinatorResponse:
		instead(&r.Host, &r.Port)
		for i := range r.Coordinators {
			instead(&r.Coordinators[i].Host, &r.Coordinators[i].Port)
		}
	}
	return named, err
}

func (t *translator) swap(host *string, port *int32) error {
	broker := net.JoinHostPort(*host, strconv.Itoa(int(*port)))
	proxy, ok := t.instead[broker]
	if !ok {
		return fmt.Errorf("no proxy stands before %s", broker)
	}
	h, p, err := net.SplitHostPort(proxy)
	if err != nil {
		return fmt.Errorf("read address of proxy: %w", err)
	}
	n, err := strconv.ParseUint(p, 10, 16)
	if err != nil {
		return fmt.Errorf("read address of proxy: %w", err)
	}
	*host, *port = h, int32(n)
	return nil
}

// frames reads frames, which begin with their size, and gives away what each of them becomes.
type frames struct {
	from io.Reader
	each func(frame []byte) ([]byte, error)
	rest []byte
}

// frameMax bounds a frame: Kafka's socket.request.max.bytes.
const frameMax = 100 << 20

const sizeBytes = 4

// Read implements io.Reader.
func (f *frames) Read(p []byte) (int, error) {
	if len(f.rest) == 0 {
		if err := f.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

// next reads a frame. Between two frames the end is io.EOF.
func (f *frames) next() error {
	var size [sizeBytes]byte
	if _, err := io.ReadFull(f.from, size[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > frameMax {
		return fmt.Errorf("%w: it has %d bytes", errFrame, n)
	}
	frame := make([]byte, n)
	if _, err := io.ReadFull(f.from, frame); err != nil {
		return fmt.Errorf("read frame: %w", err)
	}
	frame, err := f.each(frame)
	if err != nil {
		return err
	}
	f.rest = append(binary.BigEndian.AppendUint32(nil, uint32(len(frame))), frame...)
	return nil
}
