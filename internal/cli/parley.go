package cli

import "parley/internal/cli/client"

// parleyFlags say which Parley is asked, and for whom.
type parleyFlags struct {
	URL     string `name:"url" default:"http://127.0.0.1:8080" env:"PARLEY_URL" placeholder:"URL" help:"Where Parley answers."`
	APIKey  string `name:"api-key" env:"PARLEY_API_KEY" placeholder:"KEY" help:"The API key to show, where access is by keys; see parley keys. In the environment no other user of the machine sees it."`
	Account string `env:"PARLEY_ACCOUNT" placeholder:"NAME" help:"The account to act on. Default: that of the API key, or the one that Parley gives."`
}

func (f parleyFlags) client() (*client.Client, error) {
	return client.New(client.Config{URL: f.URL, Account: f.Account, Key: f.APIKey})
}
