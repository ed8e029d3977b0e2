package egress

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"syscall"
)

// Ports are those that public addresses may be reached at, by https: 443, and 8443, which receivers without the right to
// the first have by habit.
var Ports = []uint16{443, 8443}

// Guard says what may be reached. The zero value allows nothing that is not public. It is safe for concurrent use.
type Guard struct {
	allow []netip.Prefix
}

// New returns a guard that also allows some networks, see ParseNetworks.
func New(allow []netip.Prefix) Guard { return Guard{allow: slices.Clone(allow)} }

// ParseNetworks reads networks as 10.0.0.0/8. One of IPv4 that is written as one of IPv6 is the one of IPv4.
func ParseNetworks(texts []string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("%q is no network; give networks as 10.0.0.0/8", text)
		}
		if p.Addr().Is4In6() {
			if p.Bits() < mappedBits {
				return nil, fmt.Errorf("%q is wider than all of IPv4; give networks as 10.0.0.0/8", text)
			}
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mappedBits)
		}
		all = append(all, p.Masked())
	}
	return all, nil
}

// mappedBits are those before the address of IPv4 in one of IPv6.
const mappedBits = 96

// A RefusedError says what is not reached, and why.
type RefusedError struct {
	// Target is an address with its port, or a host, as it was given.
	Target string
	// Why is about the target, and ends a sentence.
	Why string
}

func (e *RefusedError) Error() string { return e.Target + " is not called: " + e.Why }

// CheckURL looks at the text of a URL: whether it is one to call, as far as can be told before its name is looked up.
// The error is a *RefusedError, which shows nothing of the URL but its host.
func (g Guard) CheckURL(text string) error {
	u, err := url.Parse(text)
	if err != nil {
		return &RefusedError{Target: "this", Why: "it is not a URL"}
	}
	return g.check(u)
}

func (g Guard) check(u *url.URL) error {
	host := u.Hostname()
	refused := func(format string, args ...any) error {
		return &RefusedError{Target: strconv.QuoteToASCII(u.Host), Why: fmt.Sprintf(format, args...)}
	}
	if u.Scheme != "https" && u.Scheme != "http" {
		return refused("its scheme is %.20q; give a URL with https", u.Scheme)
	}
	if u.User != nil {
		return refused("a name and a password stand before the host; leave them out")
	}
	if why := hostFault(host); why != "" {
		return refused("%s", why)
	}
	port, err := portOf(u)
	if err != nil {
		return refused("%v", err)
	}
	address, err := netip.ParseAddr(host)
	if err != nil {
		return g.checkName(host, u.Scheme, port)
	}
	if address.Zone() != "" {
		return refused("its address has a zone, which means something on one machine only")
	}
	return g.checkAddress(netip.AddrPortFrom(address, port), u.Scheme)
}

// checkName is about a name, which may stand for an address that is allowed: what only goes there is judged when the
// address is known, unless nothing is allowed.
func (g Guard) checkName(name, scheme string, port uint16) error {
	if len(g.allow) > 0 {
		return nil
	}
	if why := publicFault(scheme, port); why != "" {
		return &RefusedError{Target: name, Why: why}
	}
	return nil
}

// checkAddress is about an address and its port, and how it is called there.
func (g Guard) checkAddress(to netip.AddrPort, scheme string) error {
	if g.allows(to.Addr()) {
		return nil
	}
	if kind := kindOf(to.Addr()); kind != "" {
		return &RefusedError{Target: to.String(), Why: "its address is " + kind}
	}
	if why := publicFault(scheme, to.Port()); why != "" {
		return &RefusedError{Target: to.String(), Why: why}
	}
	return nil
}

func (g Guard) allows(a netip.Addr) bool {
	a = plain(a)
	return slices.ContainsFunc(g.allow, func(p netip.Prefix) bool { return p.Contains(a) })
}

// publicFault says what is wrong with how a public address is called; empty: nothing.
func publicFault(scheme string, port uint16) string {
	switch {
	case scheme != "https":
		return "only https goes to public addresses"
	case !slices.Contains(Ports, port):
		return fmt.Sprintf("its port is %d; public addresses are called at %v", port, Ports)
	}
	return ""
}

// control is the hook of a net.Dialer: it looks at an address that a socket is about to connect to.
func (g Guard) control(scheme string) func(network, address string, _ syscall.RawConn) error {
	return func(network, address string, _ syscall.RawConn) error {
		if network != "tcp4" && network != "tcp6" {
			return &RefusedError{Target: address, Why: "its network is " + network}
		}
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return &RefusedError{Target: address, Why: "its address cannot be read"}
		}
		return g.checkAddress(to, scheme)
	}
}

// Dialer returns a dialer that connects only where the guard allows it, for URLs with a scheme. It never lets go of a
// connection to what was refused: nothing is sent.
func (g Guard) Dialer(scheme string, base net.Dialer) *net.Dialer {
	base.Control = g.control(scheme)
	base.ControlContext = nil // it would be called in place of Control
	return &base
}
