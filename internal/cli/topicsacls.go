package cli

import (
	"fmt"
	"strings"

	"parley/internal/grants"
	"parley/internal/route"
	"parley/schemas"
)

// topicsACLsCmd prints grants.
type topicsACLsCmd struct {
	TopicPrefix string   `default:"parley" env:"PARLEY_TOPIC_PREFIX" placeholder:"PREFIX" help:"Begins the names of topics, groups and transactional ids."`
	Routes      string   `env:"PARLEY_ROUTES" placeholder:"FILE" help:"The routes: those of type kafka have topics of their own."`
	Role        []string `default:"ingest,processor,results" sep:"," placeholder:"ROLE,..." help:"For whom: ingest, processor, results (nodes with these roles), operator (verbs as keys, accounts, dead and replay), setup (topics apply, inbox create, the first start of all), producer (writes calls), tenant (writes to the topic of its account), backend (of kafka routes)."`
	Principal   string   `default:"User:parley" placeholder:"TYPE:NAME" help:"Whom brokers know them as, as User:parley; of a certificate, User:CN=parley,O=Example."`
	Account     string   `placeholder:"NAME" help:"The account of a tenant."`
	Group       string   `default:"parley-backend" placeholder:"NAME" help:"The consumer group of a backend."`
	JSON        bool     `name:"json" help:"Print a line of JSON for each grant, with what it is for."`
}

// Help is shown by --help.
func (*topicsACLsCmd) Help() string {
	return `It prints commands of kafka-acls.sh and connects to nothing; they need --bootstrap-server, and a --command-config of who may give grants.

  parley topics acls --role ingest,processor,results --principal User:parley --routes routes.yaml
  parley topics acls --role setup --principal User:deployer
  parley topics acls --role tenant --account acme --principal User:acme`
}

// aclJSON is a grant as it is printed.
type aclJSON struct {
	Role       grants.Role `json:"role"`
	Principal  string      `json:"principal"`
	Permission string      `json:"permission"`
	grants.Grant
	Pattern string `json:"patternType"`
}

// Run prints them.
func (c *topicsACLsCmd) Run(std streams) error {
	p, err := c.parley()
	if err != nil {
		return err
	}
	var all []grants.Grant
	for _, name := range list(c.Role) {
		role, err := grants.ParseRole(strings.TrimSpace(name))
		if err != nil {
			return err
		}
		given := p.For(role)
		all = append(all, given...)
		if !c.JSON {
			continue
		}
		for _, g := range given {
			if err := printJSON(std.out, aclJSON{Role: role, Principal: c.Principal, Permission: "Allow", Grant: g, Pattern: g.Pattern()}); err != nil {
				return err
			}
		}
	}
	if c.JSON {
		return nil
	}
	for _, command := range grants.Commands(c.Principal, grants.Union(all)) {
		fmt.Fprintln(std.out, command)
	}
	return nil
}

// parley is what the grants depend on.
func (c *topicsACLsCmd) parley() (grants.Parley, error) {
	p := grants.Parley{Prefix: c.TopicPrefix, Account: c.Account, BackendGroup: c.Group}
	if c.Account != "" && !schemas.ValidAccount(c.Account) {
		return p, fmt.Errorf("%.100q cannot be an account: it is 1 to 64 of A-Z a-z 0-9 . _ -", c.Account)
	}
	if kind, name, ok := strings.Cut(c.Principal, ":"); !ok || kind == "" || name == "" {
		return p, fmt.Errorf("--principal is %q; give a type and a name, as User:parley", c.Principal)
	}
	if c.Routes == "" {
		return p, nil
	}
	t, err := route.Load(c.Routes)
	if err != nil {
		return p, fmt.Errorf("%w; correct the file, or name another with --routes", err)
	}
	p.Requests, p.Replies = routed(t)
	return p, nil
}

// routed are the topics of kafka routes.
func routed(t *route.Table) (requests, replies []string) {
	for _, r := range t.Routes() {
		if r.Executor.Type != route.Kafka {
			continue
		}
		requests = append(requests, r.Executor.Topic)
		if r.Executor.ReplyTopic != "" {
			replies = append(replies, r.Executor.ReplyTopic)
		}
	}
	return requests, replies
}
