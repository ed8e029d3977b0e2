package token_test

import (
	"encoding/base64"
	"errors"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"parley/internal/token"
)

var (
	expires = time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC)
	some    = token.Token{Partition: 47, RequestID: uuid.MustParse("018f4c1e-7c1a-7b5e-9d55-0242ac120002"), Expires: expires}
)

func signer(t testing.TB, secrets ...string) *token.Signer {
	t.Helper()
	var in [][]byte
	for _, s := range secrets {
		in = append(in, []byte(s))
	}
	s, err := token.NewSigner(in...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A token outlives the process that made it, and the version of it: this text must stay good.
func TestTokenOfVersion1(t *testing.T) {
	t.Parallel()
	const text = "AQAAAC8Bj0wefBp7Xp1VAkKsEgACAAAAAGsOfoCb1seBdpyynEO0lDuCAbiA"
	s := signer(t, "a secret of sixteen bytes or more")
	if got := s.Sign(some); got != text {
		t.Errorf("signed %s, want %s", got, text)
	}
	if got, err := s.Verify(text, expires.Add(-time.Second)); err != nil || got != some {
		t.Errorf("verified as %+v, %v, want %+v", got, err, some)
	}
}

func TestTokensAreShortAndSafeInAddressesAndSubjects(t *testing.T) {
	t.Parallel()
	s := signer(t, "secret")
	safe := regexp.MustCompile(`^[A-Za-z0-9_-]{1,100}$`)
	for _, tk := range []token.Token{
		{},
		some,
		{Partition: math.MaxInt32, RequestID: uuid.Max, Expires: time.Unix(math.MaxInt32, 0).UTC()},
	} {
		if text := s.Sign(tk); !safe.MatchString(text) {
			t.Errorf("%+v is signed as %q", tk, text)
		}
	}
}

func TestForgedComesBeforeExpired(t *testing.T) {
	t.Parallel()
	s := signer(t, "secret")
	text := s.Sign(some)
	tests := []struct {
		name string
		text string
		now  time.Time
		want error
	}{
		{"good", text, expires.Add(-time.Nanosecond), nil},
		{"expired", text, expires, token.ErrExpired},
		{"long expired", text, expires.Add(1000 * time.Hour), token.ErrExpired},
		{"empty", "", expires, token.ErrForged},
		{"cut", text[:len(text)-1], expires, token.ErrForged},
		{"with more behind", text + "A", expires, token.ErrForged},
		{"with a line break for a character", text[:20] + "\n" + text[21:], expires, token.ErrForged},
		{"padded", text + "=", expires, token.ErrForged},
		{"with a line break", text[:20] + "\n" + text[20:], expires, token.ErrForged},
		{"other alphabet", strings.Repeat("+", len(text)), expires, token.ErrForged},
		{"endless", strings.Repeat("A", 1<<20), expires, token.ErrForged},
		{"of another secret", signer(t, "another").Sign(some), expires, token.ErrForged},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, err := s.Verify(tt.text, tt.now); !errors.Is(err, tt.want) {
				t.Errorf("%v, want %v", err, tt.want)
			}
		})
	}
}

func TestEveryBitIsAuthenticated(t *testing.T) {
	t.Parallel()
	s := signer(t, "secret")
	b, err := base64.RawURLEncoding.DecodeString(s.Sign(some))
	if err != nil {
		t.Fatal(err)
	}
	for bit := range len(b) * 8 {
		b[bit/8] ^= 1 << (bit % 8)
		if got, err := s.Verify(base64.RawURLEncoding.EncodeToString(b), expires.Add(-time.Hour)); !errors.Is(err, token.ErrForged) {
			t.Errorf("with bit %d turned: %+v, %v", bit, got, err)
		}
		b[bit/8] ^= 1 << (bit % 8)
	}
}

// While nodes change to a new secret one after the other, each accepts the tokens of the others.
func TestRotation(t *testing.T) {
	t.Parallel()
	now := expires.Add(-time.Hour)
	before, during, after := signer(t, "old"), signer(t, "new", "old"), signer(t, "new")
	if _, err := during.Verify(before.Sign(some), now); err != nil {
		t.Errorf("a token of the old secret: %v", err)
	}
	if during.Sign(some) != after.Sign(some) {
		t.Error("the first secret does not sign")
	}
	if _, err := after.Verify(before.Sign(some), now); !errors.Is(err, token.ErrForged) {
		t.Errorf("a token of a secret that was given up: %v", err)
	}
}

func TestNewSignerRefuses(t *testing.T) {
	t.Parallel()
	for name, secrets := range map[string][][]byte{"none": nil, "empty": {{}}, "empty behind another": {[]byte("s"), nil}} {
		if _, err := token.NewSigner(secrets...); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// What is accepted is what was signed, and there is one spelling of it.
func FuzzVerify(f *testing.F) {
	s := signer(f, "secret")
	f.Add(s.Sign(some))
	f.Add("")
	f.Add(strings.Repeat("A", 60))
	f.Fuzz(func(t *testing.T, text string) {
		got, err := s.Verify(text, expires)
		if err == nil || errors.Is(err, token.ErrExpired) {
			if again := s.Sign(got); again != text {
				t.Errorf("%q is %+v, which is signed %q", text, got, again)
			}
			return
		}
		if !errors.Is(err, token.ErrForged) || got != (token.Token{}) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	})
}
