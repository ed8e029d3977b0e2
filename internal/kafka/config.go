package kafka

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"

	"parley/internal/certs"
	"parley/internal/secret"
)

// Config says where Kafka is and how it is reached. Fields are named as the settings, which errors name.
type Config struct {
	// Brokers are host:port. Required.
	Brokers []string
	// TLS is whether brokers are talked to by TLS; Files imply it.
	TLS   bool
	Files certs.ClientFiles
	SASL  SASL
	// Log is told what an operator should know. Required.
	Log *slog.Logger
}

// Names of mechanisms.
const (
	Plain       = "plain"
	ScramSHA256 = "scram-sha-256"
	ScramSHA512 = "scram-sha-512"
	OAuthBearer = "oauthbearer"
)

var mechanisms = []string{Plain, ScramSHA256, ScramSHA512, OAuthBearer}

// SASL is who a client says it is. Zero: nobody, or whom its certificate says.
type SASL struct {
	// Mechanism is Plain, ScramSHA256, ScramSHA512 or OAuthBearer. Empty: none.
	Mechanism string
	// User and Password are those of all mechanisms but OAuthBearer.
	User     string
	Password secret.Text
	// OAuth says where OAuthBearer's tokens come from.
	OAuth OAuth
}

// OAuth fetches tokens by the client credentials grant (RFC 6749, section 4.4).
type OAuth struct {
	// TokenURL is where tokens are given.
	TokenURL string
	ClientID string
	Secret   secret.Text
	// Scope are the scopes that are asked for, separated by spaces. Empty: whatever there is by default.
	Scope string
}

// ErrEmbedded says that access is set, and no cluster.
var ErrEmbedded = errors.New("there are settings of access to Kafka, but the embedded broker knows neither users nor TLS; name a cluster with PARLEY_KAFKA_BROKERS, or remove PARLEY_KAFKA_TLS, PARLEY_KAFKA_SASL and the like")

// given reports whether anything is set.
func (s SASL) given() bool { return s != SASL{} }

// Given reports whether anything but the brokers is set: TLS, or who the client is.
func (c Config) Given() bool { return c.secure() || c.SASL.given() }

// secure reports whether brokers are talked to by TLS.
func (c Config) secure() bool { return c.TLS || c.Files != certs.ClientFiles{} }

// Validate reports everything that is wrong with the settings. It reads no file.
func (c Config) Validate() error {
	var errs []error
	if (c.Files.Cert == "") != (c.Files.Key == "") {
		errs = append(errs, errors.New("one of PARLEY_KAFKA_CERT and PARLEY_KAFKA_KEY is empty; give both files, or none"))
	}
	return errors.Join(append(errs, c.SASL.validate())...)
}

func (s SASL) validate() error {
	var errs []error
	need := func(ok bool, text string) {
		if !ok {
			errs = append(errs, errors.New(text))
		}
	}
	switch s.Mechanism {
	case "":
		need(!s.given(), "PARLEY_KAFKA_SASL is empty, but credentials are set; give one of "+strings.Join(mechanisms, ", ")+", or remove PARLEY_KAFKA_USER, PARLEY_KAFKA_PASSWORD, PARLEY_KAFKA_OAUTH_ and the like")
	case Plain, ScramSHA256, ScramSHA512:
		need(s.User != "", "PARLEY_KAFKA_USER is empty; PARLEY_KAFKA_SASL="+s.Mechanism+" needs it")
		errs = append(errs, validateSecret(s.Password, "PARLEY_KAFKA_PASSWORD", s.Mechanism))
		need(s.OAuth == OAuth{}, "PARLEY_KAFKA_OAUTH_ settings are of no use with PARLEY_KAFKA_SASL="+s.Mechanism+"; remove them, or set "+OAuthBearer)
	case OAuthBearer:
		need(s.User == "" && s.Password == secret.Text{}, "PARLEY_KAFKA_USER and PARLEY_KAFKA_PASSWORD are of no use with PARLEY_KAFKA_SASL="+OAuthBearer+"; remove them")
		need(s.OAuth.ClientID != "", "PARLEY_KAFKA_OAUTH_CLIENT_ID is empty; PARLEY_KAFKA_SASL="+OAuthBearer+" needs it")
		errs = append(errs, s.OAuth.checkURL(), validateSecret(s.OAuth.Secret, "PARLEY_KAFKA_OAUTH_CLIENT_SECRET", s.Mechanism))
	default:
		errs = append(errs, fmt.Errorf("PARLEY_KAFKA_SASL is %q; it is one of %s", s.Mechanism, strings.Join(mechanisms, ", ")))
	}
	return errors.Join(errs...)
}

// validateSecret needs exactly one of both, of a setting that a mechanism needs.
func validateSecret(s secret.Text, setting, mechanism string) error {
	switch {
	case s.Value != "" && s.File != "":
		return fmt.Errorf("%s and %s_FILE are both set; give one of them", setting, setting)
	case s.Value == "" && s.File == "":
		return fmt.Errorf("%s_FILE is empty, and so is %s; PARLEY_KAFKA_SASL=%s needs one of them", setting, setting, mechanism)
	}
	return nil
}

func (o OAuth) checkURL() error {
	u, err := url.Parse(o.TokenURL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return errors.New("PARLEY_KAFKA_OAUTH_TOKEN_URL is no URL; give where tokens are, as https://login.example.com/oauth2/token")
	}
	if u.User != nil {
		return errors.New("PARLEY_KAFKA_OAUTH_TOKEN_URL has credentials in it; give them as PARLEY_KAFKA_OAUTH_CLIENT_ID and PARLEY_KAFKA_OAUTH_CLIENT_SECRET_FILE")
	}
	if u.Scheme == "http" && !local(u.Host) {
		return errors.New("PARLEY_KAFKA_OAUTH_TOKEN_URL is http, by which all on the way could read the secret; give one that is https")
	}
	return nil
}

// warnings are what is not wrong, and not wise.
func (c Config) warnings() []string {
	if c.secure() || allLocal(c.Brokers) {
		return nil
	}
	switch c.SASL.Mechanism {
	case Plain:
		return []string{"the password goes to Kafka in clear, and all on the way can read it: set PARLEY_KAFKA_TLS, or PARLEY_KAFKA_SASL to scram-sha-512"}
	case OAuthBearer:
		return []string{"tokens go to Kafka in clear, and all on the way can use them: set PARLEY_KAFKA_TLS"}
	}
	return nil
}

func allLocal(addresses []string) bool {
	for _, a := range addresses {
		if !local(a) {
			return false
		}
	}
	return true
}

// local reports whether host[:port] is this machine.
func local(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// LogValue is the configuration without secrets.
func (c Config) LogValue() slog.Value {
	return slog.GroupValue(
		slog.Any("brokers", c.Brokers),
		slog.Bool("tls", c.secure()),
		slog.String("ca", c.Files.CA),
		slog.String("cert", c.Files.Cert),
		slog.String("sasl", c.SASL.Mechanism),
		slog.String("user", c.SASL.who()),
	)
}

// who names the client as Kafka is told.
func (s SASL) who() string {
	if s.Mechanism == OAuthBearer {
		return s.OAuth.ClientID
	}
	return s.User
}
