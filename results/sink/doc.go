// Package sink writes every event of parley.results into ClickHouse, once.
//
// It works in blocks. A block is a range of offsets [from, to) of one partition, and goes three steps:
//
//	plan    commit offset from of the partition, with metadata that names to; a refused commit ends it here
//	insert  into each table, with an insert_deduplication_token made of table, topic, partition, from and to
//	go on   the plan of the next block commits what was its to; when there is none, a commit without metadata
//
// A sink that stops anywhere leaves the plan behind. Whoever gets the partition next reads exactly that range again
// and inserts it with the same tokens, of which ClickHouse drops those that it has seen. So it does not matter
// whether an insert whose answer was lost had been stored, nor whether a member that lost its partition without
// noticing inserts once more. Events are equal whenever they are read, and the log is read committed, so that a
// range always holds the same rows. Behind the token stand the identities of the rows: see schemas/clickhouse.
//
// ClickHouse may be away for as long as it likes: the sink tries again for ever and, until then, reads no further.
package sink
