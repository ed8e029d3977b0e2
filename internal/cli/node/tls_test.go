package node

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"parley/internal/certs"
	"parley/internal/testkit"
	"parley/internal/topics"
	"parley/schemas"
)

// Nodes ask one another by TLS as soon as the one that is asked speaks it: it can be turned on node by node.
func TestNodesByTLS(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	files := s.certify()
	trusting := func(c *Config) { c.TLSCA = files.Authority }
	secure := func(c *Config) { c.TLSCert, c.TLSKey = files.Cert, files.Key }
	a, b := s.start("a", both, secure, trusting), s.start("b", both, trusting)
	if !strings.HasPrefix(a.url, "https://") || !strings.HasPrefix(b.url, "http://") {
		t.Fatalf("they answer at %s and %s", a.url, b.url)
	}
	a.owns(4)
	b.owns(4)
	ids := onePerPartition("answered")
	for _, id := range ids {
		answered(a, b, id)
	}
	for _, id := range onePerPartition("cancelled") {
		cancelled(b, a, id)
	}
	for _, n := range []*running{a, b} {
		if !n.asked() {
			t.Errorf("%s has not asked another node", n.url)
		}
	}

	// One that does not know the authority believes nobody who has the address.
	c := s.start("c", takes)
	told, silent := 0, 0
	for _, id := range ids {
		switch answer := c.once(http.MethodGet, conversation(id), ""); {
		case answer.code == http.StatusOK:
			told++ // by b
		case answer.Code == schemas.OwnerUnavailable:
			silent++
		default:
			t.Errorf("%d: %s", answer.code, answer.body)
		}
	}
	if told != 4 || silent != 4 {
		t.Errorf("%d conversations are told of, %d are not; want 4 of each", told, silent)
	}
}

// certify makes a certificate for the nodes of the site, whose client knows the authority.
func (s *site) certify() testkit.Files {
	s.t.Helper()
	authority, err := testkit.NewAuthority()
	if err != nil {
		s.t.Fatal(err)
	}
	files, err := authority.Issue(s.t.TempDir(), "127.0.0.1")
	if err != nil {
		s.t.Fatal(err)
	}
	trust, err := certs.Trust(files.Authority)
	if err != nil {
		s.t.Fatal(err)
	}
	s.client = &http.Client{Transport: &http.Transport{TLSClientConfig: trust, ForceAttemptHTTP2: true}}
	s.t.Cleanup(s.client.CloseIdleConnections)
	return files
}

// onePerPartition are ids of conversations, each on another partition.
func onePerPartition(name string) []string {
	const partitions = 8
	ids := make([]string, partitions)
	for i, found := 0, 0; found < partitions; i++ {
		q := schemas.ConversationQuery{Account: "default", ID: fmt.Sprint(name, "-", i)}
		if p := topics.OfConversation(q.Keys()[0], partitions); ids[p] == "" {
			ids[p] = q.ID
			found++
		}
	}
	return ids
}

func TestTLSSettings(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for name, c := range map[string]struct {
		adjust func(*Config)
		want   string
	}{
		"no key":           {func(c *Config) { c.TLSCert = "cert.pem" }, "one of PARLEY_TLS_CERT and PARLEY_TLS_KEY is empty"},
		"no certificate":   {func(c *Config) { c.TLSKey = "key.pem" }, "one of PARLEY_TLS_CERT and PARLEY_TLS_KEY is empty"},
		"files not there":  {func(c *Config) { c.TLSCert, c.TLSKey = "nowhere.pem", "key.pem" }, "PARLEY_TLS_CERT, PARLEY_TLS_KEY: read certificate: stat nowhere.pem"},
		"no authorities":   {func(c *Config) { c.TLSCA = s.routes }, "PARLEY_TLS_CA: read authorities: there is no certificate in"},
		"limits of nobody": {func(c *Config) { c.Accounts.Rate = -1 }, "PARLEY_ACCOUNT_RATE, PARLEY_ACCOUNT_BURST"},
	} {
		cfg := s.config("a", takes)
		c.adjust(&cfg)
		if err := Run(t.Context(), cfg, Events{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}
