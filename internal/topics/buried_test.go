package topics_test

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"parley/internal/topics"
	"parley/schemas"
)

func TestBuried(t *testing.T) {
	t.Parallel()
	why := &schemas.Problem{Code: schemas.InvalidBody, Pointer: "/a", Detail: "no"}
	reason := "error-code=InvalidBody error-detail=InvalidBody: at /a: no source-topic=in source-partition=3 source-offset=7 "
	tests := []struct {
		name       string
		value      []byte
		key, heads string
	}{
		{"as it came", []byte("v"), "k", "h=x " + reason},
		{"too long to keep", make([]byte, topics.MessageBytesMax), "", reason},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := &kgo.Record{
				Topic: "in", Partition: 3, Offset: 7, Key: []byte("k"), Value: tt.value,
				Headers: append(make([]kgo.RecordHeader, 0, 9), kgo.RecordHeader{Key: "h", Value: []byte("x")}),
			}
			got := topics.Buried("dead", r, why)
			var heads string
			for _, h := range got.Headers {
				heads += fmt.Sprintf("%s=%s ", h.Key, h.Value)
			}
			if got.Topic != "dead" || string(got.Key) != tt.key || heads != tt.heads || (tt.key == "") != (got.Value == nil) {
				t.Errorf("topic %s, key %q, %d bytes, headers %s\nwant key %q, headers %s", got.Topic, got.Key, len(got.Value), heads, tt.key, tt.heads)
			}
			if len(r.Headers) != 1 {
				t.Errorf("the record itself now has %d headers", len(r.Headers))
			}
		})
	}
}
