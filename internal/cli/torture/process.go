package torture

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// process is a process of Parley that is started again and again. One goroutine does so.
type process struct {
	name    string
	program string
	args    []string
	// dir is its folder, where its log is.
	dir string

	cmd *exec.Cmd
	// ended is closed when it has; err says how.
	ended chan struct{}
	err   error
}

// start runs the process. It does not wait until it is ready.
func (p *process) start() error { return p.startWith(p.args) }

func (p *process) startWith(args []string) error {
	log, err := os.OpenFile(p.logFile(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	cmd := exec.Command(p.program, args...) //nolint:noctx // stop and kill end it
	cmd.Env = environment(os.Environ())
	cmd.Stderr = log
	cmd.SysProcAttr = attributes()
	started := make(chan error)
	p.cmd, p.ended = cmd, make(chan struct{})
	go func(ended chan struct{}) {
		// On Linux it is told when the thread that started it ends; this one stays until it has.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := errors.Join(cmd.Start(), log.Close())
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		close(ended)
	}(p.ended)
	if err := <-started; err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	return nil
}

func (p *process) logFile() string { return filepath.Join(p.dir, p.name+".log") }

// environment is the one that a process gets: no settings but where the engine is.
func environment(environ []string) []string {
	var kept []string
	for _, e := range environ {
		if !strings.HasPrefix(e, "PARLEY_") || strings.HasPrefix(e, "PARLEY_CHDB_LIB=") {
			kept = append(kept, e)
		}
	}
	return kept
}

func (p *process) signal(s syscall.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal %s to %s: %w", s, p.name, err)
	}
	return nil
}

// kill ends the process at once, also when it is frozen. One that does not run is killed.
func (p *process) kill() error {
	if p.cmd == nil {
		return nil
	}
	err := p.signal(syscall.SIGKILL)
	if err == nil {
		<-p.ended
	}
	p.cmd = nil
	return err
}

// stopWait is a little more than what serve takes at most.
const stopWait = 20 * time.Second

// stop ends the process as an operator does. The error says that it did not end well.
func (p *process) stop() error {
	if p.cmd == nil {
		return nil
	}
	if err := p.signal(syscall.SIGTERM); err != nil {
		return err
	}
	late := time.NewTimer(stopWait)
	defer late.Stop()
	select {
	case <-p.ended:
	case <-late.C:
		return errors.Join(fmt.Errorf("%s did not end within %s", p.name, stopWait), p.kill())
	}
	p.cmd = nil
	if p.err != nil {
		return fmt.Errorf("%s did not end well: %w\n%s", p.name, p.err, p.lastWords())
	}
	return nil
}

// lastWords is the end of the log.
func (p *process) lastWords() string {
	text, err := os.ReadFile(p.logFile())
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}
