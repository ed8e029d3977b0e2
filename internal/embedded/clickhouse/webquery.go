package clickhouse

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"parley/internal/embedded/chdb"
)

// webQuery is one request of the HTTP interface, with a session of its own.
type webQuery struct {
	srv    *Server
	r      *http.Request
	values url.Values
	out    *webWriter
	sess   *session
}

// headBytes of a request are looked at to find out whether it is an INSERT with data, which is streamed. It is
// ClickHouse's default of max_query_size, within which a statement must end.
const headBytes = 256 << 10

// defaultFormat is what a server writes when nobody says otherwise.
const defaultFormat = "TabSeparated"

// Parameters of the URL that are not settings.
var (
	plainParams      = []string{"query", "database", "default_format", "user", "password", "query_id", "quota_key", "wait_end_of_query", "buffer_size", "client_protocol_version", "decompress", "stacktrace"}
	unsupportedParam = []string{"session_id", "session_timeout", "session_check", "compress", "role"}
)

// answer runs the statement of the request and writes what it gives. ctx ends with the server.
func (q *webQuery) answer(ctx context.Context) error {
	if err := authenticate(credentials(q.r)); err != nil {
		return err
	}
	settings, err := q.settings()
	if err != nil {
		return err
	}
	body, err := q.body()
	if err != nil {
		return err
	}
	if err := q.srv.takeSlot(); err != nil {
		return err
	}
	defer func() { <-q.srv.slots }()
	if q.sess, err = q.srv.newSession(); err != nil {
		return err
	}
	defer q.sess.close()
	if db := first(q.values.Get("database"), q.r.Header.Get("X-ClickHouse-Database")); db != "" {
		if err := q.sess.use(db); err != nil {
			return err
		}
	}
	if err := q.sess.lend(settings); err != nil {
		return err
	}
	return q.run(ctx, body)
}

// settings are all parameters that have no other meaning. A GET changes nothing.
func (q *webQuery) settings() ([]setting, error) {
	var settings []setting
	for name, values := range q.values {
		if slices.Contains(unsupportedParam, name) && values[0] != "" && values[0] != "0" {
			return nil, exceptionf(codeNotImplemented, "parameter %s is not supported by the embedded server", name)
		}
		if slices.Contains(unsupportedParam, name) || slices.Contains(plainParams, name) || strings.HasPrefix(name, "param_") {
			continue
		}
		settings = append(settings, setting{name: name, value: values[len(values)-1], important: true})
	}
	if q.r.Method != http.MethodPost {
		settings = append(settings, setting{name: "readonly", value: "2", important: true})
	}
	return settings, nil
}

// params are the values of the statement's placeholders.
func (q *webQuery) params() []chdb.Param {
	var params []chdb.Param
	for name, values := range q.values {
		if name, ok := strings.CutPrefix(name, "param_"); ok {
			params = append(params, chdb.Param{Name: name, Value: values[0]})
		}
	}
	return params
}

// body returns the request's body uncompressed.
func (q *webQuery) body() (io.Reader, error) {
	var body io.Reader = &timedReader{r: q.r.Body, ctl: q.out.ctl, timeout: q.srv.cfg.IOTimeout}
	if q.values.Get("decompress") == "1" {
		return &frameReader{src: bufio.NewReader(body)}, nil
	}
	switch encoding := q.r.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
		return body, nil
	case "gzip":
		zr, err := gzip.NewReader(body)
		if err != nil {
			return nil, exceptionf(codeIncorrectData, "body is not gzip: %v", err)
		}
		return zr, nil
	case "zstd":
		zr, err := zstd.NewReader(body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(frameSizeMax))
		if err != nil {
			return nil, fmt.Errorf("make zstd decoder: %w", err)
		}
		return zr, nil
	default:
		return nil, exceptionf(codeNotImplemented, "Content-Encoding %s; use gzip or zstd", encoding)
	}
}

// timedReader bounds the time that a client may take for each piece of its body.
type timedReader struct {
	r       io.Reader
	ctl     *http.ResponseController
	timeout time.Duration
}

func (t *timedReader) Read(p []byte) (int, error) {
	if err := t.ctl.SetReadDeadline(time.Now().Add(t.timeout)); err != nil {
		return 0, fmt.Errorf("read body: %w", err)
	}
	return t.r.Read(p)
}

// run executes what the parameter query and the body make up together.
func (q *webQuery) run(ctx context.Context, body io.Reader) error {
	text := q.values.Get("query")
	if text != "" && q.r.ContentLength != 0 {
		text += "\n"
	}
	src := io.MultiReader(strings.NewReader(text), body)
	head, err := readMax(src, headBytes)
	if err != nil {
		return err
	}
	if st := parseStatement(string(head)); st.kind == kindInsert {
		return q.insert(ctx, st, io.MultiReader(strings.NewReader(string(head[st.insert.data:])), src))
	}
	rest, err := readMax(src, q.srv.cfg.QueryBytesMax+1)
	if err != nil {
		return err
	}
	if len(head)+len(rest) > q.srv.cfg.QueryBytesMax {
		return exceptionf(codeTooBigString, "query has more than %d bytes", q.srv.cfg.QueryBytesMax)
	}
	return q.execute(q.r.Context(), parseStatement(string(head)+string(rest)))
}

// readMax reads to the end, at most so many bytes.
func readMax(r io.Reader, max int) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, int64(max)))
	if err != nil {
		return nil, fmt.Errorf("read request: %w", err)
	}
	return b, nil
}

// execute runs a statement without data.
func (q *webQuery) execute(ctx context.Context, st statement) error {
	analysis, err := q.sess.check(st)
	if err != nil {
		return err
	}
	format := first(st.format, q.values.Get("default_format"), q.r.Header.Get("X-ClickHouse-Format"), defaultFormat)
	if format == formatNative && q.values.Has("client_protocol_version") {
		return exceptionf(codeNotImplemented, "format Native of another revision than 0 is not supported by the embedded server; connect to its native port")
	}
	run := chdb.Statement{SQL: st.text, Format: format, Params: q.params()}
	if st.kind == kindSelect {
		return q.selectRows(ctx, run)
	}
	res, err := q.sess.runChecked(ctx, run, analysis)
	if err != nil {
		return err
	}
	q.out.format(format)
	if err := q.out.summary(res.Stats); err != nil {
		return err
	}
	_, err = q.out.Write(res.Data)
	return err
}

// selectRows streams the output of a query.
func (q *webQuery) selectRows(ctx context.Context, st chdb.Statement) error {
	rows, err := q.sess.stream(ctx, st)
	if err != nil {
		return err
	}
	defer rows.close()
	q.out.format(st.Format)
	for {
		piece, err := rows.next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := q.out.Write(piece); err != nil {
			return err
		}
	}
}

// insert feeds data to an INSERT as it arrives. A request that breaks off inserts nothing of the block that the
// engine was forming.
func (q *webQuery) insert(ctx context.Context, st statement, data io.Reader) error {
	up, err := q.sess.upload(chdb.Statement{SQL: st.insert.head, Format: first(st.format, "Values"), Params: q.params()})
	if err != nil {
		return err
	}
	defer up.abort()
	buf := make([]byte, growBytes)
	for {
		n, err := data.Read(buf)
		if aerr := up.append(buf[:n]); aerr != nil {
			return aerr
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read body: %w", err)
		}
		if err := context.Cause(q.r.Context()); err != nil {
			return err
		}
	}
	stats, err := up.commit(ctx) // the client may leave now
	if err != nil {
		return err
	}
	if err := q.out.summary(stats); err != nil {
		return err
	}
	_, err = q.out.Write(nil)
	return err
}

// first returns the first that is not empty.
func first(ss ...string) string {
	i := slices.IndexFunc(ss, func(s string) bool { return s != "" })
	if i < 0 {
		return ""
	}
	return ss[i]
}
