package clickhouse

import (
	"cmp"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"parley/internal/embedded/chdb"
)

// webOptions are what the parameters and headers of a request say beside the statement.
type webOptions struct {
	queryID  string
	database string // empty: as the session has it
	format   string // of output, when the statement has no FORMAT
	revision int    // of blocks in format Native, 0: the engine's own
	settings []setting
	params   []chdb.Param

	deframe     bool // the body comes in frames
	frame       bool // the answer goes in frames
	compress    bool // the answer may be encoded as the client accepts
	zlibLevel   int
	wait        bool // the answer begins when the statement has ended
	bufferBytes int  // of the answer are held back, in memory

	session        string // empty: none
	sessionTimeout time.Duration
	sessionCheck   bool // the session must exist
	sessionClose   bool // it ends with the request
}

const (
	// defaultFormat is what a server writes when nobody says otherwise.
	defaultFormat = "TabSeparated"
	// bufferBytesMin of an answer are held back always, so that a statement which fails early is answered with a status
	// that says so. It is a server's DBMS_DEFAULT_BUFFER_SIZE.
	bufferBytesMin = 1 << 20
	// bufferBytesMax bounds what a client may ask for.
	bufferBytesMax = 64 << 20

	sessionTimeoutDefault = time.Minute
	sessionTimeoutMax     = time.Hour
)

// plainParams are the parameters of the URL that are not settings.
var plainParams = []string{
	"query", "database", "default_format", "user", "password", "query_id", "quota_key", "wait_end_of_query", "buffer_size",
	"client_protocol_version", "compress", "decompress", "stacktrace", "session_id", "session_timeout", "session_check", "close_session", "role",
}

// formatName is what can stand behind FORMAT.
var formatName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,63}$`)

// readWebOptions reads the parameters and headers of a request. external tables that come with it have parameters of
// their own.
func readWebOptions(r *http.Request, values url.Values, external []string) (webOptions, error) {
	f := webValues{values: values}
	o := webOptions{
		queryID:  cmp.Or(values.Get("query_id"), r.Header.Get("X-ClickHouse-Query-Id"), uuid.NewString()),
		database: cmp.Or(r.Header.Get("X-ClickHouse-Database"), values.Get("database")),
		format:   cmp.Or(r.Header.Get("X-ClickHouse-Format"), values.Get("default_format"), defaultFormat),
		revision: f.number("client_protocol_version", 0),
		deframe:  f.flag("decompress", false), frame: f.flag("compress", false),
		compress: f.flag("enable_http_compression", true), zlibLevel: f.number("http_zlib_compression_level", 3),
		wait:        f.flag("wait_end_of_query", f.flag("http_wait_end_of_query", false)),
		bufferBytes: f.number("buffer_size", f.number("http_response_buffer_size", 0)),
		session:     values.Get("session_id"), sessionCheck: f.flag("session_check", false), sessionClose: f.flag("close_session", false),
		sessionTimeout: time.Duration(f.number("session_timeout", int(sessionTimeoutDefault/time.Second))) * time.Second,
	}
	o.bufferBytes = min(max(o.bufferBytes, bufferBytesMin), bufferBytesMax)
	if o.sessionTimeout > sessionTimeoutMax {
		f.err = cmp.Or(f.err, exceptionf(codeInvalidSessionTimeout, "session_timeout is larger than %d seconds", sessionTimeoutMax/time.Second))
	}
	for _, role := range values["role"] {
		if role != "" {
			f.err = cmp.Or(f.err, exceptionf(codeUnknownRole, "There is no role `%s`: the embedded server has none", role))
		}
	}
	o.splitSettings(values, external)
	if f.err != nil {
		return o, f.err
	}
	return o, nil
}

// splitSettings takes all parameters that have no other meaning for settings.
func (o *webOptions) splitSettings(values url.Values, external []string) {
	for name, all := range values {
		switch {
		case name == "", slices.Contains(plainParams, name), ofExternal(name, external):
		case strings.HasPrefix(name, "param_"):
			o.params = append(o.params, chdb.Param{Name: strings.TrimPrefix(name, "param_"), Value: all[0]})
		default:
			o.settings = append(o.settings, setting{name: name, value: all[len(all)-1], important: true})
		}
	}
}

// webValues reads parameters of the URL and keeps the first exception.
type webValues struct {
	values url.Values
	err    *chdb.Exception
}

func (f *webValues) number(name string, absent int) int {
	text := f.values.Get(name)
	if text == "" {
		return absent
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		f.err = cmp.Or(f.err, exceptionf(codeCannotParseNumber, "parameter %s: %q is not a number", name, text))
	}
	return int(n)
}

func (f *webValues) flag(name string, absent bool) bool {
	switch text := f.values.Get(name); text {
	case "":
		return absent
	case "1", "true":
		return true
	case "0", "false":
		return false
	default:
		f.err = cmp.Or(f.err, exceptionf(codeCannotParseNumber, "parameter %s: %q is neither 0 nor 1", name, text))
		return absent
	}
}
