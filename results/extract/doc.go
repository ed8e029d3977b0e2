// Package extract writes the results of an account as a file: csv, jsonl or parquet, as many as there are, in the memory of
// some of them.
//
// ClickHouse gives the rows in the order in which they lie (partition, sequence, ordinal), block by block, and they are
// written as they come. What lies between two cursors never changes, unless it is erased, and neither does what is made of
// it: no byte of an extract depends on the time, or on how the rows were divided into blocks.
package extract
