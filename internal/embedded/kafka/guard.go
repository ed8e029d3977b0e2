package kafka

import (
	"encoding/binary"
	"fmt"
	"net"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// requestBytesMax is the largest request that is read, the default of socket.request.max.bytes.
const requestBytesMax = 100 << 20

// guardListener hands out connections that end when what comes is not Kafka.
type guardListener struct {
	net.Listener
}

func (l guardListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &guardConn{Conn: conn}, nil
}

// guardConn follows the requests in what is read and fails the read that brings an impossible one.
// kfake reads a connection from one goroutine.
type guardConn struct {
	net.Conn
	head [6]byte // size and key of the request that is coming in
	have int     // bytes of head that are there
	left int64   // bytes of the request after head
}

func (c *guardConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if bad := c.follow(p[:n]); bad != nil {
		return 0, bad
	}
	return n, err
}

func (c *guardConn) follow(p []byte) error {
	for len(p) > 0 {
		if c.left > 0 {
			n := min(c.left, int64(len(p)))
			c.left -= n
			p = p[n:]
			continue
		}
		n := copy(c.head[c.have:], p)
		c.have += n
		p = p[n:]
		if err := c.check(); err != nil {
			return err
		}
		if c.have == len(c.head) {
			c.left = int64(binary.BigEndian.Uint32(c.head[:])) - 2
			c.have = 0
		}
	}
	return nil
}

// check looks at the size as soon as it is there, because the reader allocates it next.
func (c *guardConn) check() error {
	if c.have < 4 {
		return nil
	}
	size := binary.BigEndian.Uint32(c.head[:])
	if size < 8 || size > requestBytesMax { // key, version, correlation id
		return fmt.Errorf("request of %d bytes is not between 8 and %d", size, requestBytesMax)
	}
	if c.have < len(c.head) {
		return nil
	}
	if key := int16(binary.BigEndian.Uint16(c.head[4:])); kmsg.RequestForKey(key) == nil {
		return fmt.Errorf("request key %d is unknown", key)
	}
	return nil
}
