package kafka

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestBrokerTime(t *testing.T) {
	t.Parallel()
	b := openBroker(t, testConfig(t.TempDir()))
	testBrokerTime(t, b.Addr())
}

// testBrokerTime holds for every broker that Parley runs on: a record of a LogAppendTime topic has the
// broker's time, whatever the client says; one of another topic has the client's.
func testBrokerTime(t *testing.T, brokers string) {
	t.Helper()
	topic := "parley-test-time-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	createTopic(t, brokers, topic, 1, map[string]*string{"message.timestamp.type": kadm.StringPtr("LogAppendTime")})
	createTopic(t, brokers, topic+"-client", 1, nil)

	codecs := []kgo.CompressionCodec{
		kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression(),
	}
	forged := []time.Time{time.Unix(1000, 0), time.Unix(4_000_000_000, 0), time.Unix(0, 0), time.Now().Add(time.Hour)}
	before := time.Now().Truncate(time.Millisecond)
	for _, codec := range codecs {
		cl := newClient(t, brokers, kgo.ProducerBatchCompression(codec), kgo.ProducerLinger(50*time.Millisecond))
		var records []*kgo.Record
		for _, ts := range forged { // one batch
			records = append(records, &kgo.Record{Topic: topic, Key: []byte("k"), Value: bytes.Repeat([]byte("v"), 1000), Timestamp: ts})
		}
		records = append(records, &kgo.Record{Topic: topic + "-client", Timestamp: forged[0]})
		if err := cl.ProduceSync(testContext(t), records...).FirstErr(); err != nil {
			t.Fatalf("produce: %v", err)
		}
	}
	after := time.Now()
	for _, r := range readAll(t, brokers, topic, len(codecs)*len(forged)) {
		if r.Timestamp.Before(before) || r.Timestamp.After(after) {
			t.Errorf("offset %d has time %s, not one from %s to %s", r.Offset, r.Timestamp, before, after)
		}
	}
	for _, r := range readAll(t, brokers, topic+"-client", len(codecs)) {
		if !r.Timestamp.Equal(forged[0]) {
			t.Errorf("offset %d has time %s, want the client's %s", r.Offset, r.Timestamp, forged[0])
		}
	}
}

// TestBrokerTimeSurvivesRestart reads a stamped batch from disk, where its checksum is verified again.
func TestBrokerTimeSurvivesRestart(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t.TempDir())
	b := openBroker(t, cfg)
	createTopic(t, b.Addr(), "t", 1, map[string]*string{"message.timestamp.type": kadm.StringPtr("LogAppendTime")})
	before := time.Now().Truncate(time.Millisecond)
	cl := newClient(t, b.Addr(), kgo.DefaultProduceTopic("t"))
	// More requests than one registration of the hook sees.
	for range 3 * hookRequests {
		if err := cl.ProduceSync(testContext(t), &kgo.Record{Value: []byte("v"), Timestamp: time.Unix(1, 0)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = openBroker(t, cfg)
	for _, r := range readAll(t, b.Addr(), "t", 3*hookRequests) {
		if r.Timestamp.Before(before) {
			t.Fatalf("offset %d has time %s", r.Offset, r.Timestamp)
		}
	}
}

// encode makes a batch as a client would, with the times of its records as deltas from the first.
func encode(codec kgo.CompressionCodecType, deltas ...int64) []byte {
	b := kmsg.RecordBatch{
		Magic: 2, Attributes: int16(codec), LastOffsetDelta: int32(len(deltas) - 1), FirstTimestamp: 5, MaxTimestamp: 9,
		ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1, NumRecords: int32(len(deltas)),
	}
	for i, d := range deltas {
		r := kmsg.Record{
			TimestampDelta64: d, OffsetDelta: int32(i), Key: []byte("key"), Value: bytes.Repeat([]byte{byte(i)}, 100),
			Headers: []kmsg.Header{{Key: "h", Value: []byte("v")}},
		}
		r.Length = int32(len(r.AppendTo(nil)) - 1) // the length itself was one byte: zero
		b.Records = r.AppendTo(b.Records)
	}
	if codec != kgo.CodecNone {
		s, err := newStamper()
		if err != nil {
			panic(err)
		}
		b.Records, _ = s.compressors[codec].Compress(new(bytes.Buffer), b.Records)
	}
	raw := b.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[batchLengthAt:], uint32(len(raw)-12))
	seal(raw)
	return raw
}

func seal(batch []byte) {
	binary.BigEndian.PutUint32(batch[batchCRCAt:], crc32.Checksum(batch[batchAttributesAt:], castagnoli))
}

func decode(t testing.TB, batch []byte) (kmsg.RecordBatch, []kmsg.Record) {
	t.Helper()
	var b kmsg.RecordBatch
	if err := b.ReadFrom(batch); err != nil {
		t.Fatalf("read batch: %v", err)
	}
	records, err := kfake.BatchRecords(b)
	if err != nil {
		t.Fatalf("read records: %v", err)
	}
	return b, records
}

func TestStamp(t *testing.T) {
	t.Parallel()
	s, err := newStamper()
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		codec  kgo.CompressionCodecType
		deltas []int64
	}{
		{"one record", kgo.CodecNone, []int64{0}},
		{"one record with a delta", kgo.CodecNone, []int64{1 << 40}},
		{"equal times", kgo.CodecNone, []int64{0, 0, 0}},
		{"times that go on", kgo.CodecNone, []int64{0, 1, 300, 1 << 40}},
		{"times that go back", kgo.CodecNone, []int64{0, -1, -1 << 40}},
		{"gzip", kgo.CodecGzip, []int64{0, 7}},
		{"snappy", kgo.CodecSnappy, []int64{0, 7}},
		{"lz4", kgo.CodecLz4, []int64{0, 7}},
		{"zstd", kgo.CodecZstd, []int64{0, 7}},
		{"snappy, equal times", kgo.CodecSnappy, []int64{0, 0}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			raw := encode(test.codec, test.deltas...)
			raw[batchAttributesAt+1] |= attributeLogAppendTime // some client claims it
			seal(raw)
			_, want := decode(t, bytes.Clone(raw))
			const at = 1_700_000_000_123
			out, err := s.stamp(raw, at)
			if err != nil {
				t.Fatal(err)
			}
			if !wellFramed(out) {
				t.Fatal("batch is not well framed")
			}
			b, got := decode(t, out)
			if b.FirstTimestamp != at || b.MaxTimestamp != at || b.Attributes != int16(test.codec) {
				t.Errorf("got times %d, %d, attributes %#x", b.FirstTimestamp, b.MaxTimestamp, b.Attributes)
			}
			for i, r := range got {
				w := want[i]
				if r.TimestampDelta64 != 0 || r.OffsetDelta != int32(i) || !bytes.Equal(r.Key, w.Key) || !bytes.Equal(r.Value, w.Value) ||
					len(r.Headers) != 1 || r.Headers[0].Key != "h" {
					t.Errorf("record %d: got %+v, want %+v", i, r, w)
				}
				// A broker that compacts writes records back with the length they had.
				if int(r.Length) != len(r.AppendTo(nil))-varintBytes(int64(r.Length)) {
					t.Errorf("record %d: length %d is wrong", i, r.Length)
				}
			}
		})
	}
}

func varintBytes(v int64) int { return len(binary.AppendVarint(nil, v)) }

func TestStampLeavesOrRefusesWhatIsBroken(t *testing.T) {
	t.Parallel()
	s, err := newStamper()
	if err != nil {
		t.Fatal(err)
	}
	change := func(f func(raw []byte), sealed bool) []byte {
		raw := encode(kgo.CodecNone, 0, 1)
		f(raw)
		if sealed {
			seal(raw)
		}
		return raw
	}
	const valueAt = batchHeaderBytes + 2 + 1 + 1 + 1 + 4 // after length, attributes, deltas and key
	tests := []struct {
		name  string
		batch []byte
		want  error // nil: left as it is
	}{
		{"empty", nil, nil},
		{"short", make([]byte, batchHeaderBytes-1), nil},
		{"old format", change(func(raw []byte) { raw[batchMagicAt] = 1 }, true), nil},
		{"wrong checksum", change(func(raw []byte) { raw[len(raw)-1]++ }, false), nil},
		{"wrong length", change(func(raw []byte) { raw[batchLengthAt+3]++ }, true), nil},
		{"more records claimed", change(func(raw []byte) { raw[batchCountAt+3]++ }, true), errBatchBody},
		{"fewer records claimed", change(func(raw []byte) { raw[batchCountAt+3]-- }, true), errBatchBody},
		{"record longer than the batch", change(func(raw []byte) { raw[batchHeaderBytes] = 0x7e; raw[batchHeaderBytes+1] = 0x7f }, true), errBatchBody},
		{"value longer than its record", change(func(raw []byte) { raw[valueAt] = 0x7e }, true), errBatchBody},
		{"value shorter than its record", change(func(raw []byte) { raw[valueAt]-- }, true), errBatchBody},
		{"no such number of headers", change(func(raw []byte) { raw[len(raw)-5] = 4 }, true), errBatchBody},
		{"header without a key", change(func(raw []byte) { raw[len(raw)-4] = 1 }, true), errBatchBody},
		{"not snappy", change(func(raw []byte) { raw[batchAttributesAt+1] = byte(kgo.CodecSnappy) }, true), errBatchBody},
		{"unknown codec", change(func(raw []byte) { raw[batchAttributesAt+1] = 7 }, true), errBatchBody},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			before := bytes.Clone(test.batch)
			got, err := s.stamp(test.batch, 1)
			if !errors.Is(err, test.want) {
				t.Fatalf("got %v, want %v", err, test.want)
			}
			if err == nil && !bytes.Equal(got, before) {
				t.Error("batch was changed")
			}
		})
	}
}

func TestDecompress(t *testing.T) {
	t.Parallel()
	const bytesMax = 10_000
	d, err := newDecompressor(bytesMax)
	if err != nil {
		t.Fatal(err)
	}
	s, err := newStamper()
	if err != nil {
		t.Fatal(err)
	}
	body := func(codec kgo.CompressionCodecType, size int) []byte {
		if codec == kgo.CodecNone {
			return make([]byte, size)
		}
		out, _ := s.compressors[codec].Compress(new(bytes.Buffer), make([]byte, size))
		return bytes.Clone(out)
	}
	// What a Java client writes: blocks in a frame.
	block := body(kgo.CodecSnappy, 3000)
	framed := append(append(bytes.Clone(xerialMagic), 0, 0, 0, 1, 0, 0, 0, 1), binary.BigEndian.AppendUint32(nil, uint32(len(block)))...)
	framed = append(framed, block...)
	framed = append(binary.BigEndian.AppendUint32(framed, uint32(len(block))), block...)

	tests := []struct {
		name  string
		codec kgo.CompressionCodecType
		src   []byte
		want  int // bytes; -1: an error
	}{
		{"nothing", kgo.CodecNone, body(kgo.CodecNone, 3000), 3000},
		{"gzip", kgo.CodecGzip, body(kgo.CodecGzip, bytesMax), bytesMax},
		{"gzip, too large", kgo.CodecGzip, body(kgo.CodecGzip, bytesMax+1), -1},
		{"gzip, empty", kgo.CodecGzip, nil, -1},
		{"snappy", kgo.CodecSnappy, body(kgo.CodecSnappy, bytesMax), bytesMax},
		{"snappy, too large", kgo.CodecSnappy, body(kgo.CodecSnappy, bytesMax+1), -1},
		{"snappy, claims too much", kgo.CodecSnappy, []byte{0xff, 0xff, 0xff, 0xff, 0x07, 0}, -1},
		{"snappy, empty", kgo.CodecSnappy, nil, -1},
		{"snappy in a frame", kgo.CodecSnappy, framed, 6000},
		{"snappy in a frame, cut off", kgo.CodecSnappy, framed[:len(framed)-1], -1},
		{"snappy in a frame, too large", kgo.CodecSnappy, append(bytes.Clone(framed), framed[xerialHeaderBytes:]...), -1},
		{"lz4", kgo.CodecLz4, body(kgo.CodecLz4, bytesMax), bytesMax},
		{"lz4, too large", kgo.CodecLz4, body(kgo.CodecLz4, bytesMax+1), -1},
		{"zstd", kgo.CodecZstd, body(kgo.CodecZstd, bytesMax), bytesMax},
		{"zstd, too large", kgo.CodecZstd, body(kgo.CodecZstd, bytesMax+1), -1},
		{"unknown", 5, nil, -1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			out, err := d.decompress(test.src, test.codec)
			if test.want < 0 && err == nil {
				t.Errorf("got %d bytes, want an error", len(out))
			}
			if test.want >= 0 && (err != nil || !bytes.Equal(out, make([]byte, test.want))) {
				t.Errorf("got %d bytes, %v, want %d", len(out), err, test.want)
			}
		})
	}
}

func TestCorruptBatchIsRefused(t *testing.T) {
	t.Parallel()
	b := openBroker(t, testConfig(t.TempDir()))
	createTopic(t, b.Addr(), "t", 1, map[string]*string{"message.timestamp.type": kadm.StringPtr("LogAppendTime")})
	batch := encode(kgo.CodecNone, 0)
	batch[batchHeaderBytes] ^= 0x7f
	seal(batch)
	req := kmsg.NewPtrProduceRequest()
	req.Acks = -1
	req.TimeoutMillis = 1000
	req.Topics = []kmsg.ProduceRequestTopic{{Topic: "t", Partitions: []kmsg.ProduceRequestTopicPartition{{Records: batch}}}}
	topics, err := kadm.NewClient(newClient(t, b.Addr())).ListTopics(testContext(t), "t")
	if err != nil {
		t.Fatal(err)
	}
	req.Topics[0].TopicID = topics["t"].ID
	resp, err := req.RequestWith(testContext(t), newClient(t, b.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	const corruptMessage = 2
	if code := resp.Topics[0].Partitions[0].ErrorCode; code != corruptMessage {
		t.Errorf("got error code %d, want %d", code, corruptMessage)
	}
}

func FuzzStamp(f *testing.F) {
	f.Add(encode(kgo.CodecNone, 0))
	f.Add(encode(kgo.CodecNone, 0, 5, -5))
	f.Add(encode(kgo.CodecSnappy, 0, 5))
	f.Add(encode(kgo.CodecLz4, 0, 5))
	f.Add(encode(kgo.CodecGzip, 0, 5))
	f.Add(encode(kgo.CodecZstd, 0, 5))
	s, err := newStamper()
	if err != nil {
		f.Fatal(err)
	}
	if s.decompressor, err = newDecompressor(1 << 20); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) >= batchHeaderBytes { // get past the frame
			raw[batchMagicAt] = 2
			binary.BigEndian.PutUint32(raw[batchLengthAt:], uint32(len(raw)-12))
			seal(raw)
		}
		out, err := s.stamp(raw, 42)
		if err != nil || !wellFramed(out) {
			return
		}
		b, records := decode(t, out)
		if b.FirstTimestamp != 42 || b.MaxTimestamp != 42 {
			t.Errorf("times are %d, %d", b.FirstTimestamp, b.MaxTimestamp)
		}
		for i, r := range records {
			if r.TimestampDelta64 != 0 {
				t.Errorf("record %d has delta %d", i, r.TimestampDelta64)
			}
		}
	})
}

func BenchmarkStamp(b *testing.B) {
	s, err := newStamper()
	if err != nil {
		b.Fatal(err)
	}
	deltas := make([]int64, 100)
	for i := range deltas {
		deltas[i] = int64(i)
	}
	for name, batch := range map[string][]byte{
		"one":        encode(kgo.CodecNone, 0),
		"100":        encode(kgo.CodecNone, deltas...),
		"100-equal":  encode(kgo.CodecNone, make([]int64, 100)...),
		"100-snappy": encode(kgo.CodecSnappy, deltas...),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.stamp(bytes.Clone(batch), 42); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
