//go:build trial

package deploy

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	core "k8s.io/api/core/v1"
)

// The three roles as a kubelet would run them: processes with the arguments and the environment of the rendered chart, asked by its
// probes, and told to end. Only what one machine has differently is put in place of what the chart says: addresses, folders and files.
func TestTrial(t *testing.T) {
	program, err := filepath.Abs(filepath.Join(root, "bin", "parley"))
	if err != nil {
		t.Fatal(err)
	}
	manifests, err := render(t, values(t, "trial.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	o := decode(t, manifests)
	trial := &trial{program: program, folder: t.TempDir(), engines: addresses(t, 5)}
	trial.startEngines(t)
	trial.writeRoutes(t, o)
	trial.writeSecret(t)
	var pods []*pod
	for _, w := range o.workloads {
		pods = append(pods, trial.start(t, w))
	}
	for _, p := range pods {
		took := p.probe(t, "startup", p.container.StartupProbe)
		t.Logf("%s: started within %s of %s", p.name, took.Round(time.Millisecond), budget(p.container.StartupProbe))
		p.probe(t, "readiness", p.container.ReadinessProbe)
		p.probe(t, "liveness", p.container.LivenessProbe)
	}
	trial.call(t, pods)
	for _, p := range pods {
		p.stop(t, trial)
	}
}

// trial is a machine in place of a cluster.
type trial struct {
	program, folder string
	engines         []string // addresses: HTTP, Kafka, ClickHouse, its HTTP, backend
	routes          string
	key             string
}

// addresses are free for the moment.
func addresses(t *testing.T, n int) []string {
	t.Helper()
	all := make([]string, n)
	for i := range all {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		all[i] = l.Addr().String()
	}
	return all
}

// startEngines has a Parley under another prefix bring Kafka, ClickHouse and a backend.
func (tr *trial) startEngines(t *testing.T) {
	t.Helper()
	e := &pod{name: "engines", addr: tr.engines[0]}
	e.run(t, exec.Command(tr.program, "serve"), []string{
		"PARLEY_TOPIC_PREFIX=engines", "PARLEY_DATA_DIR=" + filepath.Join(tr.folder, "engines"), "PARLEY_HTTP_ADDR=" + tr.engines[0],
		"PARLEY_EMBEDDED_KAFKA_ADDR=" + tr.engines[1], "PARLEY_EMBEDDED_CLICKHOUSE_ADDR=" + tr.engines[2],
		"PARLEY_EMBEDDED_CLICKHOUSE_HTTP_ADDR=" + tr.engines[3], "PARLEY_BACKEND_ADDR=" + tr.engines[4], "PARLEY_CHDB_LIB=" + os.Getenv("PARLEY_CHDB_LIB"),
		"HOME=" + os.Getenv("HOME"), "XDG_CACHE_HOME=" + os.Getenv("XDG_CACHE_HOME"),
	})
	e.await(t, "/readyz", http.StatusOK, time.Minute)
}

func (tr *trial) writeRoutes(t *testing.T, o *objects) {
	t.Helper()
	for _, c := range o.configs {
		if text, ok := c.Data["routes.yaml"]; ok {
			tr.routes = filepath.Join(tr.folder, "routes.yaml")
			if err := os.WriteFile(tr.routes, []byte(strings.ReplaceAll(text, "backend:9090", tr.engines[4])), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// secretFolder is where the chart has the keys of the Secret.
const secretFolder = "/etc/parley/secret"

// writeSecret keeps what the Secret must have.
func (tr *trial) writeSecret(t *testing.T) {
	t.Helper()
	for key, value := range map[string]string{"parley-secret": "0123456789abcdef\n", "clickhouse-dsn": "clickhouse://" + tr.engines[2] + "/trial"} {
		if err := os.WriteFile(filepath.Join(tr.folder, key), []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// start runs the container of the first pod of a workload.
func (tr *trial) start(t *testing.T, w workload) *pod {
	t.Helper()
	p := &pod{name: w.name + "-0", container: w.template.Spec.Containers[0], addr: addresses(t, 1)[0]}
	p.grace = time.Duration(*w.template.Spec.TerminationGracePeriodSeconds) * time.Second
	local := map[string]string{
		"PARLEY_HTTP_ADDR": p.addr, "PARLEY_ADVERTISE_ADDR": p.addr, "PARLEY_DATA_DIR": filepath.Join(tr.folder, p.name),
		"PARLEY_KAFKA_BROKERS": tr.engines[1], "PARLEY_ROUTES": tr.routes,
	}
	var env []string
	known := make(map[string]string)
	for _, e := range p.container.Env {
		value := e.Value
		switch from := e.ValueFrom; {
		case local[e.Name] != "":
			value = local[e.Name]
		case from != nil && from.FieldRef != nil && from.FieldRef.FieldPath == "metadata.name":
			value = p.name
		}
		value = strings.Replace(value, secretFolder, tr.folder, 1)
		for name, v := range known {
			value = strings.ReplaceAll(value, "$("+name+")", v)
		}
		known[e.Name] = value
		env = append(env, e.Name+"="+value)
	}
	p.run(t, exec.Command(tr.program, p.container.Args...), env)
	return p
}

// call sends a call to ingest, and waits for its result.
func (tr *trial) call(t *testing.T, pods []*pod) {
	t.Helper()
	create := exec.CommandContext(t.Context(), tr.program, "keys", "create", "acme", "--scopes", "read,submit")
	create.Env = []string{"PARLEY_KAFKA_BROKERS=" + tr.engines[1]}
	out, err := create.Output()
	if err != nil {
		t.Fatalf("keys create: %v", err)
	}
	tr.key = strings.TrimSpace(string(out))
	for _, p := range pods {
		if strings.Contains(p.name, "ingest") {
			tr.post(t, p)
		}
	}
}

// post sends a call that waits for its own result.
func (tr *trial) post(t *testing.T, p *pod) {
	t.Helper()
	body := `{"method":"Perform","action":"start","objects":[{"type":"Order","customerKey":"1"}]}`
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+p.addr+"/v1/calls", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+tr.key)
	r.Header.Set("Prefer", "wait=30")
	for deadline := time.Now().Add(time.Minute); ; { // a key holds everywhere within a second
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		said, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err == nil && resp.StatusCode == http.StatusOK && bytes.Contains(said, []byte(`"status":"OK"`)) {
			return
		}
		if time.Now().After(deadline) || resp.StatusCode != http.StatusUnauthorized {
			t.Fatalf("a call is answered with %d %s: %v", resp.StatusCode, said, err)
		}
		r.Body = io.NopCloser(strings.NewReader(body))
		pause(t, 100*time.Millisecond)
	}
}

// pod is a process that has a container's place.
type pod struct {
	name      string
	container core.Container
	addr      string
	grace     time.Duration
	cmd       *exec.Cmd
	ended     chan error
	log       bytes.Buffer
}

func (p *pod) run(t *testing.T, cmd *exec.Cmd, env []string) {
	t.Helper()
	cmd.Env, cmd.Stdout, cmd.Stderr = env, &p.log, &p.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.cmd, p.ended = cmd, make(chan error, 1)
	go func() { p.ended <- cmd.Wait() }()
	t.Cleanup(func() {
		if p.ended != nil {
			_ = cmd.Process.Signal(syscall.SIGTERM)
			select {
			case <-p.ended:
			case <-time.After(30 * time.Second):
				_ = cmd.Process.Kill()
				<-p.ended
			}
		}
		if t.Failed() {
			t.Logf("%s:\n%s", p.name, p.log.Bytes())
		}
	})
}

// budget is how long a probe may fail.
func budget(p *core.Probe) time.Duration {
	return time.Duration(p.PeriodSeconds*p.FailureThreshold) * time.Second
}

// probe asks as a kubelet does, until the probe succeeds or has failed too often, and returns how long that took.
func (p *pod) probe(t *testing.T, kind string, probe *core.Probe) time.Duration {
	t.Helper()
	began := time.Now()
	for range probe.FailureThreshold {
		if p.ask(t, probe.HTTPGet.Path, time.Duration(probe.TimeoutSeconds)*time.Second) == http.StatusOK {
			return time.Since(began)
		}
		pause(t, time.Duration(probe.PeriodSeconds)*time.Second)
	}
	t.Fatalf("%s: the %s probe has failed %d times", p.name, kind, probe.FailureThreshold)
	return 0
}

// ask returns the status of an answer; 0: there was none.
func (p *pod) ask(t *testing.T, path string, within time.Duration) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.addr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}

func (p *pod) await(t *testing.T, path string, status int, within time.Duration) {
	t.Helper()
	for deadline := time.Now().Add(within); p.ask(t, path, 3*time.Second) != status; pause(t, 50*time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: %s is not %d within %s", p.name, path, status, within)
		}
	}
}

// stop tells a pod to end, sees that it drains, and that it has ended before it would be killed.
func (p *pod) stop(t *testing.T, tr *trial) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	told := time.Now()
	if strings.Contains(p.name, "ingest") {
		p.await(t, "/readyz", http.StatusServiceUnavailable, 3*time.Second)
		if status := p.ask(t, "/healthz", time.Second); status != http.StatusOK {
			t.Errorf("%s drains, and its liveness is %d", p.name, status)
		}
		tr.post(t, p)
	}
	select {
	case err := <-p.ended:
		p.ended = nil
		if err != nil {
			t.Errorf("%s ends with %v", p.name, err)
		}
		t.Logf("%s: ended within %s of %s", p.name, time.Since(told).Round(time.Millisecond), p.grace)
	case <-time.After(p.grace):
		t.Errorf("%s would have been killed after %s", p.name, p.grace)
	}
}

// pause waits, as a kubelet does between two probes.
func pause(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
		t.Fatal(fmt.Errorf("test has ended: %w", t.Context().Err()))
	}
}
