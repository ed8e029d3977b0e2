package ingest

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/internal/account"
	"parley/internal/webhook"
	"parley/schemas"
)

// retiringSecret is the second one of every account whose secrets are frozen.
var retiringSecret = webhook.NewSecret()

// fakeCallbacks keeps what is agreed on about callbacks in memory, as long as it has no error.
type fakeCallbacks struct {
	mu       sync.Mutex
	secrets  map[string]account.CallbackSecrets
	disabled map[string]account.DisabledTarget
	err      error
	// late is what another node has kept, and is known here after CatchUp; nil: nothing.
	late *account.CallbackSecrets
	// frozen: the secrets of an account are a new one and retiringSecret, and cannot be changed.
	frozen bool
}

func (f *fakeCallbacks) CallbackSecrets(_ context.Context, of string) (account.CallbackSecrets, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s, ok := f.secrets[of]; ok || f.err != nil {
		return s, f.err
	}
	s := account.FirstCallbackSecret(of, keysMade, "parley")
	if f.frozen {
		s.Secrets = append(s.Secrets, account.CallbackSecret{Secret: retiringSecret, Created: keysMade, Retires: keysMade.Add(24 * time.Hour)})
		return s, nil
	}
	f.keep(s)
	return s, nil
}

func (f *fakeCallbacks) CatchUp(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil && f.late != nil {
		f.keep(*f.late)
	}
	return f.err
}

func (f *fakeCallbacks) keep(s account.CallbackSecrets) {
	if f.secrets == nil {
		f.secrets = make(map[string]account.CallbackSecrets)
	}
	f.secrets[s.Account] = s
}

func (f *fakeCallbacks) PutCallbackSecrets(_ context.Context, s account.CallbackSecrets) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil && !f.frozen {
		f.keep(s)
	}
	return errors.Join(f.err, s.Validate())
}

func (f *fakeCallbacks) DisabledTargets(of string) (all []*account.DisabledTarget) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, d := range f.disabled {
		if d.Account == of {
			all = append(all, &d)
		}
	}
	return all
}

func (f *fakeCallbacks) EnableTarget(_ context.Context, of, address string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.disabled, of+" "+address)
	return f.err
}

// webhooks sends a request about them, and returns what it is answered.
func (h *harness) webhooks(t *testing.T, method, path, body string, want int) (w schemas.WebhooksResource) {
	t.Helper()
	r := h.do(t, method, path, []byte(body), accountHeader, "acme")
	if r.status != want || r.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("status %d, Cache-Control %q: %s", r.status, r.header.Get("Cache-Control"), r.body)
	}
	r.decode(t, &w)
	return w
}

func TestWebhookSecrets(t *testing.T) {
	t.Parallel()
	h := start(t, func(c *Config) { c.Now = func() time.Time { return keysMade } })
	first := h.webhooks(t, http.MethodGet, webhooksPath, "", http.StatusOK)
	if len(first.Secrets) != 1 || first.Account != "acme" || first.Secrets[0].RetiresAt != nil {
		t.Fatalf("%+v", first)
	}
	if again := h.webhooks(t, http.MethodGet, webhooksPath, "", http.StatusOK); again.Secrets[0] != first.Secrets[0] {
		t.Errorf("%+v, then %+v", first, again)
	}
	second := h.webhooks(t, http.MethodPost, webhookSecretsPath, "{}", http.StatusCreated)
	if len(second.Secrets) != 2 || second.Secrets[1].ID != first.Secrets[0].ID || !second.Secrets[1].RetiresAt.Equal(keysMade.Add(24*time.Hour)) {
		t.Fatalf("%+v", second)
	}
	third := h.webhooks(t, http.MethodPost, webhookSecretsPath, `{"overlapSeconds":60}`, http.StatusCreated)
	if len(third.Secrets) != 3 || !third.Secrets[1].RetiresAt.Equal(keysMade.Add(time.Minute)) {
		t.Fatalf("%+v", third)
	}
	left := h.webhooks(t, http.MethodDelete, webhookSecretsPath+"/"+third.Secrets[1].ID, "", http.StatusOK)
	if len(left.Secrets) != 2 || left.Secrets[0].ID != third.Secrets[0].ID {
		t.Errorf("%+v", left)
	}
	only := h.webhooks(t, http.MethodPost, webhookSecretsPath, `{"overlapSeconds":0}`, http.StatusCreated)
	if len(only.Secrets) != 1 {
		t.Errorf("%+v", only)
	}
	if h.callbacks.secrets["acme"].By != "acme" {
		t.Errorf("kept that %q did it", h.callbacks.secrets["acme"].By)
	}
	said := strings.Join(h.audits(), "\n")
	if n := strings.Count(said, `action="rotate webhook secret" outcome=done account=acme`); n != 3 || !strings.Contains(said, `action="retire webhook secret" outcome=done account=acme`) {
		t.Errorf("audited as %s", said)
	}
	for _, s := range third.Secrets {
		if strings.Contains(h.logged.String(), s.Secret) {
			t.Error("a secret is in the log")
		}
	}
}

// What another node has rotated a moment ago stays, and signs on.
func TestRotationBehindAnother(t *testing.T) {
	t.Parallel()
	h := start(t, func(c *Config) { c.Now = func() time.Time { return keysMade } })
	first := h.webhooks(t, http.MethodGet, webhooksPath, "", http.StatusOK)
	theirs, err := h.callbacks.secrets["acme"].Rotate(keysMade, time.Hour, "them")
	if err != nil {
		t.Fatal(err)
	}
	h.callbacks.late = &theirs
	both := h.webhooks(t, http.MethodPost, webhookSecretsPath, "{}", http.StatusCreated)
	if len(both.Secrets) != 3 || both.Secrets[1].ID != theirs.Secrets[0].ID() || both.Secrets[2].ID != first.Secrets[0].ID {
		t.Errorf("%+v, want theirs, %s, among them", both, theirs.Secrets[0].ID())
	}
}

func TestWebhookTargets(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.callbacks.disabled = make(map[string]account.DisabledTarget)
	for _, of := range []string{"acme", "globex"} {
		for _, address := range []string{"https://b.example/", "https://a.example/"} {
			h.callbacks.disabled[of+" "+address] = account.DisabledTarget{Account: of, Address: address, Since: keysMade}
		}
	}
	w := h.webhooks(t, http.MethodGet, webhooksPath, "", http.StatusOK)
	if len(w.DisabledTargets) != 2 || w.DisabledTargets[0] != (schemas.DisabledTargetResource{ResponseAddress: "https://a.example/", DisabledAt: keysMade}) {
		t.Fatalf("%+v", w)
	}
	for range 2 { // the second time it is not disabled
		w = h.webhooks(t, http.MethodPost, webhookEnablePath, `{"responseAddress":"https://a.example/"}`, http.StatusOK)
		if len(w.DisabledTargets) != 1 || w.DisabledTargets[0].ResponseAddress != "https://b.example/" {
			t.Errorf("%+v", w)
		}
	}
	if len(h.callbacks.disabled) != 3 {
		t.Errorf("left are %v", h.callbacks.disabled)
	}
}

func TestWebhooksRefuse(t *testing.T) {
	t.Parallel()
	h := start(t)
	only := h.webhooks(t, http.MethodGet, webhooksPath, "", http.StatusOK).Secrets[0].ID
	for range account.CallbackSecretsMax - 1 {
		h.do(t, http.MethodPost, webhookSecretsPath, []byte("{}"), accountHeader, "many")
	}
	for _, tt := range []struct {
		name, method, path, body, of string
		status                       int
		code                         schemas.Code
		pointer                      string
	}{
		{"a misspelt member", http.MethodPost, webhookSecretsPath, `{"overlap":1}`, "acme", 400, schemas.InvalidBody, "/overlap"},
		{"a long overlap", http.MethodPost, webhookSecretsPath, `{"overlapSeconds":7776001}`, "acme", 400, schemas.InvalidBody, "/overlapSeconds"},
		{"one too many", http.MethodPost, webhookSecretsPath, `{}`, "many", 400, schemas.InvalidParameter, ""},
		{"no address", http.MethodPost, webhookEnablePath, `{}`, "acme", 400, schemas.InvalidBody, "/responseAddress"},
		{"an unknown secret", http.MethodDelete, webhookSecretsPath + "/00000000", ``, "acme", 404, schemas.NotFound, ""},
		{"another account's secret", http.MethodDelete, webhookSecretsPath + "/" + only, ``, "globex", 404, schemas.NotFound, ""},
		{"the only secret", http.MethodDelete, webhookSecretsPath + "/" + only, ``, "acme", 400, schemas.InvalidParameter, ""},
		{"another method", http.MethodPut, webhooksPath, `{}`, "acme", 405, schemas.InvalidParameter, ""},
	} {
		r := h.do(t, tt.method, tt.path, []byte(tt.body), accountHeader, tt.of)
		if p := r.problem(t); r.status != tt.status || p.Code != tt.code || p.Pointer != tt.pointer {
			t.Errorf("%s: %s, want %d %s at %q", tt.name, r.body, tt.status, tt.code, tt.pointer)
		}
	}
}

func TestWebhooksWithoutKafka(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.callbacks.err = errors.New("no broker")
	for _, o := range [][3]string{
		{http.MethodGet, webhooksPath, ""}, {http.MethodPost, webhookSecretsPath, "{}"},
		{http.MethodDelete, webhookSecretsPath + "/00000000", ""}, {http.MethodPost, webhookEnablePath, `{"responseAddress":"https://a.example/"}`},
	} {
		r := h.do(t, o[0], o[1], []byte(o[2]))
		if p := r.problem(t); p.Code != schemas.QueueUnavailable || r.header.Get("Retry-After") == "" {
			t.Errorf("%s %s: %s", o[0], o[1], r.body)
		}
	}
}
