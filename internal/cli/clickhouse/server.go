// Package clickhouse asks a ClickHouse server through its HTTP interface, which alone offers every format.
package clickhouse

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// Server is the HTTP interface of a ClickHouse.
type Server struct {
	url            string // with the database
	user, password string
	http           *http.Client
}

// DSNError says that a DSN names no HTTP interface.
type DSNError struct {
	Scheme, Port string
}

func (e *DSNError) Error() string {
	return fmt.Sprintf("%s at port %q is not known to have an HTTP interface; give its URL, as http://user:password@host:8123/parley", e.Scheme, e.Port)
}

// Parse reads http[s]://[user[:password]@]host[:port][/database]. Of the native protocol's DSN it takes the HTTP
// interface to be at the port where ClickHouse has it by default. database is used where the DSN names none.
func Parse(dsn, database string) (*Server, error) {
	u, err := url.Parse(dsn)
	if err != nil || u.Host == "" {
		return nil, errors.New("the DSN is not http://user:password@host:8123/database") // without the error: it would show the password
	}
	secure := u.Query().Get("secure") == "true" // clickhouse-go's word for TLS
	switch native := u.Scheme == "clickhouse" || u.Scheme == "tcp" || u.Scheme == "native"; {
	case u.Scheme == "http", u.Scheme == "https":
	case native && (u.Port() == "9000" || u.Port() == "") && !secure:
		u.Scheme, u.Host = "http", net.JoinHostPort(u.Hostname(), "8123")
	case native && (u.Port() == "9440" || u.Port() == "" && secure):
		u.Scheme, u.Host = "https", net.JoinHostPort(u.Hostname(), "8443")
	default:
		return nil, &DSNError{Scheme: u.Scheme, Port: u.Port()}
	}
	if path := strings.Trim(u.Path, "/"); path != "" {
		database = path
	}
	s := &Server{user: u.User.Username(), http: http.DefaultClient}
	s.password, _ = u.User.Password()
	if given := u.Query(); given.Has("username") {
		s.user, s.password = given.Get("username"), given.Get("password") // clickhouse-go's other form
	}
	s.url = (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/", RawQuery: url.Values{"database": {database}}.Encode()}).String()
	return s, nil
}

// Use has connections by TLS made as a configuration says. It is called before anything is asked.
func (s *Server) Use(c *tls.Config) {
	s.http = &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: c}}
}

// Error is what ClickHouse says of a statement that it does not carry out.
type Error struct{ Message string }

// expectedList begins the list of everything that could stand where the syntax is wrong, often pages of it.
var expectedList = regexp.MustCompile(`(?s) Expected one of: .{200,}\. (\([A-Z_]+\))`)

// Error leaves out what does not help.
func (e *Error) Error() string { return expectedList.ReplaceAllString(e.Message, " $1") }

// errorBytesMax bounds what is read of an error.
const errorBytesMax = 64 << 10

// formatHeader says which format is asked for, and in which one the answer is: what the statement itself says counts more.
const formatHeader = "X-ClickHouse-Format"

// ask sends a statement and returns the answer in a format, while it comes. The caller closes its body.
func (s *Server) ask(ctx context.Context, statement, format string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, strings.NewReader(statement))
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	r.Header.Set(formatHeader, format)
	if s.user != "" {
		r.Header.Set("X-ClickHouse-User", s.user)
		r.Header.Set("X-ClickHouse-Key", s.password)
	}
	resp, err := s.http.Do(r)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err
		}
		return nil, fmt.Errorf("no answer from ClickHouse at %s: %w; is parley serve running, and is this its address?", r.URL.Host, err)
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		text, err := io.ReadAll(io.LimitReader(resp.Body, errorBytesMax))
		if err != nil {
			return nil, fmt.Errorf("read error of ClickHouse: %w", err)
		}
		return nil, &Error{Message: strings.TrimSpace(string(text))}
	}
	return resp, nil
}

// Stream writes the answer to a statement as it comes.
func (s *Server) Stream(ctx context.Context, w io.Writer, statement, format string) error {
	answer, err := s.ask(ctx, statement, format)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(w, answer.Body); err != nil {
		return fmt.Errorf("answer broke off: %w", err)
	}
	return nil
}
