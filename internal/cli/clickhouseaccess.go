package cli

import "parley/internal/certs"

// clickHouseAccessFlags say how a ClickHouse is reached whose DSN asks for TLS.
type clickHouseAccessFlags struct {
	ClickHouseCA   string `name:"clickhouse-ca" env:"PARLEY_CLICKHOUSE_CA" placeholder:"FILE" help:"Authorities by which ClickHouse is verified, when its DSN has secure=true or is https (PEM); it is read again when it changes. Default: those of the system." group:"Access to ClickHouse"`
	ClickHouseCert string `name:"clickhouse-cert" env:"PARLEY_CLICKHOUSE_CERT" placeholder:"FILE" help:"Certificate by which ClickHouse knows this program (PEM); it is read again when it changes." group:"Access to ClickHouse"`
	ClickHouseKey  string `name:"clickhouse-key" env:"PARLEY_CLICKHOUSE_KEY" placeholder:"FILE" help:"Its key (PEM)." group:"Access to ClickHouse"`
}

func (f *clickHouseAccessFlags) clickHouseFiles() certs.ClientFiles {
	return certs.ClientFiles{CA: f.ClickHouseCA, Cert: f.ClickHouseCert, Key: f.ClickHouseKey}
}
