package ingest

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/route"
	"parley/internal/topics"
)

// The benchmarks send the same bodies, with 64 clients at once, to a server and to a bare echo handler that does
// ProduceSync of the bytes as they come, one record a call, through a producer with the same options. The broker is a
// process of its own, in memory; clients and handler share one. Of each they report acks/s, p50 and p99 of a request,
// the processor time of clients and handler, and of the server its acks/s as a share of the bare handler's.

// BenchmarkPostSingle posts one part of a conversation a request.
func BenchmarkPostSingle(b *testing.B) {
	compare(b, mimeJSON, 1, func(n int64) []byte { return []byte(benchCall(n)) })
}

// BenchmarkPostNDJSON posts a hundred parts a request.
func BenchmarkPostNDJSON(b *testing.B) {
	const lines = 100
	compare(b, mimeNDJSON, lines, func(n int64) []byte {
		var body bytes.Buffer
		for i := range int64(lines) {
			body.WriteString(benchCall(n*lines+i) + "\n")
		}
		return body.Bytes()
	})
}

// benchCall is the nth of many calls, of 500 bytes.
func benchCall(n int64) string {
	call := fmt.Sprintf(`{"method":"Create","objects":[{"type":"DataExtensionObject","customerKey":"row-%d","correlationId":"a","properties":{"Email":"user%d@example.com","x":""}}],"options":{"conversationId":"order-%d","sequenceCode":%d,"callsInConversation":3}}`, n, n, n/3, n%3+1)
	return strings.Replace(call, `"x":""`, `"x":"`+strings.Repeat("x", max(0, 500-len(call)))+`"`, 1)
}

func compare(b *testing.B, media string, calls int, body func(n int64) []byte) {
	broker := brokerProcess(b)
	var bare float64
	b.Run("bare", func(b *testing.B) {
		bare = load(b, bareServer(b, broker), media, calls, body)
	})
	b.Run("parley", func(b *testing.B) {
		rate := load(b, benchServer(b, broker), media, calls, body)
		if bare > 0 {
			b.ReportMetric(rate/bare, "of-bare")
		}
	})
}

func benchServer(b *testing.B, broker string) string {
	s, err := New(Config{
		Client:       startClient(b, broker),
		Topics:       testTopics,
		Partitions:   partitions,
		Secret:       testSecret,
		Routes:       route.NewCurrent(route.Default("http://127.0.0.1:1/")),
		Auth:         OpenAccess{},
		Maintenances: new(fakeControl),
		Tokens:       startSigner(b),
		Live:         unknowing(),
		Record:       unknowing(),
		Log:          slog.New(slog.DiscardHandler),
		Metrics:      prometheus.NewRegistry(),
	})
	if err != nil {
		b.Fatal(err)
	}
	url, _ := serve(b, s)
	return url
}

// bareServer does the least that an acknowledgment takes.
func bareServer(b *testing.B, broker string) string {
	client := startClient(b, broker)
	e := echo.New()
	e.POST(callsPath, func(c echo.Context) error {
		body, err := io.ReadAll(c.Request().Body)
		if err != nil {
			return err
		}
		var records []*kgo.Record
		for line := range bytes.Lines(body) {
			key := uuid.NewString()
			records = append(records, &kgo.Record{Topic: testTopics.Calls, Partition: topics.Partition(key, partitions), Key: []byte(key), Value: line})
		}
		if err := client.ProduceSync(c.Request().Context(), records...).FirstErr(); err != nil {
			return err
		}
		return c.NoContent(http.StatusAccepted)
	})
	s := httptest.NewServer(e)
	b.Cleanup(s.Close)
	return s.URL
}

// load posts b.N bodies and returns acknowledged calls a second.
func load(b *testing.B, url, media string, calls int, body func(n int64) []byte) float64 {
	const clients = 64
	transport := &http.Transport{MaxIdleConnsPerHost: clients}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	took := make([]time.Duration, b.N)
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	began, used := time.Now(), cpuTime(b)
	for range clients {
		wg.Go(func() {
			for n := next.Add(1) - 1; n < int64(b.N); n = next.Add(1) - 1 {
				sent := time.Now()
				if err := postOne(client, url+callsPath, media, body(n)); err != nil {
					b.Error(err)
					return
				}
				took[n] = time.Since(sent)
			}
		})
	}
	wg.Wait()
	rate := float64(b.N*calls) / time.Since(began).Seconds()
	b.StopTimer()
	used = cpuTime(b) - used
	slices.Sort(took)
	b.ReportMetric(rate, "acks/s")
	b.ReportMetric(float64(used.Microseconds())/float64(b.N*calls), "cpu-µs/ack")
	b.ReportMetric(took[b.N/2].Seconds()*1e3, "p50-ms")
	b.ReportMetric(took[b.N*99/100].Seconds()*1e3, "p99-ms")
	return rate
}

// cpuTime is what this process has used of the processors: unlike the clock, it does not depend on who else runs.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func postOne(client *http.Client, url, media string, body []byte) error {
	resp, err := client.Post(url, media, bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusAccepted {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	return nil
}

// brokerEnv makes the test binary a broker, which ends with its standard input.
const brokerEnv = "PARLEY_TEST_BROKER"

// brokerProcess starts a broker as a process of its own and returns its address.
func brokerProcess(b *testing.B) string {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), brokerEnv+"=1")
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // killed
	})
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(address)
}

// runBroker is what the process does.
func runBroker() error {
	broker, err := newBroker()
	if err != nil {
		return err
	}
	defer broker.Close()
	fmt.Println(broker.ListenAddrs()[0])
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
