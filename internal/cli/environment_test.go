package cli

import (
	"strings"
	"testing"
)

func TestCheckEnvironment(t *testing.T) {
	t.Parallel()
	parser, err := newParser(new(grammar))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		set  string
		want string // empty: it is left alone
	}{
		{"PARLEY_HTTP_ADDR=x", ""},
		{"PARLEY_URL=x", ""},
		{"PARLEY_SECRET_FILE=x", ""},
		{"PARLEY_CLICKHOUSE_DSN_FILE=x", ""},
		{"PARLEY_API_KEY_FILE=x", ""},
		{"PARLEY_URL_FILE=x", "which is no setting"},
		{"HOME=/", ""},
		{"XPARLEY_HTTP=1", ""},
		{"PARLEY_TEST_CLICKHOUSE_DSN=x", ""},
		{"PARLEY_SERVICE_HOST=10.0.0.1", ""},
		{"PARLEY_PORT=tcp://10.0.0.1:8080", ""},
		{"PARLEY_PORT_8080_TCP_ADDR=10.0.0.1", ""},
		{"PARLEY_INGEST_SERVICE_PORT_HTTP=8080", ""},
		{"PARLEY_KAFKA_BROKER=x", "did you mean PARLEY_KAFKA_BROKERS?"},
		{"PARLEY_HTTP_ADRR=x", "did you mean PARLEY_HTTP_ADDR?"},
		{"PARLEY_COLOUR=red", "parley serve --help lists them"},
	} {
		switch err := checkEnvironment(parser.Model, []string{c.set}); {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.set, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %q", c.set, err, c.want)
		}
	}
}

func TestDistance(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"abc", "abc", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abd", 1}, {"abc", "bc", 1}, {"kitten", "sitting", 3},
	} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
