package ingest

import (
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/labstack/echo/v4"

	"parley/ingest/soap"
	"parley/internal/account"
	"parley/schemas"
)

// Where the clients of the partner API fetch access tokens, by the second and the first version of that interface, and where those of
// the first ask for the address of the partner API. They add query parameters that say nothing here, so all are taken.
const (
	tokenPath        = "/v2/token"
	firstTokenPath   = "/v1/requestToken"
	soapEndpointPath = "/platform/v1/endpoints/soap"
)

const (
	// accessTokenLifetime is how long an access token is good.
	accessTokenLifetime = 20 * time.Minute
	// accessTokenRenewal is after how long its holder is told to fetch another: before it ends.
	accessTokenRenewal = 18 * time.Minute
)

// tokenRequest is what is read of a request for an access token, of either version.
type tokenRequest struct {
	GrantType   string `json:"grant_type"`
	Secret      string `json:"client_secret"`
	FirstSecret string `json:"clientSecret"`
}

// tokenAnswer is RFC 6749, section 5.1, and the addresses to which clients append a name: they end in "/".
type tokenAnswer struct {
	AccessToken     string `json:"access_token"`
	TokenType       string `json:"token_type"`
	ExpiresIn       int    `json:"expires_in"` // seconds
	Scope           string `json:"scope"`
	SOAPInstanceURL string `json:"soap_instance_url"`
	RESTInstanceURL string `json:"rest_instance_url"`
}

// tokenRefusal is RFC 6749, section 5.2.
type tokenRefusal struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// postToken gives an access token for an API key.
func (s *Server) postToken(c echo.Context) error {
	asked, err := s.tokenRequest(c.Request())
	if err != nil {
		return err
	}
	if asked == nil {
		return answer(c, http.StatusBadRequest, mimeJSON, tokenRefusal{"invalid_request", "the body is a JSON object, or a form, with client_secret"})
	}
	if asked.GrantType != "" && asked.GrantType != "client_credentials" {
		return answer(c, http.StatusBadRequest, mimeJSON, tokenRefusal{"unsupported_grant_type", "the grant_type is client_credentials"})
	}
	token, scopes, p := s.auth.Grant(asked.Secret)
	if p != nil {
		return answer(c, http.StatusUnauthorized, mimeJSON, tokenRefusal{"invalid_client", "client_secret: " + p.Detail})
	}
	names := make([]string, len(scopes))
	for i, scope := range scopes {
		names[i] = string(scope)
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	return answer(c, http.StatusOK, mimeJSON, tokenAnswer{
		AccessToken:     token,
		TokenType:       "Bearer",
		ExpiresIn:       int(accessTokenRenewal.Seconds()),
		Scope:           strings.Join(names, " "),
		SOAPInstanceURL: origin(c) + "/",
		RESTInstanceURL: origin(c) + "/",
	})
}

// firstTokenAnswer is what the first version answers. LegacyToken is for the oAuth header, which was there before fueloauth.
type firstTokenAnswer struct {
	AccessToken string `json:"accessToken"`
	ExpiresIn   int    `json:"expiresIn"` // seconds
	LegacyToken string `json:"legacyToken"`
}

// firstTokenRefusal is how the first version refuses.
type firstTokenRefusal struct {
	Message       string `json:"message"`
	ErrorCode     int    `json:"errorcode"`
	Documentation string `json:"documentation"`
}

// postFirstToken gives an access token for an API key, as the first version of the interface has it.
func (s *Server) postFirstToken(c echo.Context) error {
	asked, err := s.tokenRequest(c.Request())
	if err != nil {
		return err
	}
	if asked == nil {
		return answer(c, http.StatusBadRequest, mimeJSON, firstTokenRefusal{Message: "the body is a JSON object with clientSecret", ErrorCode: http.StatusBadRequest})
	}
	token, _, p := s.auth.Grant(asked.FirstSecret)
	if p != nil {
		return answer(c, http.StatusUnauthorized, mimeJSON, firstTokenRefusal{Message: "Unauthorized: clientSecret: " + p.Detail, ErrorCode: 1})
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	return answer(c, http.StatusOK, mimeJSON, firstTokenAnswer{AccessToken: token, ExpiresIn: int(accessTokenRenewal.Seconds()), LegacyToken: token})
}

// tokenRequest reads a request for a token; nil: it is none.
func (s *Server) tokenRequest(r *http.Request) (*tokenRequest, error) {
	body, err := s.smallBody(r)
	if err != nil {
		return nil, err
	}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get(echo.HeaderContentType)); kind == echo.MIMEApplicationForm {
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, nil
		}
		return &tokenRequest{GrantType: form.Get("grant_type"), Secret: form.Get("client_secret"), FirstSecret: form.Get("clientSecret")}, nil
	}
	var asked *tokenRequest
	if err := json.Unmarshal(body, &asked); err != nil {
		return nil, nil
	}
	return asked, nil
}

// soapEndpoint names the address of the partner API.
type soapEndpoint struct {
	URL string `json:"url"`
}

// getSOAPEndpoint says where the partner API is.
func (s *Server) getSOAPEndpoint(c echo.Context) error {
	return answer(c, http.StatusOK, mimeJSON, soapEndpoint{origin(c) + partnerPath})
}

// origin is where a request was sent to.
func origin(c echo.Context) string { return c.Scheme() + "://" + c.Request().Host }

// partnerCaller is who makes a request of the partner API. The error is a *schemas.Problem, of the code Expired when the client shall
// fetch another token.
func (s *Server) partnerCaller(r *http.Request, c soap.Credentials) (account.Caller, error) {
	who, p := s.auth.Caller(withCredentials(r, c))
	switch p {
	case nil:
		return who, nil
	case errTokenExpired:
		return who, &schemas.Problem{Code: schemas.CodeExpired, Detail: p.Detail}
	}
	return who, p
}
