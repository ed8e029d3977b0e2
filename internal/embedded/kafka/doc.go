// Package kafka is the Kafka broker that Parley runs when no cluster is configured: kfake from
// franz-go, on a real port, with its data on disk. Every Kafka client can use it.
//
// What this package adds to kfake, because Parley depends on it:
//
//   - The broker's time. kfake stores message.timestamp.type but keeps the client's timestamps. Here
//     every record of a LogAppendTime topic gets the time at which the broker took it (stamp.go). The
//     batch attribute stays CreateTime: kfake overwrites the times of a batch that says LogAppendTime
//     without mending its CRC, which makes the batch unreadable.
//   - A clean close. Open transactions are aborted with markers in the log before the broker goes, and
//     after a broker that died the markers it owes are written before anybody is served (recover.go).
//   - Safe compaction. kfake deletes a partition's segments and then writes new ones, in the one loop that
//     serves every request. Here that happens only when nobody produces or at close, never while a
//     transaction has records in a compacted topic, and with the old segments kept beside (compact.go).
//   - Room to breathe. When the disk runs low, records are refused before a write can fail: a failed
//     write in kfake advances the producer's sequence, so that its retry would be taken for a duplicate
//     and acknowledged (disk.go).
//   - A front door. kfake panics on a request with an unknown key and allocates whatever size a frame
//     claims; connections that do not speak Kafka are closed (guard.go).
//
// What it cannot give: EndTxn writes its markers one after the other, so killing the broker itself (not
// its clients) in the middle of a commit can tear that transaction, and without fsync a power cut can lose
// the last moments.
package kafka
