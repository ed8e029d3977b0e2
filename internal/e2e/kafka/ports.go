package kafka

import (
	"errors"
	"fmt"
	"syscall"
)

// reservation keeps a port of loopback for a broker, also while it is down: a socket that is bound to the port and never
// listens. Nobody else can be given the port, and the broker can listen on it, because both sockets allow the address to be
// used again (SO_REUSEADDR, which Java sets) and only one of them listens. Ours sets it after it was bound, so that it
// was alone.
type reservation struct {
	fd   int
	port int
}

func reserve() (r reservation, err error) {
	r.fd, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return r, fmt.Errorf("reserve port: %w", err)
	}
	if r.port, err = bind(r.fd); err != nil {
		return r, errors.Join(fmt.Errorf("reserve port: %w", err), syscall.Close(r.fd))
	}
	return r, nil
}

func bind(fd int) (port int, err error) {
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return 0, err
	}
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		return 0, err
	}
	bound, err := syscall.Getsockname(fd)
	if err != nil {
		return 0, err
	}
	addr, ok := bound.(*syscall.SockaddrInet4)
	if !ok {
		return 0, fmt.Errorf("bound to %T", bound)
	}
	return addr.Port, nil
}

func (r reservation) release() error { return syscall.Close(r.fd) }
