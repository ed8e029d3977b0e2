package clickhouse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"

	"parley/internal/embedded/chdb"
)

// session is what one client has with the engine: settings, current database, temporary tables. It serves
// one goroutine at a time.
type session struct {
	conn   *chdb.Conn
	tag    string // value of tagSetting, by which KILL QUERY finds its statements
	killer *killer
	log    *slog.Logger

	// own are the settings in which the session differs from the defaults, without those of a query.
	own map[string]string
	// lent are the settings of the last query. They stay until a query comes with others: most clients
	// send the same with each.
	lent map[string]string
}

// tagSetting is a setting of type String that has no effect here: the embedded engine has no query cache.
const tagSetting = "query_cache_tag"

// setting is a query setting as a client sends it.
type setting struct {
	name, value string
	// important settings must be known; others are ignored when they are not, as a server does.
	important bool
}

// settingName is what can stand in a SET without quotes.
var settingName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]{0,127}$`)

func (s *session) close() { s.conn.Close() }

// currentDatabase is where tables without a database are looked for.
func (s *session) currentDatabase() (string, error) {
	res, err := s.conn.Query(chdb.Statement{SQL: "SELECT currentDatabase()", Format: "TSVRaw"})
	return strings.TrimSuffix(string(res.Data), "\n"), err
}

// use makes db the current database.
func (s *session) use(db string) error {
	_, err := s.conn.Query(chdb.Statement{SQL: "USE " + quoteName(db)})
	return err
}

// run runs a statement to its end and returns its whole output.
func (s *session) run(ctx context.Context, st chdb.Statement) (chdb.Result, error) {
	var res chdb.Result
	err := s.interruptible(ctx, func() (err error) {
		res, err = s.conn.Query(st)
		return err
	})
	return res, err
}

// check lets the engine parse a statement, and refuses what it would do but a server does not: several statements in
// one text, and files of the client. What does not parse passes: running it tells why.
func (s *session) check(st statement) (chdb.Analysis, error) {
	a, err := s.conn.Analyze(st.text)
	if err != nil {
		return a, err
	}
	switch {
	case a.Statements > 1:
		return a, exceptionf(codeSyntaxError, "Syntax error (Multi-statements are not allowed): %.100s", st.text)
	case st.clientFile:
		return a, exceptionf(codeNotImplemented, "INTO OUTFILE and FROM INFILE are for clickhouse-client, not for a server")
	}
	return a, nil
}

// splitReadOnly takes the setting readonly out: a session that the engine has made read-only stays so.
func splitReadOnly(settings []setting) (others []setting, readOnly bool) {
	for _, s := range settings {
		if s.name == "readonly" {
			readOnly = s.value != "0"
			continue
		}
		others = append(others, s)
	}
	return others, readOnly
}

// refuseChange refuses a statement of a read-only query that does more than to read.
func refuseChange(st statement, a chdb.Analysis) error {
	if a.ReadOnly || st.kind == kindSet || a.Statements == 0 && st.kind != kindInsert {
		return nil
	}
	return exceptionf(codeReadOnly, "Cannot execute query in readonly mode. Over HTTP, all methods but POST imply readonly")
}

// runChecked is run for a statement that passed check. The engine takes some texts that do not parse, such as exit, for
// commands to clickhouse-client and says nothing; a server does not.
func (s *session) runChecked(ctx context.Context, st chdb.Statement, a chdb.Analysis) (chdb.Result, error) {
	res, err := s.run(ctx, st)
	if err == nil && a.Statements == 0 {
		return res, exceptionf(codeSyntaxError, "Syntax error: failed at position 1: %.100s", st.SQL)
	}
	return res, err
}

// stream begins a query whose rows are fetched with next. close must be called.
func (s *session) stream(ctx context.Context, st chdb.Statement) (*rows, error) {
	r := &rows{sess: s}
	err := s.interruptible(ctx, func() (err error) {
		r.stream, err = s.conn.Stream(st)
		return err
	})
	if err != nil && r.stream != nil {
		r.stream.Close()
	}
	return r, err
}

// rows are the rows of a running query.
type rows struct {
	sess   *session
	stream *chdb.Stream
}

// next returns the next piece of the output, valid until the following call, or io.EOF.
func (r *rows) next(ctx context.Context) (piece []byte, err error) {
	err = r.sess.interruptible(ctx, func() (err error) {
		piece, err = r.stream.Next()
		return err
	})
	return piece, err
}

// stats counts what the last piece made the engine read.
func (r *rows) stats() chdb.Stats { return r.stream.Stats() }

// close cancels what still runs. It kills it too, for the engine would not stop before it has a first piece.
func (r *rows) close() {
	if r.stream.Ended() {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = r.sess.killable(ctx, func() error { r.stream.Close(); return nil }) // the call cannot fail
	r.sess.settle()
}

// set runs a client's own SET, whose effect stays.
func (s *session) set(ctx context.Context, st chdb.Statement) error {
	if err := s.lend(nil); err != nil {
		return err
	}
	if _, err := s.run(ctx, st); err != nil {
		return err
	}
	s.settle() // it may have changed the tag
	own, err := changedSettings(s.conn)
	if err != nil {
		return err
	}
	s.own = own
	return nil
}

// interruptible runs a call into the engine, and kills its statement when ctx ends before it. It returns
// when the call has returned; the error is then ctx's cause.
func (s *session) interruptible(ctx context.Context, call func() error) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	err := s.killable(ctx, call)
	if err != nil && !errors.Is(err, io.EOF) {
		s.settle()
	}
	return err
}

// killable runs a call and kills its statement when ctx ends before the call, or has ended already.
func (s *session) killable(ctx context.Context, call func() error) error {
	done, killed := make(chan struct{}), make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(killed)
		s.killer.kill(s.tag, done)
	})
	err := call()
	close(done)
	if stop() {
		return err
	}
	<-killed
	if err != nil {
		return context.Cause(ctx)
	}
	return nil
}

// settle sets the session's tag. The statement also makes the engine let go of a failed one before: it keeps it, with its memory
// and its place in the list of processes, until the session's next one.
func (s *session) settle() {
	if _, err := s.conn.Query(chdb.Statement{SQL: "SET " + tagSetting + " = " + quoteString(s.tag)}); err != nil {
		s.log.Debug("failed statement stays", "session", s.tag, "error", err)
	}
}

// lend gives the following statements these settings, and takes back those of the statements before.
func (s *session) lend(settings []setting) error {
	wanted := make(map[string]setting, len(settings))
	for _, set := range settings {
		if set.name != tagSetting {
			wanted[set.name] = set
		}
	}
	var changes []string
	for _, name := range slices.Sorted(maps.Keys(s.lent)) {
		if _, ok := wanted[name]; !ok {
			changes = append(changes, s.restore(name))
		}
	}
	lent := make(map[string]string, len(wanted))
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		set := wanted[name]
		if !settingName.MatchString(name) {
			return exceptionf(codeUnknownSetting, "Unknown setting %q", name)
		}
		if old, ok := s.lent[name]; !ok || old != set.value {
			changes = append(changes, name+" = "+quoteString(set.value))
		}
		lent[name] = set.value
	}
	if len(changes) == 0 {
		return nil
	}
	if _, err := s.conn.Query(chdb.Statement{SQL: "SET " + strings.Join(changes, ", ")}); err != nil {
		return s.lendEach(wanted)
	}
	s.lent = lent
	return nil
}

// lendEach applies the settings one by one, to find those that the engine refuses.
func (s *session) lendEach(wanted map[string]setting) error {
	for _, name := range slices.Sorted(maps.Keys(s.lent)) {
		if _, err := s.conn.Query(chdb.Statement{SQL: "SET " + s.restore(name)}); err != nil {
			return fmt.Errorf("restore setting %s: %w", name, err)
		}
		delete(s.lent, name)
	}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		set := wanted[name]
		_, err := s.conn.Query(chdb.Statement{SQL: "SET " + name + " = " + quoteString(set.value)})
		if e, ok := errors.AsType[*chdb.Exception](err); ok && e.Code == codeUnknownSetting && !set.important {
			s.log.Debug("ignored unknown setting", "setting", name)
			continue
		}
		if err != nil {
			return err
		}
		s.lent[name] = set.value
	}
	return nil
}

// restore is the change that takes a setting back to the session's own value.
func (s *session) restore(name string) string {
	if value, ok := s.own[name]; ok {
		return name + " = " + quoteString(value)
	}
	return name + " = DEFAULT"
}

// changedSettings asks for the settings that differ from the defaults.
func changedSettings(conn *chdb.Conn) (map[string]string, error) {
	res, err := conn.Query(chdb.Statement{SQL: "SELECT name, value FROM system.settings WHERE changed", Format: "JSONCompact"})
	if err != nil {
		return nil, fmt.Errorf("read settings: %w", err)
	}
	var answer struct{ Data [][2]string }
	if err := json.Unmarshal(res.Data, &answer); err != nil {
		return nil, fmt.Errorf("read settings: %w", err)
	}
	changed := make(map[string]string, len(answer.Data))
	for _, row := range answer.Data {
		changed[row[0]] = row[1]
	}
	return changed, nil
}

var (
	stringEscaper = strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	nameEscaper   = strings.NewReplacer(`\`, `\\`, "`", "\\`")
)

func quoteString(s string) string { return "'" + stringEscaper.Replace(s) + "'" }
func quoteName(s string) string   { return "`" + nameEscaper.Replace(s) + "`" }
