package cli

import "parley/internal/cli/client"

// parleyFlags say which Parley is asked, and for whom.
type parleyFlags struct {
	URL     string `name:"url" default:"http://127.0.0.1:8080" env:"PARLEY_URL" placeholder:"URL" help:"Where Parley answers."`
	Account string `env:"PARLEY_ACCOUNT" placeholder:"NAME" help:"The account to act on. Default: the one that Parley gives."`
}

func (f parleyFlags) client() (*client.Client, error) { return client.New(f.URL, f.Account) }
