package tour

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
)

// Ports below those that systems give to outgoing connections, any of which could take one between its choice and
// its use: Linux begins at 32,768, IANA at 49,152.
const (
	portMin = 20_000
	portMax = 32_000
)

// Addrs returns n different addresses on loopback that nobody listens on now.
func Addrs(n int) ([]string, error) {
	addrs := make([]string, 0, n)
	for range 100 * n {
		addr := fmt.Sprintf("127.0.0.1:%d", portMin+rand.IntN(portMax-portMin))
		if slices.Contains(addrs, addr) {
			continue
		}
		l, err := net.Listen("tcp", addr)
		if err != nil {
			continue // somebody has it
		}
		if err := l.Close(); err != nil {
			return nil, fmt.Errorf("choose port: %w", err)
		}
		if addrs = append(addrs, addr); len(addrs) == n {
			return addrs, nil
		}
	}
	return nil, errors.New("there are no free ports on loopback")
}
