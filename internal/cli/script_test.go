package cli_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/testkit"
)

// patience bounds every wait of a script; none should come near it.
const patience = 60 * time.Second

// await asks again and again until the answer is yes.
func await(ts *testscript.TestScript, what string, answer func() bool) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-tick.C {
		if answer() {
			return
		}
	}
	ts.Fatalf("not within %s: %s", patience, what)
}

// get returns what the script's server answers, or "" when it answers anything but 200.
func get(ts *testscript.TestScript, path string) string {
	client := http.Client{Timeout: 10 * time.Second}
	resp, err := client.Get("http://" + ts.Getenv("PARLEY_HTTP_ADDR") + path)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return ""
	}
	return string(body)
}

// awaitReady is "ready": it waits for a server that takes calls.
func awaitReady(ts *testscript.TestScript, _ bool, _ []string) {
	await(ts, "ready", func() bool { return get(ts, "/readyz") != "" })
}

// awaitGone is "gone": it waits until the server answers nobody any more.
func awaitGone(ts *testscript.TestScript, _ bool, _ []string) {
	await(ts, "gone", func() bool { return get(ts, "/healthz") == "" })
}

// awaitMetric is "metric NAME N": it waits until a metric of the server, with its labels, is at least N.
func awaitMetric(ts *testscript.TestScript, _ bool, args []string) {
	least, err := strconv.ParseFloat(args[1], 64)
	ts.Check(err)
	await(ts, strings.Join(args, " "), func() bool {
		for line := range strings.Lines(get(ts, "/metrics")) {
			if value, ok := strings.CutPrefix(line, args[0]+" "); ok {
				n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
				return err == nil && n >= least
			}
		}
		return false
	})
}

// until is "until PATTERN PROGRAM ARG...": it runs a program until what it prints matches, and it succeeds; with "!",
// until it fails.
func until(ts *testscript.TestScript, fails bool, args []string) {
	pattern := regexp.MustCompile("(?m)" + args[0])
	var printed bytes.Buffer
	await(ts, args[0], func() bool {
		printed.Reset()
		cmd := exec.Command(args[1], args[2:]...)
		cmd.Dir, cmd.Stdout, cmd.Stderr = ts.MkAbs("."), &printed, &printed
		for _, name := range []string{"PARLEY_URL", "PARLEY_API_KEY", "PARLEY_TLS_CA", "PARLEY_KAFKA_BROKERS", "PARLEY_TOPIC_PREFIX", "PARLEY_EMBEDDED_KAFKA_ADDR", "PARLEY_EMBEDDED_CLICKHOUSE_HTTP_ADDR"} {
			if value := ts.Getenv(name); value != "" {
				cmd.Env = append(cmd.Env, name+"="+value)
			}
		}
		return (cmd.Run() != nil) == fails && pattern.Match(printed.Bytes())
	})
	ts.Logf("%s", printed.String())
}

// certify is "certify HOST": the settings by which the script's server speaks TLS with a certificate for the host.
func certify(ts *testscript.TestScript, _ bool, args []string) {
	authority, err := testkit.NewAuthority()
	ts.Check(err)
	files, err := authority.Issue(ts.MkAbs("."), args[0])
	ts.Check(err)
	ts.Setenv("PARLEY_TLS_CERT", files.Cert)
	ts.Setenv("PARLEY_TLS_KEY", files.Key)
	ts.Setenv("PARLEY_TLS_CA", files.Authority)
	ts.Setenv("PARLEY_URL", "https://"+ts.Getenv("PARLEY_HTTP_ADDR"))
}

// keyForm is what an API key looks like.
var keyForm = regexp.MustCompile(`parley_([A-Z2-7]{10})_[A-Z2-7]{33}`)

// keyFrom is "keyfrom FILE KEY ID": it takes the API key in a file as a setting, and its id as another.
func keyFrom(ts *testscript.TestScript, _ bool, args []string) {
	key := keyForm.FindStringSubmatch(ts.ReadFile(args[0]))
	if key == nil {
		ts.Fatalf("no key in %s", args[0])
	}
	ts.Setenv(args[1], key[0])
	ts.Setenv(args[2], key[1])
}

// occupy is "occupy ADDR": something listens there until the script ends.
func occupy(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", args[0])
	ts.Check(err)
	ts.Defer(func() { _ = l.Close() })
}

// hangUp is "hangup": it sends SIGHUP to what runs in the background.
func hangUp(ts *testscript.TestScript, _ bool, _ []string) {
	for _, cmd := range ts.BackgroundCmds() {
		ts.Check(cmd.Process.Signal(syscall.SIGHUP))
	}
}

// expand is "expand FILE": it puts the settings of the script into a file, where it says ${NAME}.
func expand(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(os.Expand(ts.ReadFile(args[0]), ts.Getenv)), 0o600))
}

// produce is "produce TOPIC PARTITION KEY FILE [HEADER=VALUE...]": it appends a record to a topic of the script's
// server. A file named .hex holds the bytes in hex.
func produce(ts *testscript.TestScript, _ bool, args []string) {
	partition, err := strconv.ParseInt(args[1], 10, 32)
	ts.Check(err)
	value := []byte(ts.ReadFile(args[3]))
	if strings.HasSuffix(args[3], ".hex") {
		value, err = hex.DecodeString(strings.TrimSpace(string(value)))
		ts.Check(err)
	}
	r := &kgo.Record{Topic: args[0], Partition: int32(partition), Key: []byte(args[2]), Value: value}
	for _, h := range args[4:] {
		name, value, _ := strings.Cut(h, "=")
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: name, Value: []byte(value)})
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(ts.Getenv("KAFKA"), ",")...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	ts.Check(err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ts.Check(client.ProduceSync(ctx, r).FirstErr())
}

// makeCalls is "calls FILE N PARTS": N conversations of as many parts, shuffled, one call a line.
func makeCalls(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	parts, err := strconv.Atoi(args[2])
	ts.Check(err)
	lines := make([]string, 0, n*parts)
	for c := range n {
		for p := 1; p <= parts; p++ {
			lines = append(lines, fmt.Sprintf(
				`{"method":"Create","objects":[{"type":"Order","customerKey":"%[1]d/%[2]d","correlationId":"c-%[1]d-%[2]d"}],"options":{"conversationId":"conversation-%[1]d","sequenceCode":%[2]d,"callsInConversation":%[3]d}}`,
				c, p, parts))
		}
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Join(lines, "\n")+"\n"), 0o600))
}

// askPartner is "soap OPERATION FILE": it asks the script's server for an operation of the partner API, with the API key of the
// script as who uses WS-Security shows it, and prints the answer. The file holds what stands in the body, in the namespace of the API,
// with TOMORROW in the place of a time that is to come.
func askPartner(ts *testscript.TestScript, _ bool, args []string) {
	const envelope = `<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns="http://exacttarget.com/wsdl/partnerAPI"><soapenv:Header>` +
		`<wsse:Security soapenv:mustUnderstand="1" xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"><wsse:UsernameToken><wsse:Username>ann</wsse:Username><wsse:Password>%s</wsse:Password></wsse:UsernameToken></wsse:Security>` +
		`</soapenv:Header><soapenv:Body>%s</soapenv:Body></soapenv:Envelope>`
	operation := strings.ReplaceAll(strings.TrimSpace(ts.ReadFile(args[1])), "TOMORROW", time.Now().Add(24*time.Hour).UTC().Format(time.RFC3339))
	body := fmt.Sprintf(envelope, ts.Getenv("PARLEY_API_KEY"), operation)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+ts.Getenv("PARLEY_HTTP_ADDR")+"/Service.asmx", strings.NewReader(body))
	ts.Check(err)
	r.Header.Set("Content-Type", "text/xml; charset=utf-8")
	r.Header.Set("SOAPAction", strconv.Quote(args[0]))
	resp, err := http.DefaultClient.Do(r)
	ts.Check(err)
	defer resp.Body.Close()
	_, err = io.Copy(ts.Stdout(), resp.Body)
	ts.Check(err)
}
