// Package reports holds what the reports promise against a ClickHouse: the rollups and the views of docs/reports.md, the
// queries of that page, and those of the dashboard in deploy/grafana. All of it is SQL, in schemas/clickhouse and there; so
// this package has nothing but tests.
package reports
