package egress

import (
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// hostBytesMax is the longest name that DNS has (RFC 1035, section 2.3.4).
const hostBytesMax = 253

// hostFault says what is wrong with how a host is written; empty: it is a name of DNS, or an address as it is written
// everywhere.
//
// Resolvers, and other programs between us and the network, read more as an address than is one: 127.1, 0x7f000001,
// 2130706433, 0177.0.0.1, digits of other scripts. None of it has a use, so it is refused by its form: a host whose last
// label begins with a digit is no name (https://url.spec.whatwg.org/#ends-in-a-number-checker, which is a bit less strict).
func hostFault(host string) string {
	if _, err := netip.ParseAddr(host); err == nil {
		return ""
	}
	name := strings.TrimSuffix(host, ".")
	switch {
	case name == "":
		return "there is no host in it"
	case len(name) > hostBytesMax:
		return fmt.Sprintf("its name has more than %d bytes", hostBytesMax)
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, notOfName) {
			return "its name is not of letters, digits and hyphens; a name in another script is given as xn--"
		}
	}
	if last := name[strings.LastIndexByte(name, '.')+1:]; last[0] >= '0' && last[0] <= '9' {
		return "its host is neither a name nor an address as 192.0.2.1 or [2001:db8::1]"
	}
	return ""
}

// notOfName is of what no name of a host has. An underscore is no part of a host's name either, but some have one.
func notOfName(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
}

// portOf is the port that a URL says, or that its scheme has.
func portOf(u *url.URL) (uint16, error) {
	text := u.Port()
	switch {
	case text != "":
	case strings.HasSuffix(u.Host, ":"):
		return 0, fmt.Errorf("a colon without a port stands behind its host")
	case u.Scheme == "http":
		return 80, nil
	default:
		return 443, nil
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return 0, fmt.Errorf("its port is %.10q; ports go from 1 to 65535", text)
	}
	return uint16(port), nil
}
