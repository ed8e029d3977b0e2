// Package certs reads the certificates by which processes know one another: that of a node, which may be replaced while
// it runs, and those of the authorities that a node and the command line believe. Clients of Kafka and ClickHouse have both.
package certs
