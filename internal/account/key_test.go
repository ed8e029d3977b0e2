package account_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"parley/internal/account"
)

var (
	created = time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC)
	scanned = regexp.MustCompile(`^parley_[A-Z2-7]{10}_[A-Z2-7]{33}$`)
)

func mint() (account.Key, string) {
	return account.MintKey(account.Key{Account: "acme", Scopes: []account.Scope{account.Read}, Created: created})
}

func TestMintKey(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for range 1000 {
		k, text := mint()
		if !scanned.MatchString(text) {
			t.Fatalf("%q does not look like a key", text)
		}
		id, err := account.ParseKeyID(text)
		if err != nil || id != k.ID {
			t.Fatalf("id of %q: %q, %v; want %q", text, id, err, k.ID)
		}
		if !k.Holds(text) {
			t.Fatalf("%q is not the key that it was made with", text)
		}
		if err := k.Validate(); err != nil {
			t.Fatal(err)
		}
		if seen[id] {
			t.Fatalf("id %s was given twice", id)
		}
		seen[id] = true
	}
}

func TestHolds(t *testing.T) {
	t.Parallel()
	k, _ := mint()
	other, text := mint()
	if k.Holds(text) {
		t.Error("a key takes the secret of another")
	}
	if other.Hash == k.Hash {
		t.Error("two keys have the same hash")
	}
}

// Of a key that was mistyped in any one place, nobody needs to be asked.
func TestParseKeyIDTellsTypos(t *testing.T) {
	t.Parallel()
	_, text := mint()
	for i := range text {
		other := byte('A')
		if text[i] == other {
			other = 'B'
		}
		if id, err := account.ParseKeyID(text[:i] + string(other) + text[i+1:]); !errors.Is(err, account.ErrKeyForm) {
			t.Errorf("with %q at %d: id %q, %v", other, i, id, err)
		}
	}
	for _, wrong := range []string{"", "parley_", text[:len(text)-1], text + "A", " " + text[1:], strings.ToLower(text), strings.Repeat("A", len(text))} {
		if id, err := account.ParseKeyID(wrong); !errors.Is(err, account.ErrKeyForm) {
			t.Errorf("%q: id %q, %v", wrong, id, err)
		}
	}
}

// A key that was given out once stays readable.
func TestKeyForm(t *testing.T) {
	t.Parallel()
	const golden = "parley_JBSWY3DPEB_LJUFQ2LTEBUW4IDBNRWCA3DJONE5MHDJY"
	if id, err := account.ParseKeyID(golden); err != nil || id != "JBSWY3DPEB" {
		t.Errorf("id %q, %v", id, err)
	}
}

func FuzzParseKeyID(f *testing.F) {
	_, text := mint()
	f.Add(text)
	f.Add("parley_")
	f.Fuzz(func(t *testing.T, text string) {
		if id, err := account.ParseKeyID(text); err == nil && !strings.HasPrefix(text, "parley_"+id+"_") {
			t.Errorf("id %q of %q", id, text)
		}
	})
}

func TestEnded(t *testing.T) {
	t.Parallel()
	at := created.Add(time.Hour)
	for _, c := range []struct {
		name string
		key  account.Key
		now  time.Time
		want string
	}{
		{"for ever", account.Key{}, at, ""},
		{"before it expires", account.Key{Expires: at}, at.Add(-1), ""},
		{"as it expires", account.Key{Expires: at}, at, "has expired at 2026-12-01T09:00:00Z"},
		{"revoked by a clock that is ahead", account.Key{Revoked: at}, at.Add(-time.Hour), "was revoked at 2026-12-01T09:00:00Z"},
		{"as it is revoked", account.Key{Revoked: at, Expires: at}, at, "was revoked at 2026-12-01T09:00:00Z"},
	} {
		if got := c.key.Ended(c.now); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestValidateKey(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*account.Key)
		want   string
	}{
		"an id of another form":   {func(k *account.Key) { k.ID = "abc" }, `id "abc"`},
		"no account":              {func(k *account.Key) { k.Account = "" }, `account ""`},
		"an account with a slash": {func(k *account.Key) { k.Account = "a/b" }, `account "a/b"`},
		"no scopes":               {func(k *account.Key) { k.Scopes = nil }, "no scopes"},
		"an unknown scope":        {func(k *account.Key) { k.Scopes = []account.Scope{"root"} }, `scope "root"`},
		"a name of two lines":     {func(k *account.Key) { k.Name = "a\nb" }, `name "a\nb"`},
		"a long name":             {func(k *account.Key) { k.Name = strings.Repeat("ä", 101) }, "at most 100"},
		"an end before it begins": {func(k *account.Key) { k.Expires = k.Created }, "expires"},
	} {
		k, _ := mint()
		c.change(&k)
		if err := k.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
	k, _ := mint()
	k.Name = strings.Repeat("ä", 100)
	if err := k.Validate(); err != nil {
		t.Error(err)
	}
}

func TestParseScopes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		given string
		want  string
		err   string
	}{
		{"read", "[read]", ""},
		{"admin, read,read", "[read admin]", ""},
		{"submit,read,admin", "[read submit admin]", ""},
		{"write", "", `no scope "write"`},
		{"", "", `no scope ""`},
	} {
		got, err := account.ParseScopes(strings.Split(c.given, ","))
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%q: error %v, want one with %q", c.given, err, c.err)
			}
			continue
		}
		if err != nil || text(got) != c.want {
			t.Errorf("%q: %v, %v; want %s", c.given, got, err, c.want)
		}
	}
	if _, err := account.ParseScopes(nil); err == nil {
		t.Error("no scopes at all are taken")
	}
}

func text(scopes []account.Scope) string {
	words := make([]string, len(scopes))
	for i, s := range scopes {
		words[i] = string(s)
	}
	return "[" + strings.Join(words, " ") + "]"
}
