// Package topics creates and checks Parley's topics, and says which partition a key belongs to.
package topics

import "github.com/twmb/franz-go/pkg/kgo"

// keyed keeps no state for records that have a key, so all may share it.
var keyed = kgo.StickyKeyPartitioner(nil).ForTopic("")

// Partition returns the partition of a record with this key, which is not empty, as Kafka's own default
// partitioner finds it: murmur2 of the key, modulo the number of partitions.
func Partition(key string, partitions int32) int32 {
	return int32(keyed.Partition(&kgo.Record{Key: []byte(key)}, int(partitions)))
}
