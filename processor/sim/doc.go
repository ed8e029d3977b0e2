// Package sim plays the processor through whatever can happen to it: the real processor, several members of one group;
// the real code of the broker, over a network in memory; the real store, on disks in memory that forget what was not
// synced. Time is virtual (testing/synctest). A seed decides what is sent and in which order, how the backend takes it,
// and what goes wrong and when: processes die before a commit, after one that they never hear of, between store and
// effect; members join, leave, and are cut off. After a run its history, read back from the log and the backend, is held
// against what must always be true (DESIGN section 7), by an oracle that is as naive as it can be.
//
//	go test ./processor/sim     plays some seeds
//	make sim SEEDS=1000         plays more of them, exactly
//	make sim SEED=7             plays one, and tells the story of what it breaks
//	make sim-mutations          breaks rules of the processor on purpose, and sees that each is found
//
// # The parts of a run
//
//	plan      what is sent, how the backend takes each call, the faults        all of it from the seed, before the run
//	machine   a disk, and one process after the other                          a crash leaves what the disk had synced
//	nic       the network of one process, frame by frame                       where most processes die
//	backend   takes attempts down; never fails itself                          what the executors of all members reach
//	oracle    what must have come of each conversation, by the log alone
//
// A process cannot be killed inside a bubble. A crash takes its network away, clones its disk as a power cut would leave
// it, and lets nothing more reach the backend: what its goroutines still do is seen by nobody. It dies at a place: when a
// record, the offsets or the commit are about to leave; when the answer to a commit arrives, unheard, or heard and
// nothing after it; when an attempt is about to reach the backend, or its outcome to be heard; at a write of the store.
// (Between commit and store is no place of its own: the store has no log, so a crash there leaves what one after the
// commit was heard leaves.)
//
// # What is the seed's, and what is not
//
// The plan is the seed's alone. In the run, each frame and each attempt takes a time of its own to the nanosecond, made
// of the seed and of what it is; so hardly two things happen at one instant, and the order of what processes, broker and
// backend do is the seed's. Each seed is played in a process of its own, on one processor, without garbage collection:
// libraries keep pools, and channels of one bubble cannot be used in the next.
//
// What is left are the lots that Go's runtime draws when several goroutines or timers are ready in one process at one
// instant, when a map is iterated, and when it interrupts a goroutine. They change the history of some seeds by
// milliseconds, rarely by more. make sim builds with a few lines of the runtime replaced (the edits in exact), so that
// they are drawn in the same order again: then two runs of a seed by the same binary have the same history to the
// nanosecond, which TestSameSeedSameHistory holds. Another binary, as one with a line of logging more, may draw other lots.
package sim
