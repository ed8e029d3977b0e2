package account_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"parley/internal/account"
)

const keyID = "JBSWY3DPEB"

func accessTokens(t testing.TB, secret string) account.AccessTokens {
	t.Helper()
	tokens, err := account.NewAccessTokens([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func TestAccessTokenStandsForAKey(t *testing.T) {
	t.Parallel()
	tokens := accessTokens(t, "a secret of some length")
	now := time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC)
	text := tokens.Make(keyID, now.Add(time.Minute))
	for _, at := range []time.Time{now, now.Add(time.Minute - time.Nanosecond)} {
		if key, err := tokens.Read(text, at); err != nil || key != keyID {
			t.Errorf("at %v: got %q, %v; want %s", at, key, err, keyID)
		}
	}
	if _, err := tokens.Read(text, now.Add(time.Minute)); !errors.Is(err, account.ErrAccessTokenExpired) {
		t.Errorf("a minute later: got %v, want %v", err, account.ErrAccessTokenExpired)
	}
	if _, err := accessTokens(t, "another secret").Read(text, now); !errors.Is(err, account.ErrAccessTokenForm) {
		t.Errorf("under another secret: got %v, want %v", err, account.ErrAccessTokenForm)
	}
}

func TestAccessTokenThatWasTouchedIsNone(t *testing.T) {
	t.Parallel()
	tokens := accessTokens(t, "a secret of some length")
	now := time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC)
	text := tokens.Make(keyID, now.Add(time.Minute))
	for i := range text {
		for _, c := range []string{"A", "B", "\n", "="} {
			if changed := text[:i] + c + text[i+1:]; changed != text {
				if _, err := tokens.Read(changed, now); !errors.Is(err, account.ErrAccessTokenForm) {
					t.Fatalf("%q: got %v, want %v", changed, err, account.ErrAccessTokenForm)
				}
			}
		}
	}
	for _, other := range []string{"", text[1:], text + "A", strings.Repeat("A", len(text)), text + "\n"} {
		if _, err := tokens.Read(other, now); !errors.Is(err, account.ErrAccessTokenForm) {
			t.Errorf("%q: got %v, want %v", other, err, account.ErrAccessTokenForm)
		}
	}
}
