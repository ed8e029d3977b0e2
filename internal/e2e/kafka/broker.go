package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// broker is one member of a cluster, running or not.
type broker struct {
	id    int
	dir   string
	ports map[string]reservation // by the names of its listeners
	// process is that of the last start; nil before the first.
	process *process
}

// newBroker reserves the broker's ports.
func newBroker(id int, dir string, listeners []string) (*broker, error) {
	b := &broker{id: id, dir: filepath.Join(dir, strconv.Itoa(id)), ports: make(map[string]reservation)}
	for _, name := range listeners {
		r, err := reserve()
		if err != nil {
			return nil, errors.Join(err, b.release())
		}
		b.ports[name] = r
	}
	return b, nil
}

// release gives its ports back.
func (b *broker) release() error {
	var errs []error
	for _, r := range b.ports {
		errs = append(errs, r.release())
	}
	return errors.Join(errs...)
}

func (b *broker) addr(listener string) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(b.ports[listener].port))
}

func (b *broker) listeners() string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(b.ports)) {
		out = append(out, name+"://"+b.addr(name))
	}
	return strings.Join(out, ",")
}

// voter is how it stands in controller.quorum.voters.
func (b *broker) voter() string { return strconv.Itoa(b.id) + "@" + b.addr(listenerController) }

func (b *broker) settings() string { return filepath.Join(b.dir, "server.properties") }

func (b *broker) log() string { return filepath.Join(b.dir, "broker.log") }

// format makes the broker's folder fit for its first start.
func (b *broker) format(ctx context.Context, j java, cfg Config, voters []string) error {
	if err := os.Mkdir(b.dir, 0o755); err != nil {
		return fmt.Errorf("make folder of broker %d: %w", b.id, err)
	}
	if err := os.WriteFile(b.settings(), encodeProperties(cfg.properties(b, voters)), 0o600); err != nil {
		return fmt.Errorf("write settings of broker %d: %w", b.id, err)
	}
	args := append([]string{"kafka.tools.StorageTool"}, cfg.formatArgs(b.settings())...)
	if out, err := exec.CommandContext(ctx, j.path, append(j.options(), args...)...).CombinedOutput(); err != nil {
		return fmt.Errorf("format storage of broker %d: %w: %s", b.id, err, tail(out))
	}
	return nil
}

// spawn starts the process and does not wait until it serves.
func (b *broker) spawn(j java) (err error) {
	if b.process.runs() {
		return fmt.Errorf("start broker %d: it runs", b.id)
	}
	log, err := os.OpenFile(b.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("start broker %d: %w", b.id, err)
	}
	defer func() { err = errors.Join(err, log.Close()) }()                           // the child has its own
	cmd := exec.Command(j.path, append(j.options(), "kafka.Kafka", b.settings())...) //nolint:noctx // it lives longer than who starts it waits
	cmd.Stdout, cmd.Stderr = log, log
	if b.process, err = spawn(cmd); err != nil {
		return fmt.Errorf("start broker %d: %w", b.id, err)
	}
	return nil
}

// ended is why the broker does not serve, after its process is gone.
func (b *broker) ended() error {
	out, err := os.ReadFile(b.log())
	return errors.Join(fmt.Errorf("broker %d ended: %w: %s", b.id, b.process.err, tail(out)), err)
}

// tailLines is how much of what a broker said an error carries.
const tailLines = 25

// tail is the end of what was said.
func tail(out []byte) []byte {
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-tailLines):], []byte("\n"))
}
