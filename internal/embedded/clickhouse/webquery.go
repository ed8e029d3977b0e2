package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"

	"parley/internal/embedded/chdb"
)

// webQuery is one request of the HTTP interface.
type webQuery struct {
	srv    *Server
	r      *http.Request
	values url.Values // of the URL, and of the fields of a form
	out    *webWriter
	webOptions

	sess *session // its own, or the one that session_id names
	form *multipart.Reader
	part *multipart.Part // of form, which was read last: an external table
}

// headBytes of a request are looked at to find out whether it is an INSERT with data, which is streamed. It is
// ClickHouse's default of max_query_size, within which a statement must end.
const headBytes = 256 << 10

// answer runs the statement of the request and writes what it gives. ctx ends with the server.
func (q *webQuery) answer(ctx context.Context) error {
	if err := authenticate(credentials(q.r)); err != nil {
		return err
	}
	body, err := q.readFields(&timedReader{r: q.r.Body, ctl: q.out.ctl, timeout: q.srv.cfg.IOTimeout})
	if err != nil {
		return err
	}
	if q.webOptions, err = readWebOptions(q.r, q.values, q.externalNames()); err != nil {
		return err
	}
	q.out.configure(q.webOptions, q.r.Header.Get("Accept-Encoding"))
	if body, err = q.body(body); err != nil {
		return err
	}
	if err := q.srv.takeSlot(); err != nil {
		return err
	}
	defer func() { <-q.srv.slots }()
	end, err := q.begin()
	if err != nil {
		return err
	}
	if err := errors.Join(q.inDatabase(ctx, body), end()); err != nil {
		return err
	}
	return q.out.finish()
}

// begin opens or takes the session, and keeps the query's id.
func (q *webQuery) begin() (end func() error, err error) {
	release := func() { q.srv.sessions.release(q.webOptions) }
	if q.session != "" {
		q.sess, err = q.srv.sessions.take(q.webOptions)
	} else if q.sess, err = q.srv.newSession(); err == nil {
		release = q.sess.close
	}
	if err != nil {
		return nil, err
	}
	if err := q.srv.queryIDs.begin(q.queryID, q.sess.tag); err != nil {
		release()
		return nil, err
	}
	return func() error {
		defer release()
		q.srv.queryIDs.end(q.queryID)
		return q.sess.forget(q.externalNames())
	}, nil
}

// inDatabase runs the statement in the database that the request names. A session of several requests keeps its own.
func (q *webQuery) inDatabase(ctx context.Context, body io.Reader) error {
	if q.database == "" {
		return q.run(ctx, body)
	}
	if q.session == "" {
		if err := q.sess.use(q.database); err != nil {
			return err
		}
		return q.run(ctx, body)
	}
	home, err := q.sess.currentDatabase()
	if err != nil {
		return err
	}
	if err := q.sess.use(q.database); err != nil {
		return err
	}
	err = q.run(ctx, body)
	if now, nerr := q.sess.currentDatabase(); nerr != nil || now != q.database {
		return errors.Join(err, nerr) // the statement was USE
	}
	return errors.Join(err, q.sess.use(home))
}

// run executes what the parameter query and the body make up together.
func (q *webQuery) run(ctx context.Context, body io.Reader) error {
	if err := q.fillExternal(ctx); err != nil {
		return err
	}
	if err := q.sess.lend(q.lendable()); err != nil {
		return err
	}
	text := q.values.Get("query")
	if text != "" && q.form == nil && q.r.ContentLength != 0 {
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
	return q.execute(q.r.Context(), parseStatement(q.srv.queryIDs.translate(string(head)+string(rest))))
}

// lendable are the settings of the request. One without a session is made read-only by the engine, which would not let go
// of a session again.
func (q *webQuery) lendable() []setting {
	settings, _ := splitReadOnly(q.settings)
	if q.session == "" && q.onlyReads() {
		settings = append(settings, setting{name: "readonly", value: "2", important: true})
	}
	return settings
}

// onlyReads reports whether the request may change nothing: all but POST, or with the setting.
func (q *webQuery) onlyReads() bool {
	_, readOnly := splitReadOnly(q.settings)
	return readOnly || q.r.Method != http.MethodPost
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
	if q.onlyReads() {
		if err := refuseChange(st, analysis); err != nil {
			return err
		}
	}
	run := chdb.Statement{SQL: st.text, Format: st.format, Params: q.params}
	if run.Format == "" {
		run.Format = q.format
	}
	q.out.format(run.Format)
	switch {
	case st.kind == kindSet:
		return q.sess.set(ctx, run)
	case st.kind == kindSelect && run.Format == formatNative:
		return q.selectBlocks(ctx, run)
	case st.kind == kindSelect:
		stats, err := q.sess.output(ctx, run, q.out)
		q.out.count(stats)
		return err
	}
	res, err := q.sess.runChecked(ctx, run, analysis)
	if err != nil {
		return err
	}
	q.out.count(res.Stats)
	if run.Format != formatNative {
		_, err = q.out.Write(res.Data)
		return err
	}
	if len(res.Data) > 0 || !analysis.ReadOnly {
		_, err = q.writeBlocks(new(blockCutter), res.Data)
		return err
	}
	header, err := q.sess.columnsOf(ctx, run)
	if err != nil {
		return err
	}
	return q.writeBlock(headerBlock(header, q.revision))
}

// selectBlocks streams the blocks of a query, as they are at the client's revision.
func (q *webQuery) selectBlocks(ctx context.Context, st chdb.Statement) error {
	rows, err := q.sess.stream(ctx, st)
	if err != nil {
		return err
	}
	defer rows.close()
	blocks, cutter := 0, new(blockCutter)
	for {
		piece, err := rows.next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		q.out.count(rows.stats())
		written, err := q.writeBlocks(cutter, piece)
		if err != nil {
			return err
		}
		blocks += written
	}
	if blocks > 0 {
		return nil
	}
	header, err := q.sess.headerOf(ctx, st) // a client learns the columns of no rows
	if err != nil {
		return err
	}
	return q.writeBlock(headerBlock(header, q.revision))
}

// writeBlocks writes the blocks that lie one behind the other in data.
func (q *webQuery) writeBlocks(cutter *blockCutter, data []byte) (written int, err error) {
	for cutter.cut(data); ; written++ {
		b, err := cutter.next(q.revision)
		if errors.Is(err, io.EOF) {
			return written, nil
		}
		if err != nil {
			return written, err
		}
		if err := q.writeBlock(b.raw); err != nil {
			return written, err
		}
	}
}

func (q *webQuery) writeBlock(raw []byte) error {
	if q.revision > 0 {
		if _, err := q.out.Write(blockInfo); err != nil {
			return err
		}
	}
	_, err := q.out.Write(raw)
	return err
}

// insert feeds data to an INSERT as it arrives. A request that breaks off inserts nothing of the block that the
// engine was forming.
func (q *webQuery) insert(ctx context.Context, st statement, data io.Reader) error {
	if q.onlyReads() {
		return refuseChange(st, chdb.Analysis{})
	}
	format := st.format
	if format == "" {
		format = "Values"
	}
	up, err := q.sess.upload(chdb.Statement{SQL: st.insert.head, Format: format, Params: q.params})
	if err != nil {
		return err
	}
	defer up.abort()
	if err := up.copy(q.r.Context(), data); err != nil {
		return err
	}
	stats, err := up.commit(ctx) // the client may leave now
	q.out.count(stats)
	return err
}

// readFields reads the fields of a form, up to the first table in it, and returns the body that is left: none of a form.
func (q *webQuery) readFields(body io.Reader) (io.Reader, error) {
	media, params, err := mime.ParseMediaType(q.r.Header.Get("Content-Type"))
	if err != nil || media != "multipart/form-data" {
		return body, nil //nolint:nilerr // what is no form is a statement or data
	}
	q.form = multipart.NewReader(body, params["boundary"])
	return strings.NewReader(""), q.nextTable()
}

// nextTable reads the form on to the next part with a file name. Fields on the way become parameters.
func (q *webQuery) nextTable() error {
	for {
		part, err := q.form.NextPart()
		if err == io.EOF { //nolint:errorlint // a form that breaks off has it as a cause
			q.part = nil
			return nil
		}
		if err != nil {
			return exceptionf(codeIncorrectData, "body is not a form: %v", err)
		}
		if part.FileName() != "" || q.declared(part.FormName()) {
			q.part = part
			return nil
		}
		value, err := readMax(part, q.srv.cfg.QueryBytesMax+1)
		if err != nil {
			return err
		}
		if len(value) > q.srv.cfg.QueryBytesMax {
			return exceptionf(codeTooBigString, "field %s has more than %d bytes", part.FormName(), q.srv.cfg.QueryBytesMax)
		}
		q.values.Set(part.FormName(), string(value))
	}
}

// declared reports whether parameters describe a table of this name.
func (q *webQuery) declared(name string) bool {
	return q.values.Has(name+"_structure") || q.values.Has(name+"_types")
}

// externalNames are the tables that parameters describe, if the request is a form.
func (q *webQuery) externalNames() []string {
	if q.form == nil {
		return nil
	}
	var names []string
	for param := range q.values {
		for _, suffix := range externalSuffixes[:2] {
			if name, ok := strings.CutSuffix(param, suffix); ok {
				names = append(names, name)
			}
		}
	}
	return names
}

// fillExternal reads the tables of a form.
func (q *webQuery) fillExternal(ctx context.Context) error {
	for q.part != nil {
		e, err := externalOf(q.part.FormName(), q.values)
		if err != nil {
			return err
		}
		if err := q.sess.create(ctx, e); err != nil {
			return err
		}
		if err := q.sess.load(ctx, e, q.part); err != nil {
			return err
		}
		if err := q.nextTable(); err != nil {
			return err
		}
	}
	return nil
}
