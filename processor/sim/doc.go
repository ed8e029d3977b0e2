// Package sim plays the processor through whatever can happen to it: the real processor, several members of one group;
// the real code of the broker, over a network in memory; the real store, on disks in memory that forget what was not
// synced. Time is virtual (testing/synctest). A seed decides what is sent and in which order, how the backend takes it,
// and what goes wrong and when: processes die before a commit, after one that they never hear of, between store and
// effect; members join, leave, and are cut off. After a run its history, read back from the log and the backend, is held
// against what must always be true (DESIGN section 7), by an oracle that is as naive as it can be.
//
//	go test ./processor/sim             plays some seeds
//	go test ./processor/sim -seed 7     plays one, and tells the story of what it breaks
package sim
