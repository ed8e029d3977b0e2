package ingest

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/internal/account"
	"parley/schemas"
)

// fakeKeys are the keys that there are, by id.
type fakeKeys map[string]*account.Key

func (f fakeKeys) Key(id string) *account.Key { return f[id] }

var keysMade = time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC)

// mint adds a key, changed as told, and returns what its holder has.
func (f fakeKeys) mint(of string, scopes []account.Scope, changes ...func(*account.Key)) string {
	k, text := account.MintKey(account.Key{Account: of, Scopes: scopes, Created: keysMade})
	for _, change := range changes {
		change(&k)
	}
	f[k.ID] = &k
	return text
}

// token is an access token that was given at a time to who has a key.
func (f fakeKeys) token(t testing.TB, key string, at time.Time) string {
	t.Helper()
	text, _, p := accessBy(f, at).Grant(key)
	if p != nil {
		t.Fatal(p)
	}
	return text
}

// byKeys has a server be open to who has a key, an hour after they were made.
func byKeys(keys Keys) func(*Config) {
	return func(c *Config) { c.Auth = accessBy(keys, keysMade.Add(time.Hour)) }
}

// accessBy is access by keys at a time.
func accessBy(keys Keys, now time.Time) KeyAccess {
	tokens, err := account.NewAccessTokens(testSecret)
	if err != nil {
		panic(err)
	}
	return NewKeyAccess(keys, tokens, func() time.Time { return now })
}

// operation is one that the contract has.
type operation struct {
	method, path string
	needs        account.Scope // empty: nothing
}

// operations are all that the contract has, with something in place of what stands in braces.
func operations(t *testing.T) []operation {
	t.Helper()
	var all []operation
	paths, _ := openContract(t).document["paths"].(map[string]any)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		members := paths[path].(map[string]any)
		for _, method := range slices.Sorted(maps.Keys(members)) {
			o := operation{
				method: strings.ToUpper(method),
				path:   strings.NewReplacer("{requestId}", someID, "{conversationId}", "order-1", "{name}", "crm", "{token}", "t", "{secretId}", retiringSecret.ID(), "{subscriberId}", "54").Replace(path),
			}
			security, ok := members[method].(map[string]any)["security"].([]any)
			if !ok {
				t.Fatalf("%s %s does not say what it needs", method, path)
			}
			if len(security) > 0 {
				o.needs = account.Scope(fmt.Sprint(security[0].(map[string]any)["apiKey"].([]any)[0]))
			}
			all = append(all, o)
		}
	}
	return all
}

// ofAcme is a source that knows of things of acme alone.
func ofAcme(f *fakeSource) {
	f.answers.request = func(q schemas.RequestQuery) (schemas.CallResource, error) {
		if q.Account != "acme" {
			return schemas.CallResource{}, schemas.ErrUnknown
		}
		return schemas.CallResource{RequestID: someID, Account: "acme", SequenceCode: 1, CallsInConversation: 1, Status: schemas.OK, CompletedAt: new(keysMade)}, nil
	}
	f.answers.conversation = func(q schemas.ConversationQuery) (schemas.ConversationResource, error) {
		if q.Account != "acme" {
			return schemas.ConversationResource{}, schemas.ErrUnknown
		}
		return schemas.ConversationResource{ConversationID: "order-1", Account: "acme", CallsInConversation: 1, Status: schemas.ConversationComplete}, nil
	}
	f.answers.failed = func(schemas.FailedQuery) ([]schemas.ConversationResource, error) { return nil, nil }
	f.answers.books = new(schemas.RecordBooks)
	f.answers.erasures = func(q schemas.ErasureQuery) (all []schemas.ErasureProgress, _ error) {
		for _, at := range q.Commands {
			all = append(all, schemas.ErasureProgress{Partition: at.Partition, Ended: true})
		}
		return all, nil
	}
}

// Every operation is open to who has a key with the scope that the contract names, and to nobody else; what belongs to
// one account is not there for another.
func TestEveryOperationWithEveryKey(t *testing.T) {
	t.Parallel()
	keys := make(fakeKeys)
	everything := account.Scopes()
	_, unknown := account.MintKey(account.Key{})
	forged := keys.mint("acme", everything, func(k *account.Key) { k.Hash[0]++ })
	var revoked *account.Key
	revokedLater := keys.token(t, keys.mint("acme", everything, func(k *account.Key) { revoked = k }), keysMade.Add(time.Hour))
	keys[revoked.ID].Revoked = keysMade.Add(time.Minute)
	tests := []struct {
		name, header string
		may          []account.Scope // none: it is nobody's
		of           string
	}{
		{"no key", "", nil, ""},
		{"another scheme", "Basic YTpi", nil, ""},
		{"no scheme", "parley_", nil, ""},
		{"an empty key", "Bearer ", nil, ""},
		{"a mistyped key", "Bearer " + keys.mint("acme", everything) + "A", nil, ""},
		{"an unknown key", "Bearer " + unknown, nil, ""},
		{"a key with another secret", "Bearer " + forged, nil, ""},
		{"a key that was revoked", "Bearer " + keys.mint("acme", everything, func(k *account.Key) { k.Revoked = keysMade.Add(time.Minute) }), nil, ""},
		{"a key that has expired", "Bearer " + keys.mint("acme", everything, func(k *account.Key) { k.Expires = keysMade.Add(time.Hour) }), nil, ""},
		{"a read key", "Bearer " + keys.mint("acme", []account.Scope{account.Read}), []account.Scope{account.Read}, "acme"},
		{"a submit key", "bearer " + keys.mint("acme", []account.Scope{account.Submit}), []account.Scope{account.Submit}, "acme"},
		{"an admin key", "BEARER  " + keys.mint("acme", []account.Scope{account.Admin}), []account.Scope{account.Admin}, "acme"},
		{"a key of another account", "Bearer " + keys.mint("globex", everything), everything, "globex"},
		{"an access token", "Bearer " + keys.token(t, keys.mint("acme", []account.Scope{account.Read}), keysMade.Add(time.Hour)), []account.Scope{account.Read}, "acme"},
		{"an access token that has expired", "Bearer " + keys.token(t, keys.mint("acme", everything), keysMade), nil, ""},
		{"an access token of a key that was revoked", "Bearer " + revokedLater, nil, ""},
	}
	h := startWithRoutes(t, byKeys(keys))
	h.live.tell(ofAcme)
	h.record.tell(ofAcme)
	h.callbacks.frozen = true
	h.queues.keep("acme", 54)
	for _, o := range operations(t) {
		for _, tt := range tests {
			t.Run(o.method+" "+o.path+" with "+tt.name, func(t *testing.T) {
				var header []string
				if tt.header != "" {
					header = []string{"Authorization", tt.header}
				}
				body := bodies[o.path]
				r := h.do(t, o.method, o.path, []byte(body), header...)
				lookup := strings.Contains(o.path, someID) || strings.Contains(o.path, "order-1") || strings.HasPrefix(o.path, subscribersPath+"/54")
				switch {
				case o.needs == "":
					if r.status == http.StatusUnauthorized {
						t.Errorf("status %d: %s", r.status, r.body)
					}
				case tt.may == nil:
					if p := r.problem(t); r.status != http.StatusUnauthorized || p.Code != schemas.Unauthenticated || r.header.Get("WWW-Authenticate") != challenge {
						t.Errorf("status %d, WWW-Authenticate %q: %s", r.status, r.header.Get("WWW-Authenticate"), r.body)
					}
				case !slices.Contains(tt.may, o.needs):
					if p := r.problem(t); r.status != http.StatusForbidden || p.Code != schemas.Forbidden {
						t.Errorf("status %d: %s", r.status, r.body)
					}
				case lookup && tt.of != "acme":
					if r.status != http.StatusNotFound {
						t.Errorf("status %d: %s", r.status, r.body)
					}
				default:
					if r.status >= 400 && r.status != http.StatusConflict {
						t.Errorf("status %d: %s", r.status, r.body)
					}
				}
			})
		}
	}
}

// bodies are what operations are sent, by path.
var bodies = map[string]string{
	callsPath:                               simpleCall,
	crmMaintenance:                          `{"reason":"r"}`,
	erasuresPath:                            `{"subscriberKey":"k","dryRun":true}`,
	resubmitPath:                            `{"from":"2026-12-01T08:00:00Z","to":"2026-12-01T09:00:00Z"}`,
	webhookSecretsPath:                      `{}`,
	webhookEnablePath:                       `{"responseAddress":"https://example.com/"}`,
	subscribersPath:                         aSubscriber,
	subscribersPath + "/54" + dequeueSuffix: `{"blockCount":1}`,
	conversationsPath + "order-1" + resubmitSuffix: `{"conversationId":"order-2"}`,
}

// The account of a call is that of the key, and the header may say nothing else.
func TestKeysNameTheAccount(t *testing.T) {
	t.Parallel()
	keys := make(fakeKeys)
	first, second := keys.mint("acme", account.Scopes()), keys.mint("acme", account.Scopes())
	h := start(t, byKeys(keys))
	h.post(t, simpleCall, "Authorization", "Bearer "+first).accepted(t)
	h.post(t, simpleCall, "Authorization", "Bearer "+second, accountHeader, "acme").accepted(t)
	r := h.post(t, simpleCall, "Authorization", "Bearer "+first, accountHeader, "globex")
	if p := r.problem(t); r.status != http.StatusForbidden || !strings.Contains(p.Detail, "is of the account acme") {
		t.Errorf("with the header of another account: %s", r.body)
	}
	for _, record := range h.log(t, 2) {
		if got := callOf(t, record).Account; got != "acme" {
			t.Errorf("a call of the account %q", got)
		}
	}
}

// Who does not hold the secret of a key cannot find out what there was; who does is told what has become of it.
func TestWhatIsSaidOfKeys(t *testing.T) {
	t.Parallel()
	keys := make(fakeKeys)
	_, unknown := account.MintKey(account.Key{})
	revoked := func(k *account.Key) { k.Revoked = keysMade.Add(time.Minute) }
	h := start(t, byKeys(keys))
	for name, c := range map[string]struct{ key, want string }{
		"unknown":                 {unknown, "this API key is not known here"},
		"forged":                  {keys.mint("acme", account.Scopes(), func(k *account.Key) { k.Hash[31]++ }), "this API key is not known here"},
		"forged of a revoked one": {keys.mint("acme", account.Scopes(), revoked, func(k *account.Key) { k.Hash[31]++ }), "this API key is not known here"},
		"revoked":                 {keys.mint("acme", account.Scopes(), revoked), "was revoked at 2026-12-01T08:01:00Z"},
		"mistyped":                {unknown[:len(unknown)-1], "mistyped or cut off"},
	} {
		p := h.get(t, requestsPath+someID, "Authorization", "Bearer "+c.key).problem(t)
		if p.Code != schemas.Unauthenticated || !strings.Contains(p.Detail, c.want) {
			t.Errorf("%s: %s %q, want %q", name, p.Code, p.Detail, c.want)
		}
	}
	if strings.Contains(h.logged.String(), unknown) {
		t.Error("a key is in the log")
	}
}

// Two headers leave open who it is.
func TestTwoKeysAreNone(t *testing.T) {
	t.Parallel()
	keys := make(fakeKeys)
	text := "Bearer " + keys.mint("acme", account.Scopes())
	r, err := http.NewRequest(http.MethodGet, "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header["Authorization"] = []string{text, text}
	if _, p := accessBy(keys, keysMade).Caller(r); p == nil || p.Code != schemas.Unauthenticated {
		t.Errorf("problem %v", p)
	}
}

func BenchmarkKeyAccess(b *testing.B) {
	keys := make(fakeKeys)
	r, err := http.NewRequest(http.MethodGet, "/", nil)
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+keys.mint("acme", account.Scopes()))
	access := accessBy(keys, keysMade)
	b.ReportAllocs()
	for b.Loop() {
		if _, p := access.Caller(r); p != nil {
			b.Fatal(p)
		}
	}
}
