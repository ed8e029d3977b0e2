package egress_test

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"parley/internal/egress"
)

// urls are ways to write where a request goes, with a part of why it does not; empty: it does. The bypasses are those
// that are known of other guards.
var urls = []struct{ url, why string }{
	{"https://example.com/hook", ""},
	{"https://example.com:443/hook?a=b", ""},
	{"https://example.com.:8443/", ""},
	{"https://EXAMPLE.com", ""},
	{"https://xn--bcher-kva.example/", ""},
	{"https://a_b.example.com/", ""},
	{"https://93.184.216.34/", ""},
	{"https://[2606:2800:220:1:248:1893:25c8:1946]:8443/", ""},
	{"https://example.com#@127.0.0.1/", ""}, // what follows # is not the host, for nobody who reads RFC 3986

	{"", "scheme"},
	{"example.com", "scheme"},
	{"//example.com/", "scheme"},
	{"http://example.com/", "only https"},
	{"ftp://example.com/", "scheme"},
	{"file:///etc/passwd", "scheme"},
	{"gopher://127.0.0.1:6379/_FLUSHALL", "scheme"},
	{"unix:///var/run/docker.sock", "scheme"},
	{"https:///hook", "no host"},
	{"https://:443/", "no host"},
	{"https://example.com:80/", "port is 80"},
	{"https://example.com:22/", "port is 22"},
	{"https://example.com:0/", "ports go from 1"},
	{"https://example.com:65979/", "ports go from 1"}, // 443, to who keeps 16 bits
	{"https://example.com:/", "colon"},
	{"https://93.184.216.34:9092/", "port is 9092"},
	{"https://user@example.com/", "leave them out"},
	{"https://example.com:443@127.0.0.1/", "leave them out"},
	{`https://example.com\@127.0.0.1/`, "not a URL"},
	{"https://127.0.0.1 .example.com/", "not a URL"},
	{"https://example.com\r\nHost: a/", "not a URL"},
	{"https://-/\x00", "not a URL"},

	// IPv4 that is not public.
	{"https://127.0.0.1/", "loopback"},
	{"https://127.255.255.254/", "loopback"},
	{"https://0.0.0.0/", "unspecified"},
	{"https://0.1.2.3/", "this network"},
	{"https://10.255.255.255/", "private"},
	{"https://172.16.0.1/", "private"},
	{"https://172.31.255.255/", "private"},
	{"https://172.32.0.1/", ""},
	{"https://192.168.1.1/", "private"},
	{"https://100.64.0.1/", "carrier"},
	{"https://100.127.255.255/", "carrier"},
	{"https://100.128.0.1/", ""},
	{"https://169.254.1.1/", "link-local"},
	{"https://169.254.169.254/latest/meta-data/", "metadata"},
	{"https://100.100.100.200/latest/meta-data/", "metadata"},
	{"https://168.63.129.16/machine", "metadata"},
	{"https://192.0.0.192/opc/v1/", "metadata"},
	{"https://192.0.0.170/", "IETF"},
	{"https://192.0.2.1/", "documentation"},
	{"https://192.88.99.1/", "6to4"},
	{"https://198.18.0.1/", "benchmarks"},
	{"https://198.51.100.1/", "documentation"},
	{"https://203.0.113.1/", "documentation"},
	{"https://224.0.0.1/", "multicast"},
	{"https://239.255.255.250/", "multicast"},
	{"https://240.0.0.1/", "reserved"},
	{"https://255.255.255.255/", "broadcast"},

	// The same, as some resolvers and libraries read them.
	{"https://2130706433/", "neither a name nor an address"},      // one number
	{"https://0x7f000001/", "neither a name nor an address"},      // hexadecimal
	{"https://017700000001/", "neither a name nor an address"},    // octal
	{"https://127.1/", "neither a name nor an address"},           // short
	{"https://127.0.1/", "neither a name nor an address"},         // short
	{"https://0177.0.0.1/", "neither a name nor an address"},      // an octal part
	{"https://0x7f.0.0.1/", "neither a name nor an address"},      // a hexadecimal part
	{"https://127.0.0.01/", "neither a name nor an address"},      // a leading zero
	{"https://127.0.0.0x1/", "neither a name nor an address"},     // the last part hexadecimal
	{"https://127.0.0.1./", "neither a name nor an address"},      // a root
	{"https://425.510.425.510/", "neither a name nor an address"}, // too large parts, which wrap
	{"https://0/", "neither a name nor an address"},               // the unspecified one
	{"https://1.2.3.4.5/", "neither a name nor an address"},       // too many
	{"https://127%2e0%2e0%2e1/", "not a URL"},                     // escaped
	{"https://%31%32%37.0.0.1/", "not a URL"},                     // escaped
	{"https://127。0。0。1/", "another script"},                      // ideographic full stops
	{"https://１２７.0.0.1/", "another script"},                      // full width
	{"https://①②⑦.⓪.⓪.①/", "another script"},                      // in circles
	{"https://exam\u00adple.com/", "another script"},              // a soft hyphen
	{"https://a..b/", "letters, digits"},                          // an empty label
	{"https://.127.0.0.1/", "letters, digits"},                    // an empty label
	{"https://" + strings.Repeat("a", 64) + ".com/", "letters"},   // a label that DNS has not
	{"https://" + strings.Repeat("a.", 127) + "com/", "253"},      // a name that DNS has not
	{"https://[127.0.0.1]/", "not a URL"},                         // in brackets
	{"https://127.0.0.1.nip.io/", ""},                             // a name: judged when it is connected to
	{"https://localhost/", ""},                                    // as is this one
	{"https://metadata.google.internal/computeMetadata/v1/", ""},  // and this
	{"https://[::ffff:8.8.8.8]/", ""},                             // public in the guise of IPv6
	{"https://[::ffff:127.0.0.1]/", "loopback"},                   // v4-mapped
	{"https://[::ffff:7f00:1]/", "loopback"},                      // v4-mapped
	{"https://[0:0:0:0:0:ffff:a9fe:a9fe]/", "metadata"},           // v4-mapped
	{"https://[::127.0.0.1]/", "not global unicast"},              // v4-compatible
	{"https://[::ffff:0:127.0.0.1]/", "not global unicast"},       // v4-translated
	{"https://[64:ff9b::127.0.0.1]/", "NAT64"},                    // well-known prefix
	{"https://[64:ff9b::a9fe:a9fe]/", "NAT64"},                    // well-known prefix
	{"https://[64:ff9b:1::10.0.0.1]/", "NAT64"},                   // local use
	{"https://[2002:7f00:1::]/", "6to4"},
	{"https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/", "Teredo"},
	{"https://[::1]/", "loopback"},
	{"https://[0000:0000:0000:0000:0000:0000:0000:0001]/", "loopback"},
	{"https://[::]/", "unspecified"},
	{"https://[fc00::1]/", "private"},
	{"https://[fd00:ec2::254]/", "metadata"},
	{"https://[fd20:ce::254]/", "metadata"},
	{"https://[fe80::1]/", "link-local"},
	{"https://[fe80::1%25eth0]/", "zone"},
	{"https://[2606:2800:220:1::1%25eth0]/", "zone"},
	{"https://[fec0::1]/", "site-local"},
	{"https://[ff02::1]/", "multicast"},
	{"https://[2001:db8::1]/", "documentation"},
	{"https://[3fff::1]/", "documentation"},
	{"https://[2001:2::1]/", "IETF"},             // benchmarks
	{"https://[100::1]/", "not global unicast"},  // discard
	{"https://[5f00::1]/", "not global unicast"}, // segment routing
	{"https://[4000::1]/", "not global unicast"}, // nobody's yet
}

func TestURLs(t *testing.T) {
	t.Parallel()
	var g egress.Guard
	for _, tt := range urls {
		t.Run(tt.url, func(t *testing.T) {
			err := g.CheckURL(tt.url)
			switch refused, ok := errors.AsType[*egress.RefusedError](err); {
			case tt.why == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tt.why == "":
			case !ok:
				t.Errorf("error %v, want one that says %q", err, tt.why)
			case !strings.Contains(refused.Error(), tt.why):
				t.Errorf("refused as %q, want %q in it", refused, tt.why)
			}
		})
	}
}

// An error is shown to whoever named the URL, and logged: what is secret in a URL is not in it.
func TestAnErrorShowsTheHostAlone(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"https://a:hunter2@example.com/", "https://127.0.0.1/hunter2?key=hunter2", "https://%zz/hunter2"} {
		err := egress.Guard{}.CheckURL(url)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// What is allowed is any port, and plain http, of the networks that are named, and of no other.
func TestAllowedNetworks(t *testing.T) {
	t.Parallel()
	allow, err := egress.ParseNetworks([]string{"127.0.0.0/30", "::ffff:10.1.0.0/112", "fd00::/8", "64:ff9b::/96", "100.100.100.200/32"})
	if err != nil {
		t.Fatal(err)
	}
	g := egress.New(allow)
	for url, allowed := range map[string]bool{
		"http://127.0.0.1:8080/":       true,
		"http://[::ffff:127.0.0.1]:1/": true,
		"https://127.0.0.3:22/":        true,
		"https://127.0.0.4/":           false,
		"https://[::1]/":               false,
		"http://10.1.255.255/":         true,
		"https://10.2.0.1/":            false,
		"http://[fd12::1]:9/":          true,
		"https://[64:ff9b::7f00:1]/":   true,
		"https://100.100.100.200/":     true,
		"https://100.100.100.201/":     false,
		"https://93.184.216.34/":       true,
		"http://93.184.216.34/":        false,
		"https://93.184.216.34:22/":    false,
		"http://hook.internal:8080/":   true, // where that leads is looked at later
		"ftp://127.0.0.1/":             false,
		"http://a@127.0.0.1/":          false,
		"http://2130706433/":           false,
	} {
		if err := g.CheckURL(url); (err == nil) != allowed {
			t.Errorf("%s: %v, want it allowed: %t", url, err, allowed)
		}
	}
}

func TestNetworksThatAreNone(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "10.0.0.1", "10.0.0.0/33", "10.0.0.0/08", "localhost", "::ffff:0:0/95", "fe80::%eth0/64"} {
		if got, err := egress.ParseNetworks([]string{text}); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
	if got, err := egress.ParseNetworks([]string{"10.1.2.3/8"}); err != nil || got[0] != netip.MustParsePrefix("10.0.0.0/8") {
		t.Errorf("10.1.2.3/8 is read as %v, %v", got, err)
	}
}

// The dialer asks again of what it is about to connect to, whatever was said of the URL.
func TestConnections(t *testing.T) {
	t.Parallel()
	allow, err := egress.ParseNetworks([]string{"10.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		scheme, network, address string
		allowed                  bool
	}{
		{"https", "tcp4", "93.184.216.34:443", true},
		{"https", "tcp6", "[2606:2800:220:1::1]:8443", true},
		{"http", "tcp4", "93.184.216.34:443", false},
		{"https", "tcp4", "93.184.216.34:25", false},
		{"https", "tcp4", "127.0.0.1:443", false},
		{"https", "tcp6", "[::ffff:127.0.0.1]:443", false},
		{"https", "tcp6", "[fe80::1%lo]:443", false},
		{"http", "tcp4", "10.0.0.1:25", true},
		{"http", "tcp6", "[::ffff:10.0.0.1]:25", true},
		{"http", "udp4", "10.0.0.1:53", false},
		{"https", "unix", "/run/a.sock", false},
		{"https", "tcp4", "example.com:443", false},
	} {
		d := egress.New(allow).Dialer(tt.scheme, net.Dialer{})
		if err := d.Control(tt.network, tt.address, nil); (err == nil) != tt.allowed {
			t.Errorf("%s to %s by %s: %v, want it allowed: %t", tt.scheme, tt.address, tt.network, err, tt.allowed)
		}
	}
}

// What a guard takes of a URL is never an address that is not public.
func FuzzCheckURL(f *testing.F) {
	for _, tt := range urls {
		f.Add(tt.url)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if (egress.Guard{}).CheckURL(text) != nil {
			return
		}
		rest, ok := strings.CutPrefix(strings.ToLower(text), "https://")
		if !ok {
			t.Fatalf("%q is taken", text)
		}
		host := rest[:strings.IndexAny(rest+"/", "/?#")]
		if strings.ContainsAny(host, "@%\\ ") {
			t.Fatalf("%q is taken", text)
		}
		for _, port := range []string{":443", ":8443"} {
			host = strings.TrimSuffix(host, port)
		}
		a, err := netip.ParseAddr(strings.Trim(host, "[]"))
		if err == nil && (!a.Unmap().IsGlobalUnicast() || a.Unmap().IsPrivate()) {
			t.Fatalf("%q is taken", text)
		}
	})
}
