package egress

import "net/netip"

// special are networks that are not public, each with its name. The first that holds an address names it, so the
// narrow stand before the wide.
var special = []struct {
	network netip.Prefix
	name    string
}{
	// IANA IPv4 Special-Purpose Address Registry, and RFC 5771 for multicast.
	{netip.MustParsePrefix("0.0.0.0/32"), "the unspecified address"},
	{netip.MustParsePrefix("0.0.0.0/8"), "this network (RFC 791)"},
	{netip.MustParsePrefix("10.0.0.0/8"), "private (RFC 1918)"},
	{netip.MustParsePrefix("100.100.100.200/32"), "a cloud's metadata service"}, // Alibaba
	{netip.MustParsePrefix("100.64.0.0/10"), "shared by a carrier's customers (RFC 6598)"},
	{netip.MustParsePrefix("127.0.0.0/8"), "loopback"},
	{netip.MustParsePrefix("168.63.129.16/32"), "a cloud's metadata service"},   // Azure
	{netip.MustParsePrefix("169.254.169.254/32"), "a cloud's metadata service"}, // most of them
	{netip.MustParsePrefix("169.254.0.0/16"), "link-local"},
	{netip.MustParsePrefix("172.16.0.0/12"), "private (RFC 1918)"},
	{netip.MustParsePrefix("192.0.0.192/32"), "a cloud's metadata service"}, // Oracle
	{netip.MustParsePrefix("192.0.0.0/24"), "for protocols of the IETF (RFC 6890)"},
	{netip.MustParsePrefix("192.0.2.0/24"), "for documentation"},
	{netip.MustParsePrefix("192.88.99.0/24"), "a relay of 6to4 (RFC 7526)"},
	{netip.MustParsePrefix("192.168.0.0/16"), "private (RFC 1918)"},
	{netip.MustParsePrefix("198.18.0.0/15"), "for benchmarks (RFC 2544)"},
	{netip.MustParsePrefix("198.51.100.0/24"), "for documentation"},
	{netip.MustParsePrefix("203.0.113.0/24"), "for documentation"},
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast"},
	{netip.MustParsePrefix("255.255.255.255/32"), "broadcast"},
	{netip.MustParsePrefix("240.0.0.0/4"), "reserved (RFC 1112)"},

	// IANA IPv6 Special-Purpose Address Registry.
	{netip.MustParsePrefix("::/128"), "the unspecified address"},
	{netip.MustParsePrefix("::1/128"), "loopback"},
	{netip.MustParsePrefix("64:ff9b::/96"), "an IPv4 address behind NAT64 (RFC 6052)"},
	{netip.MustParsePrefix("64:ff9b:1::/48"), "an IPv4 address behind NAT64 (RFC 8215)"},
	{netip.MustParsePrefix("2001::/32"), "an IPv4 address behind Teredo (RFC 4380)"},
	{netip.MustParsePrefix("2001::/23"), "for protocols of the IETF (RFC 2928)"},
	{netip.MustParsePrefix("2001:db8::/32"), "for documentation"},
	{netip.MustParsePrefix("2002::/16"), "an IPv4 address behind 6to4 (RFC 3056)"},
	{netip.MustParsePrefix("3fff::/20"), "for documentation"},
	{netip.MustParsePrefix("fd00:ec2::254/128"), "a cloud's metadata service"}, // Amazon
	{netip.MustParsePrefix("fd20:ce::254/128"), "a cloud's metadata service"},  // Google
	{netip.MustParsePrefix("fc00::/7"), "private (RFC 4193)"},
	{netip.MustParsePrefix("fe80::/10"), "link-local"},
	{netip.MustParsePrefix("fec0::/10"), "site-local (RFC 3879)"},
	{netip.MustParsePrefix("ff00::/8"), "multicast"},
}

// unicast6 is all of IPv6 that was ever given out to be reached (RFC 4291, section 2.4). Rules of a registry may be read
// too narrowly; what lies outside of this is not public whatever it is.
var unicast6 = netip.MustParsePrefix("2000::/3")

// kindOf says what an address is that is not public; empty: it is public.
func kindOf(a netip.Addr) string {
	a = plain(a)
	for _, s := range special {
		if s.network.Contains(a) {
			return s.name
		}
	}
	if !a.Is4() && !unicast6.Contains(a) {
		return "not global unicast"
	}
	return ""
}

// plain is an address without the guises that change how it is written and not where it leads: an IPv4 address in one of
// IPv6 (RFC 4291, section 2.5.5.2), a zone.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }
