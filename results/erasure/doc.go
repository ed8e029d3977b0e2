// Package erasure erases from ClickHouse what is recorded of a person: the rows stay, so that counts stay true, and lose
// what tells of the person.
//
//	results_log    customer_key, message and subject of the objects
//	calls_log      message of calls that had such an object: a backend may have put anything into it
//	results_log    message of all objects of these calls: it may be that of the call
//
// Of both, the rows of events up to a sequence in each partition, which is where the partition's owner had erased what it
// holds: what is recorded of that person behind it is of calls that came later. All these events must be stored before:
// no row comes from the sink then that would have to be erased, but for an insert that is repeated after the window of
// ClickHouse's deduplication, or a backup that is restored. For these the table erasures remembers what has been erased,
// and Repeat does it again.
//
// Rows that were written before results had a subject are not found.
package erasure
