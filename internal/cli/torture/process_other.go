//go:build !linux

package torture

import "syscall"

// attributes gives a process a group of its own, so that Ctrl-C is for us alone.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
