package egress_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/net/dns/dnsmessage"

	"parley/internal/egress"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// names resolves every name to the addresses that it holds at the time.
type names struct{ addresses atomic.Pointer[[]netip.Addr] }

func (n *names) are(texts ...string) {
	var all []netip.Addr
	for _, text := range texts {
		all = append(all, netip.MustParseAddr(text))
	}
	n.addresses.Store(&all)
}

// resolver asks a server of DNS (RFC 1035), which is at the other end of a pipe.
func (n *names) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go n.serve(server)
		return client, nil
	}}
}

// serve answers on one connection until it is closed. Its end is that of the connection: the resolver closes it.
func (n *names) serve(c net.Conn) {
	defer c.Close()
	for {
		var size [2]byte
		if _, err := io.ReadFull(c, size[:]); err != nil {
			return
		}
		asked := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(c, asked); err != nil {
			return
		}
		answer := n.answer(asked)
		if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
			return
		}
	}
}

func (n *names) answer(asked []byte) []byte {
	var m dnsmessage.Message
	if err := m.Unpack(asked); err != nil {
		panic(err) // our own resolver asks
	}
	q := m.Questions[0]
	m.Response, m.Authoritative, m.Additionals = true, true, nil
	for _, a := range *n.addresses.Load() {
		header := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}
		switch {
		case a.Is4() && q.Type == dnsmessage.TypeA:
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AResource{A: a.As4()}})
		case a.Is6() && q.Type == dnsmessage.TypeAAAA:
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AAAAResource{AAAA: a.As16()}})
		}
	}
	answer, err := m.Pack()
	if err != nil {
		panic(err) // as above
	}
	return answer
}

// site is a server on loopback which counts what reaches it.
type site struct {
	port        string
	connections atomic.Int64
}

func startSite(t *testing.T) *site {
	t.Helper()
	s := new(site)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	_, s.port, _ = strings.Cut(server.Listener.Addr().String(), ":")
	return s
}

// post sends a request by a transport.
func post(t *testing.T, transport *egress.Transport, url string) error {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	response, err := transport.RoundTrip(r)
	if err != nil {
		return err
	}
	return response.Body.Close()
}

// A name is what its addresses are, each time that they are connected to.
func TestNamesAreLookedAtWhenTheyAreConnectedTo(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	var dns names
	allow, err := egress.ParseNetworks([]string{"127.0.0.1/32"})
	if err != nil {
		t.Fatal(err)
	}
	transport := egress.NewTransport(egress.TransportConfig{Guard: egress.New(allow), Resolver: dns.resolver()})
	t.Cleanup(transport.Close)
	url := "http://hook.example:" + s.port + "/"

	dns.are("127.0.0.1")
	if err := post(t, transport, url); err != nil {
		t.Fatalf("an allowed address: %v", err)
	}
	reached := s.connections.Load()
	transport.Close() // else the connection, which leads to what was looked at, would do again

	for _, rebound := range [][]string{
		{"127.0.0.2"}, {"0.0.0.0"}, {"::1"}, {"::"}, {"::ffff:127.0.0.2"}, {"169.254.169.254"}, {"64:ff9b::7f00:1"}, {"127.0.0.2", "127.0.0.3", "::1"},
	} {
		dns.are(rebound...)
		err := post(t, transport, url)
		if _, ok := errors.AsType[*egress.RefusedError](err); !ok {
			t.Errorf("%v: %v, want it refused", rebound, err)
		}
	}
	if n := s.connections.Load(); n != reached {
		t.Errorf("%d connections to what is refused", n-reached)
	}

	dns.are("127.0.0.2", "127.0.0.1") // of several, the one that is allowed
	if err := post(t, transport, url); err != nil {
		t.Errorf("an allowed address beside another: %v", err)
	}
}

// Nothing is allowed by default, a proxy of the environment is not asked, and nothing connects.
func TestNothingReachesLoopbackByDefault(t *testing.T) {
	s := startSite(t)
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:"+s.port)
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:"+s.port)
	var dns names
	dns.are("127.0.0.1")
	transport := egress.NewTransport(egress.TransportConfig{Resolver: dns.resolver()})
	t.Cleanup(transport.Close)
	for _, url := range []string{"https://hook.example/", "https://localhost:8443/", "https://127.0.0.1:443/", "http://127.0.0.1:" + s.port, "https://[::ffff:127.0.0.1]/"} {
		err := post(t, transport, url)
		if _, ok := errors.AsType[*egress.RefusedError](err); !ok {
			t.Errorf("%s: %v, want it refused", url, err)
		}
	}
	if n := s.connections.Load(); n != 0 {
		t.Errorf("%d connections", n)
	}
}
