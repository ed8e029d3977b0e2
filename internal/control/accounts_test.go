package control_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"parley/internal/account"
)

func mint(of string) account.Key {
	k, _ := account.MintKey(account.Key{Account: of, Name: "ci", Scopes: []account.Scope{account.Read, account.Submit}, Created: since, By: "ops@host"})
	return k
}

func TestEveryProcessHearsOfKeys(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	a, b := c.startProcess(t), c.startProcess(t)
	k := mint("acme")
	if got := b.Key(k.ID); got != nil {
		t.Fatalf("%+v before it is made", got)
	}
	if err := a.PutKey(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	if got := a.Key(k.ID); got == nil || !reflect.DeepEqual(*got, k) {
		t.Errorf("who made it knows %+v, want %+v", got, k)
	}
	written := time.Now()
	eventually(t, "the other process hears", func() bool { return b.Key(k.ID) != nil })
	if took := time.Since(written); took > time.Second {
		t.Errorf("heard after %s", took)
	}
	if got := b.Key(k.ID); !reflect.DeepEqual(*got, k) {
		t.Errorf("the other knows %+v, want %+v", got, k)
	}
	k.Expires = since.Add(time.Hour)
	if err := b.PutKey(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	k.Revoked = since.Add(time.Minute)
	if err := b.PutKey(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the first hears of the end", func() bool { return !a.Key(k.ID).Revoked.IsZero() })
	for _, p := range []process{a, b} {
		for _, text := range []string{`msg="API key made" audit=true key=` + k.ID, `msg="API key changed" audit=true`, `msg="API key revoked" audit=true`} {
			eventually(t, "each change is logged", func() bool { return p.logged.count(text) == 1 })
		}
		if p.logged.count(`by=ops@host`) != 3 {
			t.Error("who did it is not logged")
		}
	}
	if err := a.PutKey(t.Context(), account.Key{ID: k.ID}); err == nil {
		t.Error("a key without account and scopes is put")
	}
}

func TestEveryProcessHearsOfTerms(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	a, b := c.startProcess(t), c.startProcess(t)
	if got := a.Terms("acme"); got.Account != "acme" || !got.Default() {
		t.Errorf("of an account without terms %+v", got)
	}
	want := account.Terms{Account: "acme", Rate: new(2.5), OpenCalls: new(int64(0)), By: "ops@host", Since: since}
	if err := a.PutTerms(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the other process hears", func() bool { return !b.Terms("acme").Default() })
	for _, p := range []process{a, b} {
		if got := p.Terms("acme"); !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, want %+v", got, want)
		}
		eventually(t, "it is logged", func() bool {
			return p.logged.count(`msg="limits of an account set" audit=true account=acme rate=2.5 open_calls=0 by=ops@host`) == 1
		})
	}
	if err := b.PutTerms(t.Context(), account.Terms{Account: "acme", By: "ops@host", Since: since}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is heard that they are those of all again", func() bool { return a.Terms("acme").Default() })
	if err := a.PutTerms(t.Context(), account.Terms{Account: "acme", Rate: new(-1.0)}); err == nil {
		t.Error("a negative rate is put")
	}
}

func TestARestartKnowsKeysAndTerms(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	a := c.startProcess(t)
	old, young := mint("acme"), mint("globex")
	for _, k := range []account.Key{old, young, young} {
		if err := a.PutKey(t.Context(), k); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.PutTerms(t.Context(), account.Terms{Account: "acme", Burst: new(7), By: "ops@host", Since: since}); err != nil {
		t.Fatal(err)
	}
	a.stop()
	c.Compact()
	b := c.startProcess(t)
	if n := len(b.Keys()); n != 2 || b.Key(old.ID) == nil || b.Key(young.ID) == nil {
		t.Errorf("%d keys, want 2", n)
	}
	if all := b.AllTerms(); len(all) != 1 || *all[0].Burst != 7 {
		t.Errorf("terms %+v", all)
	}
	if b.logged.count("API key") != 0 {
		t.Error("what was found at the start is logged as a change")
	}
}

func TestKeysAndTermsThatAreNotUnderstood(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	a := c.startProcess(t)
	k := mint("acme")
	if err := a.PutKey(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	hash := strings.Repeat("0", 64)
	c.put(t, "key/"+k.ID, `{"version":2}`)
	c.put(t, "key/AAAAAAAAAA", `{"version":1,"id":"AAAAAAAAAB","account":"acme","scopes":["read"],"sha256":"`+hash+`","created":"2026-12-01T08:00:00Z","by":"b"}`)
	c.put(t, "key/AAAAAAAAAC", `{"version":1,"id":"AAAAAAAAAC","account":"acme","scopes":["root"],"sha256":"`+hash+`","created":"2026-12-01T08:00:00Z","by":"b"}`)
	c.put(t, "key/AAAAAAAAAD", `{"version":1,"id":"AAAAAAAAAD","account":"acme","scopes":["read"],"sha256":"`+hash[1:]+`","created":"2026-12-01T08:00:00Z","by":"b"}`)
	c.put(t, "account/acme", `{"version":1,"account":"acme","rate":-1,"by":"b","since":"2026-12-01T08:00:00Z"}`)
	c.put(t, "account/acme", `{"version":1,"account":"globex","rate":1,"by":"b","since":"2026-12-01T08:00:00Z"}`)
	c.put(t, "key/AAAAAAAAAE", `{"version":1,"id":"AAAAAAAAAE","account":"acme","scopes":["read"],"sha256":"`+hash+`","created":"2026-12-01T08:00:00Z","by":"b","more":1}`)
	eventually(t, "what is understood is heard", func() bool { return a.Key("AAAAAAAAAE") != nil })
	if got := a.Key(k.ID); got != nil {
		t.Errorf("key %+v is good, though what was said last may revoke it", got)
	}
	if n := len(a.Keys()); n != 1 {
		t.Errorf("%d keys, want 1", n)
	}
	if !a.Terms("acme").Default() {
		t.Error("terms that are wrong are in force")
	}
	if keys, terms := a.logged.count("API key not understood"), a.logged.count("limits of an account not understood"); keys != 4 || terms != 2 {
		t.Errorf("%d and %d warnings, want 4 and 2", keys, terms)
	}
}
