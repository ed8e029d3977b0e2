package doctor

import (
	"fmt"
	"syscall"
)

// Bounds of the space that is left on the disk of the data folder.
const (
	spaceWarned = 10 << 30
	spaceMin    = 1 << 30
)

// CheckFolder looks at the space of a data folder. problem is why it cannot be one; nil: it can.
func CheckFolder(dir string, problem error) Finding {
	f := Finding{Check: DataFolder, Subject: "data folder " + dir}
	if problem != nil {
		f.Verdict, f.Found, f.Meaning = Failure, problem.Error(), "a node does not start there"
		return f
	}
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		f.Verdict, f.Found, f.Meaning = Unknown, err.Error(), "how much space is left is not known"
		return f
	}
	return judgeSpace(f, s.Bavail*uint64(s.Bsize))
}

func judgeSpace(f Finding, free uint64) Finding {
	f.Verdict, f.Found = OK, fmt.Sprintf("%d MiB are free", free>>20)
	switch {
	case free < spaceMin:
		f.Verdict = Failure
	case free < spaceWarned:
		f.Verdict = Warning
	default:
		return f
	}
	f.Meaning, f.Remedy = "the state stops when the disk is full, and an embedded broker refuses calls", "make room, or choose another PARLEY_DATA_DIR"
	return f
}
