// Package audit proves that the record in ClickHouse is complete, or finds where it is not: all the time, of every row, at a
// bounded cost.
//
// The events of a partition of parley.calls are numbered from 1 without a gap, each is a row of calls_log, conversations_log
// or deliveries_log, a call has a row of results_log for each of its objects, and the table stored says up to which sequence
// all of them must be there. So for each span, 65,536 sequences of a partition, it is known what the rows must come to: how
// many they are, and the sum, modulo 2^64, of a hash of their identities. Of events that follows from the sequences alone, of
// results from the calls. Rows that are missing or stand twice make another sum, but for a chance of 2^-64. A span whose sums
// are wrong is looked at row by row.
//
//	stored ──▶ up to where                                parts read before ─┐
//	system.parts ──▶ active parts ──▶ those that are new ──▶ sums by span ───┴──▶ compared with what must be
//
// A part of a MergeTree table never changes: it is read once, and what its rows come to is kept until it is gone. So a pass
// reads what was inserted or merged since the last, and all rows are read again as often as ClickHouse itself does it. Only a
// part with rows behind stored, of a block that is being inserted, is read again by the next pass.
//
// The tables are read one after the other while others write to them. That is harmless: rows up to what stored said before
// the parts were listed are all there, in those parts, and do not change.
//
// Rows that a time to live has taken are not missed: see the table audit_marks.
package audit
