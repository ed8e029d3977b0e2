package topics_test

import (
	"fmt"
	"testing"

	"parley/internal/topics"
)

// The hashes are those that Apache Kafka tests its own murmur2 with (clients, UtilsTest.testMurmur2); its default
// partitioner takes them without the sign bit, modulo the number of partitions (Utils.toPositive).
func TestPartitionIsThatOfTheJavaClient(t *testing.T) {
	t.Parallel()
	hashes := map[string]int32{
		"21":                         -973932308,
		"foobar":                     -790332482,
		"a-little-bit-long-string":   -985981536,
		"a-little-bit-longer-string": -1486304829,
		"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
		"abc": 479470107,
	}
	for key, hash := range hashes {
		for _, partitions := range []int32{1, 2, 7, 8, 48, 16384} {
			want := (hash & 0x7fffffff) % partitions
			if got := topics.Partition(key, partitions); got != want {
				t.Errorf("Partition(%q, %d) = %d, want %d", key, partitions, got, want)
			}
		}
	}
}

func TestPartitionSpreads(t *testing.T) {
	t.Parallel()
	const keys, partitions = 8000, 8
	var got [partitions]int
	for i := range keys {
		got[topics.Partition(fmt.Sprintf("acme/order-%d", i), partitions)]++
	}
	for p, n := range got {
		if n < keys/partitions*8/10 || n > keys/partitions*12/10 {
			t.Errorf("partition %d has %d of %d keys", p, n, keys)
		}
	}
}

func BenchmarkPartition(b *testing.B) {
	for b.Loop() {
		topics.Partition("acme/018f4c1e-7c1a-7b5e-9d55-0242ac120002", 48)
	}
}
