// Package grants is what each of those who have to do with Parley's Kafka must be allowed to do there, and no more. It is the
// one list: what is printed for brokers with access control, what is checked, and what the documentation shows come of it.
package grants
