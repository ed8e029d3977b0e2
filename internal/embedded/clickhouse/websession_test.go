package clickhouse_test

import (
	"strings"
	"testing"
	"time"
)

// TestWebSessions keeps settings, temporary tables and the current database from one request to the next.
func TestWebSessions(t *testing.T) {
	t.Parallel()
	_, db := embedded(t)
	ask := func(id, sql string, more ...string) (int, string) {
		t.Helper()
		status, header, body := web(t, "POST", params(append([]string{"session_id", id}, more...)...), strings.NewReader(sql))
		if code := header.Get("X-ClickHouse-Exception-Code"); code != "" {
			return status, code
		}
		return status, body
	}
	id := t.Name() + db
	for _, step := range []struct {
		sql    string
		params []string
		want   string
	}{
		{"CREATE TEMPORARY TABLE mine (a UInt8)", nil, ""},
		{"INSERT INTO mine FORMAT TSV\n1\n2\n", nil, ""},
		{"SELECT sum(a) FROM mine", nil, "3\n"},
		{"SET max_threads = 3, log_comment = 'kept'", nil, ""},
		{"SELECT getSetting('max_threads'), getSetting('log_comment')", nil, "3\tkept\n"},
		{"SELECT getSetting('max_threads')", []string{"max_threads", "5"}, "5\n"},
		{"SELECT getSetting('max_threads')", nil, "3\n"},
		{"SELECT currentDatabase()", []string{"database", db}, db + "\n"},
		{"SELECT currentDatabase()", nil, "default\n"},
		{"SELECT nosuch", []string{"database", db}, "47"},
		{"USE system", nil, ""},
		{"SELECT currentDatabase()", nil, "system\n"},
		{"SELECT currentDatabase()", []string{"database", db}, db + "\n"},
		{"SELECT currentDatabase()", []string{"session_check", "1", "close_session", "1"}, "system\n"},
		{"SELECT currentDatabase()", []string{"session_check", "1"}, "372"},
		{"SELECT currentDatabase()", nil, "default\n"},
	} {
		if _, got := ask(id, step.sql, step.params...); got != step.want {
			t.Errorf("%s %v: %q, want %q", step.sql, step.params, got, step.want)
		}
	}
	for _, method := range []string{"GET", "HEAD"} {
		if status, header, _ := web(t, method, params("session_id", id, "query", "CREATE TABLE "+db+".t (a UInt8) ENGINE = Memory"), nil); header.Get("X-ClickHouse-Exception-Code") != "164" {
			t.Errorf("%s changes something: status %d", method, status)
		}
	}
	if _, header, _ := web(t, "POST", params("session_id", id, "readonly", "1"), strings.NewReader("CREATE TABLE "+db+".t (a UInt8) ENGINE = Memory")); header.Get("X-ClickHouse-Exception-Code") != "164" {
		t.Error("a read-only request changes something")
	}
	if _, got := ask(id, "SELECT getSetting('readonly')"); got != "0\n" {
		t.Errorf("readonly is %q after a read-only request", got)
	}
	if _, got := ask(t.Name()+"other", "SELECT sum(a) FROM mine"); got != "60" {
		t.Errorf("another session sees the temporary table: %q", got)
	}
}

// TestWebSessionEnds uses a session while it is used, and after its time is over.
func TestWebSessionEnds(t *testing.T) {
	t.Parallel()
	conn, _ := embedded(t)
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		web(t, "POST", params("session_id", t.Name(), "query_id", t.Name(), "session_timeout", "1"), strings.NewReader(endless("webbusy")))
	}()
	eventually(t, "the query runs", func() bool { return running(t, conn, "webbusy") > 0 })
	if _, header, body := web(t, "POST", params("session_id", t.Name()), strings.NewReader("SELECT 1")); header.Get("X-ClickHouse-Exception-Code") != "373" {
		t.Errorf("a busy session answers %q, want SESSION_IS_LOCKED", body)
	}
	if _, header, body := web(t, "POST", params("query_id", t.Name()), strings.NewReader("SELECT 1")); header.Get("X-ClickHouse-Exception-Code") != "216" {
		t.Errorf("a second query with the id of a running one answers %q", body)
	}
	if _, _, body := web(t, "POST", nil, strings.NewReader("KILL QUERY WHERE query_id = '"+t.Name()+"' SYNC FORMAT TSV")); !strings.Contains(body, "finished") {
		t.Errorf("KILL QUERY answers %q", body)
	}
	<-answered
	eventually(t, "the session has ended", func() bool {
		<-time.After(1500 * time.Millisecond) // each question gives it a second more
		_, header, _ := web(t, "POST", params("session_id", t.Name(), "session_check", "1", "session_timeout", "1"), strings.NewReader("SELECT 1"))
		return header.Get("X-ClickHouse-Exception-Code") == "372"
	})
}
