package node

import "net/url"

// Addresses say where everything is.
type Addresses struct {
	// HTTP is the address of this node as a URL; Backend that of the demo backend, empty if there is none.
	HTTP, Backend string
	// Mail is where replies are taken, host:port; empty: nowhere.
	Mail string
	// Kafka is a list of brokers; ClickHouse a DSN without its password; ClickHouseHTTP a URL, empty if it is not
	// of our own.
	Kafka, ClickHouse, ClickHouseHTTP string
	DataDir                           string
	Roles                             Roles
}

func (n *node) addresses() Addresses {
	a := Addresses{
		HTTP:       n.url(),
		Kafka:      n.cluster.Brokers(),
		ClickHouse: withoutPassword(n.dsn()),
		DataDir:    n.cfg.DataDir,
		Roles:      n.cfg.Roles,
	}
	if n.backend != nil {
		a.Backend = "http://" + n.backend.Addr().String()
	}
	if n.mail != nil {
		a.Mail = n.mail.Addr().String()
	}
	if n.cfg.embeddedClickHouse() {
		a.ClickHouseHTTP = "http://" + n.engines.ClickHouseHTTPAddr()
	}
	return a
}

// withoutPassword is a DSN that may be shown.
func withoutPassword(dsn string) string {
	u, err := url.Parse(dsn)
	if err != nil {
		return "(not a URL)"
	}
	if q := u.Query(); q.Has("password") {
		q.Set("password", "xxxxx")
		u.RawQuery = q.Encode()
	}
	return u.Redacted()
}
