package sink

import (
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestConfigValidate(t *testing.T) {
	t.Parallel()
	good := Config{Client: []kgo.Opt{kgo.SeedBrokers("127.0.0.1:9092")}, DSN: "clickhouse://127.0.0.1:9000"}
	if _, err := New(good); err != nil {
		t.Errorf("New: %v", err)
	}
	bad := Config{BlockRowsMax: BlockRowsCeiling + 1, BlockBytesMax: -1, BlockWait: -1, InsertTimeout: time.Minute, RetryMax: -1, TrimAfter: -1}
	_, err := New(bad)
	if err == nil {
		t.Fatal("New: no error")
	}
	for _, field := range []string{"Client", "BlockRowsMax", "BlockBytesMax", "BlockWait", "InsertTimeout", "RetryMax", "TrimAfter", "DSN"} {
		if !strings.Contains(err.Error(), field+":") {
			t.Errorf("New: %v; does not tell of %s", err, field)
		}
	}
	good.Client = append(good.Client, kgo.FetchMaxBytes(-1))
	if _, err := New(good); err != nil {
		t.Errorf("New with an option that the sink sets itself: %v", err)
	}
}
