package ingest

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"parley/ingest/soap"
	"parley/internal/account"
	"parley/schemas"
)

// members are those of a JSON object.
func (r reply) members(t testing.TB) (m map[string]any) {
	t.Helper()
	if err := json.Unmarshal(r.body, &m); err != nil {
		t.Fatalf("%s: %v", r.body, err)
	}
	return m
}

// form posts a form, of which the contract says no more than that it may be one.
func (h *harness) form(t testing.TB, path string, values url.Values) reply {
	t.Helper()
	resp, err := http.PostForm(h.url+path, values)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	r := reply{status: resp.StatusCode, header: resp.Header, body: body}
	openContract(t).check(t, http.MethodPost, path, r)
	return r
}

// A client of the partner API fetches a token first, with whatever else it has to say, and is what its key is.
func TestAccessTokenForAKey(t *testing.T) {
	t.Parallel()
	keys := make(fakeKeys)
	key := keys.mint("acme", []account.Scope{account.Read, account.Submit})
	h := startWithRoutes(t, byKeys(keys))
	h.live.tell(ofAcme)
	h.record.tell(ofAcme)
	for _, tt := range []struct{ path, contentType, body, token, expires string }{
		{"/v2/token", mimeJSON, `{"grant_type": "client_credentials", "client_id": "any", "client_secret": "` + key + `", "account_id": 7, "scope": "email_read"}`, "access_token", "expires_in"},
		{"/v2/token?https://example.com/v2/token", "", `{"client_secret": "` + key + `"}`, "access_token", "expires_in"},
		{"/v1/requestToken", mimeJSON, `{"clientId": "any", "clientSecret": "` + key + `", "accessType": "offline"}`, "accessToken", "expiresIn"},
		{"/v1/requestToken?legacy=1", mimeJSON, `{"clientSecret": "` + key + `"}`, "legacyToken", "expiresIn"},
	} {
		r := h.do(t, http.MethodPost, tt.path, []byte(tt.body), "Content-Type", tt.contentType)
		m := r.members(t)
		token, _ := m[tt.token].(string)
		if r.status != http.StatusOK || m[tt.expires] != 1080.0 || r.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s %s: %d %s", tt.path, tt.body, r.status, r.body)
		}
		if r := h.get(t, "/v1/requests/"+someID, "Authorization", "Bearer "+token); r.status != http.StatusOK {
			t.Errorf("%s: its token %q is answered with %d %s", tt.path, token, r.status, r.body)
		}
	}
	r := h.form(t, "/v2/token", url.Values{"grant_type": {"client_credentials"}, "client_secret": {key}})
	m := r.members(t)
	if m["soap_instance_url"] != h.url+"/" || m["rest_instance_url"] != h.url+"/" || m["token_type"] != "Bearer" || m["scope"] != "read submit" {
		t.Errorf("%s", r.body)
	}
}

func TestAccessTokenRefused(t *testing.T) {
	t.Parallel()
	keys := make(fakeKeys)
	everything := account.Scopes()
	_, unknown := account.MintKey(account.Key{})
	key := keys.mint("acme", everything)
	token := keys.token(t, key, keysMade.Add(time.Hour))
	h := start(t, byKeys(keys))
	for _, tt := range []struct {
		body   string
		status int
		code   string
	}{
		{"", http.StatusBadRequest, "invalid_request"},
		{"null", http.StatusBadRequest, "invalid_request"},
		{"[]", http.StatusBadRequest, "invalid_request"},
		{`{"client_secret": 7}`, http.StatusBadRequest, "invalid_request"},
		{`{"grant_type": "password", "client_secret": "` + key + `"}`, http.StatusBadRequest, "unsupported_grant_type"},
		{"{}", http.StatusUnauthorized, "invalid_client"},
		{`{"client_secret": "` + key + `A"}`, http.StatusUnauthorized, "invalid_client"},
		{`{"client_secret": "` + unknown + `"}`, http.StatusUnauthorized, "invalid_client"},
		{`{"client_secret": "` + token + `"}`, http.StatusUnauthorized, "invalid_client"}, // no token prolongs itself
		{`{"client_secret": "` + keys.mint("acme", everything, func(k *account.Key) { k.Revoked = keysMade }) + `"}`, http.StatusUnauthorized, "invalid_client"},
	} {
		r := h.do(t, http.MethodPost, "/v2/token", []byte(tt.body))
		if m := r.members(t); r.status != tt.status || m["error"] != tt.code || m["error_description"] == "" {
			t.Errorf("%s: %d %s, want %d %s", tt.body, r.status, r.body, tt.status, tt.code)
		}
	}
	for body, status := range map[string]int{"": http.StatusBadRequest, "{}": http.StatusUnauthorized, `{"clientSecret": "` + unknown + `"}`: http.StatusUnauthorized} {
		r := h.do(t, http.MethodPost, "/v1/requestToken", []byte(body))
		if m := r.members(t); r.status != status || m["message"] == "" || m["accessToken"] != nil {
			t.Errorf("%s: %d %s, want %d", body, r.status, r.body, status)
		}
	}
}

// Where access is open, so it is to clients that must fetch a token first.
func TestAccessTokenWhereAccessIsOpen(t *testing.T) {
	t.Parallel()
	h := start(t)
	for _, path := range []string{"/v2/token", "/v1/requestToken"} {
		if r := h.do(t, http.MethodPost, path, []byte(`{"client_secret": "any"}`)); r.status != http.StatusOK {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
}

func TestWhereThePartnerAPIIs(t *testing.T) {
	t.Parallel()
	h := start(t)
	if m := h.get(t, "/platform/v1/endpoints/soap?unknown=1").members(t); m["url"] != h.url+"/Service.asmx" {
		t.Errorf("got %v", m)
	}
}

// A request of the partner API may say in several ways who makes it.
func TestPartnerCaller(t *testing.T) {
	t.Parallel()
	keys := make(fakeKeys)
	read := []account.Scope{account.Read}
	acme, globex := keys.mint("acme", read), keys.mint("globex", read)
	now := keysMade.Add(time.Hour)
	s := &Server{auth: accessBy(keys, now)}
	for _, tt := range []struct {
		name        string
		header      string
		credentials soap.Credentials
		want        string
		code        schemas.Code
	}{
		{"a password", "", soap.Credentials{Username: "anyone", Password: acme}, "acme", ""},
		{"a password that is a token", "", soap.Credentials{Username: "*", Password: keys.token(t, acme, now)}, "acme", ""},
		{"a token", "", soap.Credentials{Token: keys.token(t, acme, now)}, "acme", ""},
		{"a token that is a key", "", soap.Credentials{Token: acme}, "acme", ""},
		{"a token, and a UsernameToken that says nothing", "", soap.Credentials{Username: "*", Password: "*", Token: keys.token(t, acme, now)}, "acme", ""},
		{"the header of HTTP", "Bearer " + acme, soap.Credentials{}, "acme", ""},
		{"both", "Bearer " + acme, soap.Credentials{Password: globex}, "globex", ""},
		{"a user alone", "", soap.Credentials{Username: "anyone"}, "", schemas.Unauthenticated},
		{"nothing", "", soap.Credentials{}, "", schemas.Unauthenticated},
		{"a wrong password", "Bearer " + acme, soap.Credentials{Password: "wrong"}, "", schemas.Unauthenticated},
		{"a token at its last moment", "", soap.Credentials{Token: keys.token(t, acme, now.Add(time.Second-accessTokenLifetime))}, "acme", ""},
		{"a token that has expired", "", soap.Credentials{Token: keys.token(t, acme, now.Add(-accessTokenLifetime))}, "", schemas.CodeExpired},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(http.MethodPost, "/Service.asmx", nil)
			if tt.header != "" {
				r.Header.Set("Authorization", tt.header)
			}
			who, err := s.partnerCaller(r, tt.credentials)
			p, _ := errors.AsType[*schemas.Problem](err)
			if who.Account != tt.want || (p != nil) != (tt.code != "") || p != nil && p.Code != tt.code {
				t.Errorf("got %v, %v; want %q, %q", who, err, tt.want, tt.code)
			}
		})
	}
}
