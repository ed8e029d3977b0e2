package proxy_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"net"
	"slices"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"parley/internal/proxy"
)

// dialed are the addresses that a client went to.
type dialed struct {
	mu    sync.Mutex
	addrs map[string]bool
}

func (d *dialed) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	d.mu.Lock()
	d.addrs[addr] = true
	d.mu.Unlock()
	return new(net.Dialer).DialContext(ctx, network, addr)
}

// A client that knows one proxy meets the others, and never a broker; when all are cut it reaches nobody.
func TestKafka(t *testing.T) {
	t.Parallel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.SeedTopics(6, "topic"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	brokers := cluster.ListenAddrs()
	proxies, err := proxy.OpenCluster(brokers)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(proxies.Close(), proxies.Close()); err != nil {
			t.Error(err)
		}
	})

	went := &dialed{addrs: make(map[string]bool)}
	c, err := kgo.NewClient(kgo.SeedBrokers(proxies.Addrs()[0]), kgo.Dialer(went.dial), kgo.ConsumerGroup("group"), kgo.ConsumeTopics("topic"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var records []*kgo.Record
	for p := range int32(6) {
		records = append(records, &kgo.Record{Topic: "topic", Partition: p, Value: []byte("value")})
	}
	if err := c.ProduceSync(ctx, records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	for n := 0; n < len(records); {
		fetches := c.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		n += fetches.NumRecords()
	}
	went.mu.Lock()
	if got := slices.Sorted(maps.Keys(went.addrs)); !slices.Equal(got, slices.Sorted(slices.Values(proxies.Addrs()))) {
		t.Errorf("the client went to %v; the proxies are %v, the brokers %v", got, proxies.Addrs(), brokers)
	}
	went.mu.Unlock()

	proxies.Before(brokers[1]).Cut()
	if reached(ctx, c, 1) {
		t.Error("a broker was reached that is cut off")
	}
	if !reached(ctx, c, 0) {
		t.Error("a broker was not reached that is not cut off")
	}
	proxies.Restore()
	for !reached(ctx, c, 1) {
		if ctx.Err() != nil {
			t.Fatal("a broker that is restored is not reached")
		}
	}
}

// reached reports whether one request gets to a broker and back.
func reached(ctx context.Context, c *kgo.Client, broker int32) bool {
	_, err := c.Broker(int(broker)).Request(ctx, kmsg.NewPtrApiVersionsRequest())
	return err == nil
}

// What a broker, or one that says it is, may send ends a connection at the worst.
func FuzzKafka(f *testing.F) {
	ask := func(r kmsg.Request, version int16) []byte {
		r.SetVersion(version)
		return kmsg.NewRequestFormatter().AppendRequest(nil, r, 7)
	}
	said := kmsg.NewPtrMetadataResponse()
	said.SetVersion(12)
	said.Brokers = []kmsg.MetadataResponseBroker{{NodeID: 1, Host: "127.0.0.1", Port: 9}}
	answer := said.AppendTo([]byte{0, 0, 0, 7, 0})
	answer = append(binary.BigEndian.AppendUint32(nil, uint32(len(answer))), answer...)
	f.Add(ask(kmsg.NewPtrMetadataRequest(), 12), answer)
	f.Add(ask(kmsg.NewPtrFindCoordinatorRequest(), 2), answer)
	f.Add([]byte{0, 0, 0, 1, 0}, []byte{255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, request, response []byte) {
		fromClient, fromServer := proxy.Translate(map[string]string{"127.0.0.1:9": "127.0.0.2:10"}, bytes.NewReader(request), bytes.NewReader(response))
		if passed, _ := io.ReadAll(fromClient); !bytes.HasPrefix(request, passed) {
			t.Errorf("a request is not passed on as it is: %x, of %x", passed, request)
		}
		_, _ = io.ReadAll(fromServer)
	})
}
