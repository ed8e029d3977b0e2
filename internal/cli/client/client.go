// Package client speaks Parley's HTTP interface (schemas/openapi.yaml), as far as the command line needs it.
package client

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"parley/internal/account"
	"parley/schemas"
)

// Client asks one Parley. It may be shared.
type Client struct {
	base    string
	account string
	key     string
	http    *http.Client
}

// Config says which Parley is asked, and by whom.
type Config struct {
	// URL is where Parley answers.
	URL string
	// Account is acted on. Empty: the one that the server gives.
	Account string
	// Key is the API key that is shown. Empty: none.
	Key string
	// Trust verifies a Parley that is reached by TLS. Nil: the authorities of the system do.
	Trust *tls.Config
}

// New returns a client. Its error says what cannot be a Parley, or a key.
func New(cfg Config) (*Client, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("address of Parley is %q; give a URL, as http://127.0.0.1:8080", cfg.URL)
	}
	if cfg.Key != "" {
		if _, err := account.ParseKeyID(cfg.Key); err != nil {
			return nil, fmt.Errorf("API key: %w; parley keys create makes one", err)
		}
	}
	transport := &http.Transport{
		TLSClientConfig:     cfg.Trust,
		Proxy:               http.ProxyFromEnvironment,
		MaxIdleConnsPerHost: 256, // as many as there may be polls at once
		IdleConnTimeout:     time.Minute,
	}
	return &Client{base: strings.TrimRight(cfg.URL, "/"), account: cfg.Account, key: cfg.Key, http: &http.Client{Transport: transport}}, nil
}

// Close drops the idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// answerTimeout bounds how long an answer may take, beyond the wait that was asked for.
const answerTimeout = 30 * time.Second

var errSlow = errors.New("no answer in time")

// answerBytesMax bounds an answer: the longest is for a request of 10,000 calls.
const answerBytesMax = 64 << 20

// answer is what the server said, whole.
type answer struct {
	status      int
	contentType string
	retryAfter  time.Duration
	body        []byte
}

// do sends a request. Its error is an *UnavailableError when it is of use to send it again.
func (c *Client) do(ctx context.Context, r *http.Request) (answer, error) {
	c.identify(r)
	resp, err := c.http.Do(r.WithContext(ctx))
	if err != nil {
		return answer{}, c.unreached(ctx, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, answerBytesMax))
	if err != nil {
		return answer{}, c.unreached(ctx, err)
	}
	seconds, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	if err != nil {
		seconds = 0 // none, or a date: the caller's own pause does
	}
	return answer{
		status:      resp.StatusCode,
		contentType: resp.Header.Get("Content-Type"),
		retryAfter:  time.Duration(seconds) * time.Second,
		body:        body,
	}, nil
}

// identify says in a request who makes it.
func (c *Client) identify(r *http.Request) {
	if c.account != "" {
		r.Header.Set("Parley-Account", c.account)
	}
	if c.key != "" {
		r.Header.Set("Authorization", "Bearer "+c.key)
	}
}

// unreached is the error of a request without an answer.
func (c *Client) unreached(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, errSlow) {
		return cause
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	return &UnavailableError{Err: fmt.Errorf("no answer from %s: %w", c.base, err)}
}

// UnavailableError says that Parley cannot answer now; the same request may be sent again.
type UnavailableError struct {
	// After is how long to wait at least; zero: it was not said.
	After time.Duration
	Err   error
}

func (e *UnavailableError) Error() string { return e.Err.Error() }

// Unwrap returns the reason.
func (e *UnavailableError) Unwrap() error { return e.Err }

// Said reports whether Parley itself says that it cannot. Otherwise it was not reached, or its answer did not arrive.
func (e *UnavailableError) Said() bool {
	_, said := errors.AsType[*RefusedError](e.Err)
	return said
}

// RefusedError is a problem document that answers a whole request.
type RefusedError struct {
	Status  int          `json:"status"`
	Code    schemas.Code `json:"code"`
	Detail  string       `json:"detail"`
	Pointer string       `json:"pointer"`
}

func (e *RefusedError) Error() string {
	if e.Pointer != "" {
		return fmt.Sprintf("%s at %s: %s", e.Code, e.Pointer, e.Detail)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Detail)
}

// problem is the error of an answer that is not a success.
func (a answer) problem() error {
	var p RefusedError
	if err := json.Unmarshal(a.body, &p); err != nil || p.Code == "" {
		p = RefusedError{Code: schemas.Internal, Detail: fmt.Sprintf("%.200q", a.body)}
	}
	p.Status = a.status
	switch a.status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return &UnavailableError{After: a.retryAfter, Err: &p}
	}
	return &p
}
