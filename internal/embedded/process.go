package embedded

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// process is the parent's side of one child.
type process struct {
	engine string
	cfg    childConfig
	cmd    *exec.Cmd
	pipe   io.WriteCloser // the child closes when this does

	report  childReport      // set by ready
	reports chan childReport // one, unless the child ends without
	ended   chan struct{}    // closed when the process has ended; err is set
	err     error
}

// spawn starts the child. It inherits the lock.
func spawn(command []string, engine string, cfg childConfig, lock *os.File) (*process, error) {
	args := append(append([]string(nil), command[1:]...), engine)
	cmd := exec.Command(command[0], args...) //nolint:noctx // it ends when its pipe does, never by a signal of ours alone
	cmd.Stderr = os.Stderr
	cmd.ExtraFiles = []*os.File{lock}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("spawn %s: %w", engine, err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("spawn %s: %w", engine, err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("spawn %s: %w", engine, err)
	}
	p := &process{
		engine: engine, cfg: cfg, cmd: cmd, pipe: in,
		reports: make(chan childReport, 1), // nobody may be waiting for it any more
		ended:   make(chan struct{}),
	}
	go p.watch(out)
	if err := writeLine(in, cfg); err != nil {
		return nil, errors.Join(fmt.Errorf("configure %s: %w", engine, err), p.close(time.Second))
	}
	return p, nil
}

// watch reads what the child says, and waits for its end.
func (p *process) watch(out io.Reader) {
	lines := bufio.NewReader(out)
	line, err := lines.ReadBytes('\n')
	var r childReport
	if err == nil {
		err = json.Unmarshal(line, &r)
	}
	if err == nil {
		p.reports <- r
	}
	close(p.reports)
	_, copyErr := io.Copy(io.Discard, lines) // nothing is expected; the child must not block on it
	p.err = errors.Join(p.cmd.Wait(), copyErr)
	close(p.ended)
}

// ready waits until the engine has opened.
func (p *process) ready(ctx context.Context) error {
	select {
	case r, ok := <-p.reports:
		if ok {
			p.report = r
			return r.err(p.engine, p.cfg)
		}
		<-p.ended
		return p.unexpected()
	case <-ctx.Done():
		return fmt.Errorf("wait for embedded %s: %w", p.engine, context.Cause(ctx))
	}
}

// unexpected is the error of a child that ended by itself.
func (p *process) unexpected() error {
	if p.err != nil {
		return fmt.Errorf("embedded %s ended: %w", p.engine, p.err)
	}
	return fmt.Errorf("embedded %s ended", p.engine)
}

// close ends the child and waits for it; after the time to wait it is killed.
func (p *process) close(wait time.Duration) error {
	err := p.pipe.Close()
	if errors.Is(err, os.ErrClosed) {
		err = nil // the child ended before us
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-p.ended:
	case <-timer.C:
		err = errors.Join(err, fmt.Errorf("embedded %s did not close within %s and was killed", p.engine, wait), p.cmd.Process.Kill())
		<-p.ended
	}
	if p.err != nil {
		err = errors.Join(err, fmt.Errorf("close embedded %s: %w", p.engine, p.err))
	}
	return err
}

func childCommand(command []string) ([]string, error) {
	if len(command) > 0 {
		return command, nil
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("locate this program: %w", err)
	}
	return []string{self, "engine"}, nil
}

// engineFolder is the absolute path of an engine's own folder.
func engineFolder(dataDir, engine string) (string, error) {
	dir, err := filepath.Abs(filepath.Join(dataDir, engine))
	if err != nil {
		return "", fmt.Errorf("locate data folder: %w", err)
	}
	return dir, nil
}
