package mail

import (
	"errors"
	"fmt"
	"net"
	"net/url"
)

// Server is where messages are handed over, and how. The zero value is none.
type Server struct {
	// Address is host:port, Host the name that its certificate must have.
	Address, Host string
	// Security says how the connection is kept from others.
	Security Security
	// User and Password are what it knows us by. Empty: it does not ask.
	User, Password string
}

// Security is how a connection is kept from others.
type Security int

const (
	// StartTLS begins in the open, and goes on with TLS or not at all. The default of smtp:.
	StartTLS Security = iota
	// ImplicitTLS begins with TLS (RFC 8314): smtps:.
	ImplicitTLS
	// InTheOpen is no TLS at all, for a server on the same machine: smtp: with tls=none. It goes with no password, unless the server is
	// on loopback.
	InTheOpen
)

// ParseServer reads smtp://user:password@host:587, smtps://host:465, or smtp://localhost:25?tls=none. A port that is left out is
// 587 of smtp, 465 of smtps. Errors show nothing of the password.
func ParseServer(text string) (Server, error) {
	u, err := url.Parse(text)
	if err != nil {
		return Server{}, errors.New("it is no URL; give one as smtp://user:password@mail.example.com:587")
	}
	s := Server{Host: u.Hostname()}
	port := "587"
	switch u.Scheme {
	case "smtp":
	case "smtps":
		s.Security, port = ImplicitTLS, "465"
	default:
		return Server{}, fmt.Errorf("its scheme is %.20q; give smtp:// (STARTTLS) or smtps:// (TLS from the beginning)", u.Scheme)
	}
	if p := u.Port(); p != "" {
		port = p
	}
	if s.Host == "" || u.Path != "" && u.Path != "/" || u.Fragment != "" {
		return Server{}, errors.New("give a host and a port and nothing behind them, as smtp://mail.example.com:587")
	}
	if err := s.options(u.Query(), u.Scheme); err != nil {
		return Server{}, err
	}
	s.Address = net.JoinHostPort(s.Host, port)
	s.User = u.User.Username()
	s.Password, _ = u.User.Password()
	if (s.User == "") != (s.Password == "") {
		return Server{}, errors.New("one of its user and its password is empty; give both, percent-encoded, or none")
	}
	if s.User != "" && s.Security == InTheOpen && !s.local() {
		return Server{}, errors.New("with tls=none a password would be read by others; leave tls=none out, or the password")
	}
	return s, nil
}

func (s *Server) options(q url.Values, scheme string) error {
	for name, values := range q {
		if name != "tls" || len(values) != 1 || values[0] != "none" || scheme != "smtp" {
			return errors.New("the only thing behind its ? is tls=none, of smtp")
		}
		s.Security = InTheOpen
	}
	return nil
}

// local reports whether the server is on this machine.
func (s *Server) local() bool {
	ip := net.ParseIP(s.Host)
	return s.Host == "localhost" || ip != nil && ip.IsLoopback()
}
