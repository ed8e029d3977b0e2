// Package embedded runs the engines of a Parley without a cluster, a Kafka broker and ClickHouse, as child
// processes of the program that needs them.
//
// They are processes of their own because they must outlive a kill of their parent by a moment: a broker
// that is killed in the middle of a commit can tear the transaction. So each child holds the reading end of a
// pipe whose other end is its parent's; when the parent goes, however it goes, the pipe ends and the child
// closes its engine cleanly. Signals do not reach the children: they have a process group of their own and
// ignore what a terminal or a service manager sends to all.
//
//	parent                                            child ("parley engine kafka")
//	  Start ── one line of JSON: childConfig ──stdin──▶ RunChild: open the engine
//	        ◀── one line of JSON: childReport ──stdout── addresses, or why not
//	  …                                                 serve
//	  Close, or death: end of the pipe ─────────stdin──▶ close the engine, exit
//
// A data folder holds
//
//	parley.json   what it is, and in which format; nothing is written to a folder that has other content
//	parley.lock   locked by the parent and, inherited, by the children: whoever starts next waits for all
//	kafka/        the broker's records (package kafka)
//	clickhouse/   the tables (package clickhouse)
//
// and whatever its owner keeps beside these.
package embedded
