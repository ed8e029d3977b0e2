// Package subscriber keeps the queues of subscribers: what ends is put into each that wants it, once, and stays there until it
// is acknowledged (seed 002).
//
//	parley.results ──▶ Fanout ──▶ parley.subscriber.<id> ──▶ Queues.Dequeue ──▶ the subscriber
//	                     ▲                                        │    ▲
//	                     └── who wants what ── parley.control ◀───┘    └── what it acknowledges
//
// A queue is a topic with one partition. Its records are transactions in their JSON form (schemas.QueuedTransaction): the
// fan-out writes it once for all who want an event, so that a dequeue only strings records together. The id of a transaction is
// its offset + 1. Ids rise, but leave some out: each commit of the fan-out takes an offset in every queue that it touches.
//
// The fan-out is a consumer group whose members write, in one Kafka transaction, what they have read into the queues, and how
// far they have read. A member that was taken for dead cannot commit any more. So each event is in a queue once.
//
// A dequeue may be answered by any node: it hears first what all have said of the queue (CatchUp), reads the topic by itself, and
// says how far it has handed out before it does so. What is handed out and not acknowledged comes again. The records that are
// acknowledged are deleted from time to time, which only gives the room back.
//
// A subscriber gets everything that is written to parley.results after it was made, and nothing that was there before.
package subscriber
