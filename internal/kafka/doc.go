// Package kafka is how every client of Parley reaches Kafka: its brokers, TLS, and who it says it is. It says clearly when
// Kafka is there and lets it not in.
//
// Certificates and passwords that are in files are read again when a connection is made, and tokens are fetched again before
// they expire: all of them may be renewed without a restart. Connections that are open stay.
package kafka
