package account_test

import (
	"errors"
	"testing"
	"time"

	"parley/internal/account"
)

var callbackDay = time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC)

// ids are those of the secrets that are good at a time.
func ids(c account.CallbackSecrets, at time.Time) (all []string) {
	for _, s := range c.Good(at) {
		all = append(all, s.ID())
	}
	return all
}

func TestSecretsOfCallbacksAreReplaced(t *testing.T) {
	t.Parallel()
	first := account.FirstCallbackSecret("acme", callbackDay, "ops")
	second, err := first.Rotate(callbackDay.Add(time.Hour), 24*time.Hour, "ops")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(first.Validate(), second.Validate()); err != nil {
		t.Fatal(err)
	}
	if got := ids(second, callbackDay.Add(25*time.Hour-1)); len(got) != 2 || got[1] != first.Secrets[0].ID() {
		t.Errorf("before the overlap ends %v sign", got)
	}
	if got := ids(second, callbackDay.Add(25*time.Hour)); len(got) != 1 || got[0] != second.Secrets[0].ID() {
		t.Errorf("when the overlap has ended %v sign", got)
	}
	third, err := second.Rotate(callbackDay.Add(2*time.Hour), 48*time.Hour, "ops")
	if err != nil {
		t.Fatal(err)
	}
	if got := third.Secrets[2].Retires; !got.Equal(callbackDay.Add(25 * time.Hour)) {
		t.Errorf("a later overlap moves the end of the first to %s", got)
	}
	at, err := third.Rotate(callbackDay.Add(3*time.Hour), 0, "ops")
	if err != nil || len(at.Secrets) != 1 {
		t.Errorf("without overlap %d secrets, %v", len(at.Secrets), err)
	}
}

func TestSecretsOfCallbacksAreFew(t *testing.T) {
	t.Parallel()
	c := account.FirstCallbackSecret("acme", callbackDay, "ops")
	var err error
	for range account.CallbackSecretsMax - 1 {
		if c, err = c.Rotate(callbackDay, time.Hour, "ops"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Rotate(callbackDay, time.Hour, "ops"); !errors.Is(err, account.ErrCallbackSecrets) {
		t.Errorf("one too many: %v", err)
	}
	if c, err = c.Rotate(callbackDay.Add(time.Hour), time.Hour, "ops"); err != nil || len(c.Secrets) != 2 {
		t.Errorf("what has retired counts: %d, %v", len(c.Secrets), err)
	}
}

func TestSecretsOfCallbacksRetire(t *testing.T) {
	t.Parallel()
	c, err := account.FirstCallbackSecret("acme", callbackDay, "ops").Rotate(callbackDay, time.Hour, "ops")
	if err != nil {
		t.Fatal(err)
	}
	young, old := c.Secrets[0].ID(), c.Secrets[1].ID()
	if _, err := c.Retire(young, callbackDay, "ops"); !errors.Is(err, account.ErrLastCallbackSecret) {
		t.Errorf("the last one: %v", err)
	}
	if _, err := c.Retire("00000000", callbackDay, "ops"); !errors.Is(err, account.ErrNoCallbackSecret) {
		t.Errorf("one that is none: %v", err)
	}
	if _, err := c.Retire(old, callbackDay.Add(time.Hour), "ops"); !errors.Is(err, account.ErrNoCallbackSecret) {
		t.Errorf("one that has retired: %v", err)
	}
	rest, err := c.Retire(old, callbackDay, "eve")
	if got := ids(rest, callbackDay); err != nil || len(got) != 1 || got[0] != young || rest.By != "eve" || rest.Validate() != nil {
		t.Errorf("left are %v by %s, %v", got, rest.By, err)
	}
	if len(c.Secrets) != 2 {
		t.Error("Retire has changed what it was asked of")
	}
}

func TestCallbacksThatAreWrong(t *testing.T) {
	t.Parallel()
	good := account.FirstCallbackSecret("acme", callbackDay, "ops")
	retiring := good
	retiring.Secrets = []account.CallbackSecret{good.Secrets[0]}
	retiring.Secrets[0].Retires = callbackDay
	for name, c := range map[string]account.CallbackSecrets{
		"no account":     {Secrets: good.Secrets},
		"no secrets":     {Account: "acme"},
		"all retire":     retiring,
		"two do not":     {Account: "acme", Secrets: append(good.Secrets, good.Secrets...)},
		"more than five": {Account: "acme", Secrets: make([]account.CallbackSecret, 6)},
	} {
		if c.Validate() == nil {
			t.Errorf("%s: good", name)
		}
	}
	for _, d := range []account.DisabledTarget{{}, {Account: "acme"}, {Address: "https://example.com"}, {Account: "a/b", Address: "https://example.com"}} {
		if d.Validate() == nil {
			t.Errorf("%+v is good", d)
		}
	}
}
