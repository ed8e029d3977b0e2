package torture

import "syscall"

// attributes gives a process a group of its own, so that Ctrl-C is for us alone, and lets it end with us, however we
// do.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
