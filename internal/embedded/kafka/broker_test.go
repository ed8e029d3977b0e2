package kafka

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// patience bounds every wait of these tests; none should come near it.
const patience = 20 * time.Second

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func testConfig(dir string) Config {
	return Config{Addr: "127.0.0.1:0", DataDir: dir, FreeBytesMin: -1}
}

func openBroker(t *testing.T, cfg Config) *Broker {
	t.Helper()
	b, err := Open(cfg)
	if err != nil {
		t.Fatalf("open broker: %v", err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("close broker: %v", err)
		}
	})
	return b
}

func newClient(t *testing.T, brokers string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(brokers), kgo.MetadataMinAge(20 * time.Millisecond), kgo.DisableClientMetrics()}, opts...)...)
	if err != nil {
		t.Fatalf("create client: %v", err)
	}
	t.Cleanup(cl.Close)
	return cl
}

func createTopic(t *testing.T, brokers, topic string, partitions int32, configs map[string]*string) {
	t.Helper()
	adm := kadm.NewClient(newClient(t, brokers))
	if _, err := adm.CreateTopic(testContext(t), partitions, 1, configs, topic); err != nil {
		t.Fatalf("create topic %s: %v", topic, err)
	}
}

// readAll returns the values of n committed records of the topic, in the order of partition and offset.
func readAll(t *testing.T, brokers, topic string, n int) []*kgo.Record {
	t.Helper()
	cl := newClient(t, brokers, kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	var records []*kgo.Record
	for len(records) < n {
		f := cl.PollFetches(testContext(t))
		if err := f.Err(); err != nil {
			t.Fatalf("read %s: %v (have %d of %d records)", topic, err, len(records), n)
		}
		records = append(records, f.Records()...)
	}
	if len(records) != n {
		t.Fatalf("read %s: got %d records, want %d", topic, len(records), n)
	}
	return records
}

func values(records []*kgo.Record) []string {
	var vs []string
	for _, r := range records {
		vs = append(vs, string(r.Value))
	}
	return vs
}

// inTransaction produces the values to the topic in one transaction and leaves it open.
func inTransaction(t *testing.T, brokers, id, topic string, vs ...string) *kgo.Client {
	t.Helper()
	cl := newClient(t, brokers, kgo.TransactionalID(id), kgo.DefaultProduceTopic(topic), kgo.TransactionTimeout(time.Minute))
	if err := cl.BeginTransaction(); err != nil {
		t.Fatalf("begin transaction: %v", err)
	}
	for _, v := range vs {
		if err := cl.ProduceSync(testContext(t), kgo.StringRecord(v)).FirstErr(); err != nil {
			t.Fatalf("produce %q: %v", v, err)
		}
	}
	return cl
}

func commit(t *testing.T, cl *kgo.Client) {
	t.Helper()
	if err := cl.EndTransaction(testContext(t), kgo.TryCommit); err != nil {
		t.Fatalf("commit: %v", err)
	}
}

func TestExactlyOncePassThrough(t *testing.T) {
	t.Parallel()
	b := openBroker(t, testConfig(t.TempDir()))
	createTopic(t, b.Addr(), "in", 2, nil)
	createTopic(t, b.Addr(), "out", 2, nil)
	const n = 100
	in := newClient(t, b.Addr(), kgo.DefaultProduceTopic("in"))
	for i := range n {
		in.Produce(testContext(t), kgo.StringRecord(fmt.Sprint(i)), func(_ *kgo.Record, err error) {
			if err != nil {
				t.Errorf("produce %d: %v", i, err)
			}
		})
	}
	if err := in.Flush(testContext(t)); err != nil {
		t.Fatal(err)
	}

	s, err := kgo.NewGroupTransactSession(kgo.SeedBrokers(b.Addr()), kgo.ConsumerGroup("g"), kgo.ConsumeTopics("in"),
		kgo.TransactionalID("pass"), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.SessionTimeout(timeoutMax),
		kgo.TransactionTimeout(timeoutMax), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for done, turn := 0, 0; done < n; turn++ {
		f := s.PollFetches(testContext(t))
		if err := f.Err(); err != nil {
			t.Fatal(err)
		}
		if err := s.Begin(); err != nil {
			t.Fatal(err)
		}
		f.EachRecord(func(r *kgo.Record) {
			s.Produce(testContext(t), &kgo.Record{Topic: "out", Value: r.Value}, nil)
		})
		want := kgo.TransactionEndTry(turn != 0) // the first turn is aborted and comes again
		committed, err := s.End(testContext(t), want)
		if err != nil || committed != bool(want) {
			t.Fatalf("end turn %d: committed %v, %v", turn, committed, err)
		}
		if committed {
			done += f.NumRecords()
		}
	}
	got := values(readAll(t, b.Addr(), "out", n))
	slices.Sort(got)
	if u := slices.Compact(got); len(u) != n {
		t.Errorf("got %d different values, want %d", len(u), n)
	}
}

func TestRestartKeepsRecordsAndOffsets(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t.TempDir())
	b := openBroker(t, cfg)
	createTopic(t, b.Addr(), "t", 1, nil)
	cl := newClient(t, b.Addr(), kgo.DefaultProduceTopic("t"))
	if err := cl.ProduceSync(testContext(t), kgo.StringRecord("before")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	var offsets kadm.Offsets
	offsets.AddOffset("t", 0, 1, -1)
	if err := kadm.NewClient(cl).CommitAllOffsets(testContext(t), "g", offsets); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatalf("close again: %v", err)
	}

	b = openBroker(t, cfg)
	if got := values(readAll(t, b.Addr(), "t", 1)); got[0] != "before" {
		t.Errorf("got %q", got)
	}
	fetched, err := kadm.NewClient(newClient(t, b.Addr())).FetchOffsets(testContext(t), "g")
	if err != nil {
		t.Fatal(err)
	}
	if o, ok := fetched.Lookup("t", 0); !ok || o.At != 1 {
		t.Errorf("committed offset: got %+v, want 1", o)
	}
}

func TestCloseAbortsOpenTransaction(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t.TempDir())
	b := openBroker(t, cfg)
	createTopic(t, b.Addr(), "t", 1, nil)
	commit(t, inTransaction(t, b.Addr(), "x", "t", "first"))
	inTransaction(t, b.Addr(), "x", "t", "open")
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}

	b = openBroker(t, cfg)
	ends, err := kadm.NewClient(newClient(t, b.Addr())).ListCommittedOffsets(testContext(t), "t")
	if err != nil {
		t.Fatal(err)
	}
	if stable, _ := ends.Lookup("t", 0); stable.Offset != 4 { // two records and their two markers
		t.Errorf("stable end is %d, want 4: the transaction is not over", stable.Offset)
	}
	commit(t, inTransaction(t, b.Addr(), "x", "t", "second"))
	if got := values(readAll(t, b.Addr(), "t", 2)); !slices.Equal(got, []string{"first", "second"}) {
		t.Errorf("got %q", got)
	}
}

// TestDeathAbortsOpenTransactionForGood copies the folder of a running broker, which is what a kill leaves.
func TestDeathAbortsOpenTransactionForGood(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	dir := filepath.Join(root, "0")
	b := openBroker(t, testConfig(dir))
	createTopic(t, b.Addr(), "t", 1, nil)
	inTransaction(t, b.Addr(), "x", "t", "open")
	for i := range 2 {
		dead := filepath.Join(root, fmt.Sprint(i+1))
		if err := os.CopyFS(dead, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		dir = dead
		b = openBroker(t, testConfig(dir))
		if i == 0 {
			commit(t, inTransaction(t, b.Addr(), "x", "t", "committed"))
		}
	}
	if got := values(readAll(t, b.Addr(), "t", 1)); got[0] != "committed" {
		t.Errorf("got %q: an aborted record came back", got)
	}
}

func TestLargeRecords(t *testing.T) {
	t.Parallel()
	b := openBroker(t, testConfig(t.TempDir()))
	createTopic(t, b.Addr(), "t", 1, map[string]*string{"message.timestamp.type": kadm.StringPtr("LogAppendTime")})
	cl := newClient(t, b.Addr(), kgo.DefaultProduceTopic("t"), kgo.ProducerBatchMaxBytes(2*DefaultBatchBytesMax))
	value := func(size int) []byte {
		v := make([]byte, size)
		if _, err := io.ReadFull(rand.Reader, v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	const overhead = 100
	for _, size := range []int{1 << 20, 1<<20 + 1, DefaultBatchBytesMax - overhead} {
		if err := cl.ProduceSync(testContext(t), &kgo.Record{Value: value(size)}).FirstErr(); err != nil {
			t.Errorf("produce %d bytes: %v", size, err)
		}
	}
	err := cl.ProduceSync(testContext(t), &kgo.Record{Value: value(DefaultBatchBytesMax)}).FirstErr()
	if !errors.Is(err, kerr.MessageTooLarge) {
		t.Errorf("produce %d bytes: got %v, want %v", DefaultBatchBytesMax, err, kerr.MessageTooLarge)
	}
	readAll(t, b.Addr(), "t", 3)
}

func TestUnknownTopicIsNotCreated(t *testing.T) {
	t.Parallel()
	b := openBroker(t, testConfig(t.TempDir()))
	cl := newClient(t, b.Addr(), kgo.DefaultProduceTopic("nobody-made-this"), kgo.AllowAutoTopicCreation(), kgo.UnknownTopicRetries(0))
	if err := cl.ProduceSync(testContext(t), kgo.StringRecord("x")).FirstErr(); !errors.Is(err, kerr.UnknownTopicOrPartition) {
		t.Errorf("got %v, want %v", err, kerr.UnknownTopicOrPartition)
	}
}

func TestFullDiskRefusesRecords(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t.TempDir())
	b := openBroker(t, cfg)
	createTopic(t, b.Addr(), "t", 1, nil)
	cl := newClient(t, b.Addr(), kgo.DefaultProduceTopic("t"))
	if err := cl.ProduceSync(testContext(t), kgo.StringRecord("old")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}

	cfg.FreeBytesMin = 1 << 60 // more than there is
	b = openBroker(t, cfg)
	cl = newClient(t, b.Addr(), kgo.DefaultProduceTopic("t"), kgo.RecordRetries(1))
	if err := cl.ProduceSync(testContext(t), kgo.StringRecord("new")).FirstErr(); !errors.Is(err, kerr.KafkaStorageError) {
		t.Errorf("got %v, want %v", err, kerr.KafkaStorageError)
	}
	if got := values(readAll(t, b.Addr(), "t", 1)); got[0] != "old" {
		t.Errorf("got %q", got)
	}
}

func TestTransactionsMayUseTheLastOfTheDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	free, err := freeBytes(dir)
	if err != nil {
		t.Fatal(err)
	}
	d := disk{dir: dir, freeMin: free * 2, log: Config{}.withDefaults().Log}
	if d.room(newWork) {
		t.Error("there is room for new records")
	}
	if !d.room(workInHand) {
		t.Error("there is no room for a transaction")
	}
	d = disk{dir: filepath.Join(dir, "absent"), freeMin: 1, log: d.log}
	if d.room(workInHand) {
		t.Error("a file system that does not answer has room")
	}
}

func TestOpenReportsWhatIsWrong(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		cfg  Config
		want string
		is   error
	}{
		{"no folder", Config{}, "data folder is empty", nil},
		{"no port", Config{DataDir: "x", Addr: "localhost"}, "not host:port", nil},
		{"no host", Config{DataDir: "x", Addr: ":9092"}, "names no host", nil},
		{"every host", Config{DataDir: "x", Addr: "0.0.0.0:9092"}, "names no host", nil},
		{"batch too large", Config{DataDir: "x", BatchBytesMax: 1 << 30}, "batch bytes", nil},
		{"port taken", Config{DataDir: t.TempDir(), Addr: taken.Addr().String()}, "address already in use", syscall.EADDRINUSE},
		{"folder is a file", Config{DataDir: file, Addr: "127.0.0.1:0"}, "create data folder", syscall.ENOTDIR},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := Open(test.cfg)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want %q", err, test.want)
			}
			if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("%v is not %v", err, test.is)
			}
		})
	}
}

func TestForeignBytesEndOnlyTheirConnection(t *testing.T) {
	t.Parallel()
	b := openBroker(t, testConfig(t.TempDir()))
	for _, sent := range []string{
		"GET / HTTP/1.1\r\n\r\n",
		"\x00\x00\x00\x0a\x27\x0f\x00\x00\x00\x00\x00\x00\x00\x00", // key 9999
		"\x00\x00\x00\x00",
		"\x7f\xff\xff\xff",
	} {
		conn, err := net.Dial("tcp", b.Addr())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte(sent)); err != nil {
			t.Fatal(err)
		}
		if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if n, err := conn.Read(make([]byte, 1)); n != 0 || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%q: got %d bytes, %v; want the end of the connection", sent, n, err)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := newClient(t, b.Addr()).Ping(testContext(t)); err != nil {
		t.Errorf("broker is gone: %v", err)
	}
}
