// Package kafka runs clusters of real Apache Kafka brokers for tests: child processes on loopback, each a broker and a
// controller (KRaft) with its data in a folder of its own, which can be killed, stopped, frozen and started again.
//
// The brokers are what fetch has put into the cache folder (go run parley/internal/e2e/kafka/fetch, a part of make e2e). They
// end with the process that started them, also when that is killed. It works on Linux.
package kafka
