// Package publish makes the records of calls, for producers that write them to Kafka themselves: with the key, the
// headers and the value that Parley expects, and with the request id under which the call can be polled.
//
//	client, err := kgo.NewClient(append(publish.Options(), kgo.SeedBrokers("127.0.0.1:9092"))...)
//	partitions, err := publish.Partitions(ctx, client, "parley")
//	producer := publish.Producer{Partitions: partitions}
//	message, err := producer.Message(&parleyv1.Call{Account: "acme", Method: "Create", Objects: objects})
//	err = client.ProduceSync(ctx, message.Record).FirstErr()
//	// GET /v1/requests/{message.RequestID}
//
// A producer that is trusted with the topic of calls writes to that, for any account; any other to the topic of its own
// account, parley.in.ACCOUNT. When it is not known whether a record has been taken, the same message can be produced
// again, also by another process later: it is the same call.
//
// Nothing here checks whether a call is in order; schemas.Limits does, as the server does it. What is refused has a
// Rejected result under its request id.
package publish
