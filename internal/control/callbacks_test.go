package control_test

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/internal/account"
	"parley/internal/webhook"
)

// secretsOf are the secrets of an account, as a process knows them.
func secretsOf(t *testing.T, p process, of string) account.CallbackSecrets {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s, err := p.CallbackSecrets(ctx, of)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// However many ask at once, and wherever, there is one first secret; a process that starts knows the same.
func TestTheFirstCallbackSecretIsTheSameEverywhere(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	processes := []process{c.startProcess(t), c.startProcess(t), c.startProcess(t)}
	for round := range 10 {
		of := fmt.Sprintf("acme-%d", round)
		ids := make(chan string, 4*len(processes))
		var asking sync.WaitGroup
		for _, p := range processes {
			for range 4 {
				asking.Go(func() {
					s, err := p.CallbackSecrets(t.Context(), of)
					if err != nil {
						t.Error(err)
						return
					}
					ids <- s.Secrets[0].ID()
				})
			}
		}
		asking.Wait()
		close(ids)
		first := <-ids
		for id := range ids {
			if id != first {
				t.Errorf("account %s has the secrets %s and %s", of, first, id)
			}
		}
	}
	want := secretsOf(t, processes[0], "acme-3")
	c.Compact()
	late := c.startProcess(t)
	if got := secretsOf(t, late, "acme-3"); !reflect.DeepEqual(got, want) {
		t.Errorf("after a restart it is %v, want %v", got, want)
	}
	for _, p := range append(processes, late) {
		p.logged.mu.Lock()
		shown := strings.Contains(p.logged.b.String(), want.Secrets[0].Text())
		p.logged.mu.Unlock()
		if shown {
			t.Error("a secret is in the log")
		}
	}
}

// What was put counts from then on, whatever was made first, and also when two had been made.
func TestCallbackSecretsThatWerePutCount(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	a, b := c.startProcess(t), c.startProcess(t)
	first := secretsOf(t, a, "acme")
	second, err := first.Rotate(since, time.Hour, "ops@host")
	if err != nil {
		t.Fatal(err)
	}
	if err := a.PutCallbackSecrets(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	if got := secretsOf(t, a, "acme"); !reflect.DeepEqual(got, second) {
		t.Errorf("who put them knows %v, want %v", got, second)
	}
	eventually(t, "the other process hears", func() bool { return len(secretsOf(t, b, "acme").Secrets) == 2 })
	eventually(t, "it is logged", func() bool {
		return b.logged.count(`msg="callback secrets changed" audit=true account=acme`) == 1 && b.logged.count("by=ops@host") == 1
	})
	late := webhook.NewSecret().Text()
	c.put(t, "callback-first/acme/late", `{"version":1,"account":"acme","secrets":[{"secret":"`+late+`","created":"2026-12-01T08:00:00Z"}],"by":"b"}`)
	c.Compact()
	if got := secretsOf(t, c.startProcess(t), "acme"); !reflect.DeepEqual(got, second) {
		t.Errorf("after a restart they are %v, want %v", got, second)
	}
	if err := a.PutCallbackSecrets(t.Context(), account.CallbackSecrets{Account: "acme"}); err == nil {
		t.Error("no secrets are put")
	}
}

func TestEveryProcessHearsOfDisabledTargets(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	a, b := c.startProcess(t), c.startProcess(t)
	want := account.DisabledTarget{Account: "acme", Address: "https://example.com/hook?key=hunter2", Since: since}
	if a.DisabledTarget(want.Account, want.Address) != nil {
		t.Error("a target is disabled of which nothing was said")
	}
	if err := a.DisableTarget(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the other process hears", func() bool { return b.DisabledTarget(want.Account, want.Address) != nil })
	for _, p := range []process{a, b, c.startProcess(t)} {
		if got := p.DisabledTarget(want.Account, want.Address); got == nil || *got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
		if all := p.DisabledTargets("acme"); len(all) != 1 || len(p.DisabledTargets("globex")) != 0 {
			t.Errorf("targets of acme %+v", all)
		}
		if p.DisabledTarget("globex", want.Address) != nil || p.DisabledTarget("acme", "https://example.com/hook") != nil {
			t.Error("another target is disabled")
		}
	}
	if err := b.EnableTarget(t.Context(), want.Account, want.Address); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the first hears of the end", func() bool { return a.DisabledTarget(want.Account, want.Address) == nil })
	for _, p := range []process{a, b} {
		eventually(t, "each change is logged", func() bool {
			return p.logged.count("callback target disabled") == 1 && p.logged.count("callback target enabled") == 1
		})
		if p.logged.count("hunter2") != 0 {
			t.Error("what may be a secret is in the log")
		}
	}
	if err := a.DisableTarget(t.Context(), account.DisabledTarget{Account: "acme"}); err == nil {
		t.Error("an empty address is disabled")
	}
}

func TestCallbacksThatAreNotUnderstood(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	a := c.startProcess(t)
	first := secretsOf(t, a, "acme")
	text := webhook.NewSecret().Text()
	c.put(t, "callback-secrets/acme", `{"version":2}`)
	c.put(t, "callback-secrets/acme", `{"version":1,"account":"globex","secrets":[{"secret":"`+text+`","created":"2026-12-01T08:00:00Z"}],"by":"b"}`)
	c.put(t, "callback-secrets/acme", `{"version":1,"account":"acme","secrets":[{"secret":"whsec_AAAA","created":"2026-12-01T08:00:00Z"}],"by":"b"}`)
	c.put(t, "callback-secrets/acme", `{"version":1,"account":"acme","secrets":[],"by":"b"}`)
	c.put(t, "callback-first/globex/1", `not JSON`)
	c.put(t, "callback-disabled/acme/00", `{"version":1,"account":"acme","address":"https://example.com","since":"2026-12-01T08:00:00Z"}`)
	c.put(t, "callback-secrets/initech", `{"version":1,"account":"initech","secrets":[{"secret":"`+text+`","created":"2026-12-01T08:00:00Z"}],"by":"b","more":1}`)
	eventually(t, "what is understood is heard", func() bool { return secretsOf(t, a, "initech").Secrets[0].Text() == text })
	if got := secretsOf(t, a, "acme"); !reflect.DeepEqual(got, first) {
		t.Errorf("they are %v, want %v", got, first)
	}
	if put, made, disabled := a.logged.count("callback secrets not understood"), a.logged.count("first callback secret not understood"), a.logged.count("disabled target not understood"); put != 4 || made != 1 || disabled != 1 {
		t.Errorf("%d, %d and %d warnings, want 4, 1 and 1", put, made, disabled)
	}
}

// Without Kafka there is no first secret, and who asks is not held up for ever.
func TestNoFirstCallbackSecretWithoutKafka(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	a := c.startProcess(t)
	c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	var asking sync.WaitGroup
	for range 3 {
		asking.Go(func() {
			if s, err := a.CallbackSecrets(ctx, "acme"); err == nil {
				t.Errorf("%v without a broker", s)
			}
		})
	}
	asking.Wait()
	if _, err := a.CallbackSecrets(t.Context(), "a/b"); err == nil {
		t.Error("an account that cannot be has secrets")
	}
}
