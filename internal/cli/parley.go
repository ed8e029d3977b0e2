package cli

import (
	"fmt"

	"parley/internal/certs"
	"parley/internal/cli/client"
)

// parleyFlags say which Parley is asked, and for whom.
type parleyFlags struct {
	URL     string `name:"url" default:"http://127.0.0.1:8080" env:"PARLEY_URL" placeholder:"URL" help:"Where Parley answers."`
	APIKey  string `name:"api-key" env:"PARLEY_API_KEY" secret:"" placeholder:"KEY" help:"The API key to show, where access is by keys; see parley keys. In the environment no other user of the machine sees it."`
	TLSCA   string `name:"tls-ca" env:"PARLEY_TLS_CA" placeholder:"FILE" help:"Authorities by which Parley is verified, when its URL is https (PEM). Default: those of the system."`
	Account string `env:"PARLEY_ACCOUNT" placeholder:"NAME" help:"The account to act on. Default: that of the API key, or the one that Parley gives."`
}

func (f parleyFlags) client() (*client.Client, error) {
	trust, err := certs.Trust(f.TLSCA)
	if err != nil {
		return nil, fmt.Errorf("--tls-ca: %w", err)
	}
	return client.New(client.Config{URL: f.URL, Account: f.Account, Key: f.APIKey, Trust: trust})
}
