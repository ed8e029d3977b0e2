// Package publish makes the records of calls for producers that write them to Kafka themselves.
package publish
