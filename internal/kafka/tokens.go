package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

const (
	// fetchTimeout bounds how long a token may take.
	fetchTimeout = 10 * time.Second
	// refusedAgeMin is how old a token is at the least that another is fetched for because it was refused: a broker that
	// refuses all tokens shall not have us ask for one with each connection.
	refusedAgeMin = 10 * time.Second
)

// tokens keeps one token for all connections. It is fetched again when four fifths of its life are over; until it expires it is
// used as long as there is no other.
type tokens struct {
	cfg  OAuth
	http *http.Client

	mu      sync.Mutex
	fetch   clientcredentials.Config
	held    *oauth2.Token // nil: none
	fetched time.Time
}

func newTokens(cfg OAuth) *tokens {
	return &tokens{
		cfg:   cfg,
		http:  &http.Client{Timeout: fetchTimeout},
		fetch: clientcredentials.Config{ClientID: cfg.ClientID, TokenURL: cfg.TokenURL, Scopes: strings.Fields(cfg.Scope)},
	}
}

// TokenError says that no token was given.
type TokenError struct {
	URL string
	// Refused is set when the server wants something else of us; else it is away, or cannot.
	Refused bool
	Err     error
}

func (e *TokenError) Error() string { return fmt.Sprintf("no token from %s: %s", e.URL, e.Err) }

// Unwrap is why.
func (e *TokenError) Unwrap() error { return e.Err }

// TokenRefusedError says that a broker did not take a token.
type TokenRefusedError struct{ Said string }

func (e *TokenRefusedError) Error() string { return "the token was refused: " + e.Said }

// token returns one that can be used now.
func (t *tokens) token(ctx context.Context) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if t.held != nil && now.Before(t.renewal()) {
		return t.held.AccessToken, nil
	}
	fresh, err := t.renew(ctx)
	if err == nil {
		t.held, t.fetched = fresh, now
		return fresh.AccessToken, nil
	}
	if t.held.Valid() {
		return t.held.AccessToken, nil
	}
	return "", err
}

// renewal is when the token that is held is fetched again; one that says nothing of its end, hourly.
func (t *tokens) renewal() time.Time {
	if t.held.Expiry.IsZero() {
		return t.fetched.Add(time.Hour)
	}
	return t.fetched.Add(t.held.Expiry.Sub(t.fetched) * 4 / 5)
}

// refused forgets a token that a broker did not take, as its keys may have changed.
func (t *tokens) refused() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if time.Since(t.fetched) > refusedAgeMin {
		t.held = nil
	}
}

func (t *tokens) renew(ctx context.Context) (*oauth2.Token, error) {
	text, err := t.cfg.Secret.Read()
	if err != nil {
		return nil, err
	}
	t.fetch.ClientSecret = text
	token, err := t.fetch.Token(context.WithValue(ctx, oauth2.HTTPClient, t.http))
	refused := false
	if refusal, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		refused, err = final(refusal.Response), retrieval(refusal)
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // the URL is said once
	}
	if err != nil {
		return nil, &TokenError{URL: t.cfg.TokenURL, Refused: refused, Err: err}
	}
	return token, nil
}

// final reports whether another try would be answered in the same way.
func final(r *http.Response) bool {
	switch {
	case r == nil, r.StatusCode == http.StatusRequestTimeout, r.StatusCode == http.StatusTooManyRequests:
		return false
	}
	return r.StatusCode >= 400 && r.StatusCode < 500
}

// retrieval is what the server says of a refusal (RFC 6749, section 5.2), not the page that it shows.
func retrieval(e *oauth2.RetrieveError) error {
	said := strings.TrimSpace(e.ErrorCode + " " + e.ErrorDescription)
	status := "no status"
	if e.Response != nil {
		status = e.Response.Status
	}
	return fmt.Errorf("%s (%s)", cmp.Or(said, excerpt(e.Body), "no reason"), status)
}

// excerptBytesMax bounds what is repeated of what others say.
const excerptBytesMax = 200

// excerpt is the beginning of a text, on one line.
func excerpt(b []byte) string {
	return strings.Join(strings.Fields(strings.ToValidUTF8(string(b[:min(len(b), excerptBytesMax)]), "?")), " ")
}
