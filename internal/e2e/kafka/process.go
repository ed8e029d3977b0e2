package kafka

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// process is a child that runs, or has run.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when it has; err is set
	err   error
}

// spawn starts a command that ends with us.
func spawn(cmd *exec.Cmd) (*process, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setpgid:   true,            // Ctrl-C is for the tests, which end it
		Pdeathsig: syscall.SIGKILL, // when the thread ends that started it
	}
	p := &process{cmd: cmd, ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		defer close(p.ended)
		runtime.LockOSThread() // the thread lives as long as this goroutine, which is as long as the child
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		<-p.ended
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	return p, nil
}

// runs reports whether it has not ended.
func (p *process) runs() bool {
	if p == nil {
		return false
	}
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// signal sends one to a process that runs.
func (p *process) signal(s syscall.Signal) error {
	if !p.runs() {
		return os.ErrProcessDone
	}
	return p.cmd.Process.Signal(s)
}

// kill ends it at once, also if it is frozen, and returns when it is gone.
func (p *process) kill() error {
	if err := p.signal(syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill: %w", err)
	}
	if p != nil {
		<-p.ended
	}
	return nil
}
