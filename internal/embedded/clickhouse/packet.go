package clickhouse

import (
	"github.com/ClickHouse/ch-go/proto"

	"parley/internal/embedded/chdb"
)

// Revisions of the native protocol. Older clients than revisionMin send settings in another form. What comes after
// revisionMax, such as packets cut into chunks, is for servers among themselves, or saves a client a query.
const (
	revisionMax = 54460
	revisionMin = 54429
)

// Bounds of what a client sends beside queries and blocks.
const (
	wordBytesMax  = 64 << 10 // names, settings and the like
	settingsCount = 1000
)

// hello is the first packet of a client.
type hello struct {
	client                   string
	revision                 int
	database, user, password string
}

// readHello reads the packet behind its code.
func readHello(w wire) (h hello, err error) {
	f := fields{w: w}
	h.client = f.string("client name")
	f.uvarint() // version, major and minor
	f.uvarint()
	h.revision = int(min(f.uvarint(), revisionMax))
	h.database = f.string("database")
	h.user = f.string("user")
	h.password = f.string("password")
	return h, f.err
}

// query is the packet that asks for a statement to be run.
type query struct {
	id       string // empty: the client gives none
	text     string
	settings []setting
	params   []chdb.Param
	compress bool // blocks, in both directions
}

// Stages of a query's processing; the others are for servers among themselves.
const stageComplete = 2

// Flag of a setting that must be known.
const flagImportant = 1

// readQuery reads the packet behind its code, as a client of this revision sends it.
func readQuery(w wire, revision, textMax int) (q query, err error) {
	f := fields{w: w}
	q.id = f.string("query id")
	f.clientInfo(revision)
	q.settings = f.settings()
	if proto.FeatureInterServerSecret.In(revision) {
		f.string("interserver secret")
	}
	stage := f.uvarint()
	compression := f.uvarint()
	if f.err != nil {
		return q, f.err
	}
	if stage != stageComplete || compression > 1 {
		return q, exceptionf(codeUnexpectedPacket, "query with stage %d and compression %d", stage, compression)
	}
	q.compress = compression == 1
	if q.text, err = w.string("query", textMax); err != nil {
		return q, err
	}
	if proto.FeatureParameters.In(revision) {
		q.params = f.params()
	}
	return q, f.err
}

// fields reads one field after the other and keeps the first error.
type fields struct {
	w   wire
	err error
}

func (f *fields) uvarint() (v uint64) {
	if f.err == nil {
		v, f.err = f.w.uvarint()
	}
	return v
}

func (f *fields) byte() (b byte) {
	if f.err == nil {
		b, f.err = f.w.byte()
	}
	return b
}

func (f *fields) string(what string) (s string) {
	if f.err == nil {
		s, f.err = f.w.string(what, wordBytesMax)
	}
	return s
}

func (f *fields) skip(n int) {
	if f.err == nil {
		f.err = f.w.skip(n)
	}
}

// Interfaces that a client names in its info.
const (
	interfaceTCP  = 1
	interfaceHTTP = 2
)

// clientInfo reads what a client tells of itself, none of which matters here.
func (f *fields) clientInfo(revision int) {
	if kind := f.byte(); kind == byte(proto.ClientQueryNone) {
		return
	}
	f.string("initial user")
	f.string("initial query id")
	f.string("initial address")
	if proto.FeatureQueryStartTime.In(revision) {
		f.skip(8)
	}
	iface := f.byte()
	switch {
	case f.err != nil:
		return
	case iface == interfaceTCP:
		f.string("os user")
		f.string("client hostname")
		f.string("client name")
		f.uvarint() // version: major, minor, protocol
		f.uvarint()
		f.uvarint()
	case iface == interfaceHTTP:
		f.byte() // method
		f.string("user agent")
		if proto.FeatureXForwardedForInClientInfo.In(revision) {
			f.string("forwarded for")
		}
		if proto.FeatureRefererInClientInfo.In(revision) {
			f.string("referer")
		}
	default:
		f.err = exceptionf(codeUnexpectedPacket, "unknown client interface %d", iface)
		return
	}
	f.string("quota key")
	if proto.FeatureDistributedDepth.In(revision) {
		f.uvarint()
	}
	if iface == interfaceTCP {
		f.uvarint() // version: patch
	}
	if proto.FeatureOpenTelemetry.In(revision) && f.byte() != 0 {
		f.skip(16 + 8) // trace id, span id
		f.string("trace state")
		f.byte() // flags
	}
	if proto.FeatureParallelReplicas.In(revision) {
		f.uvarint() // three things that replicas tell each other
		f.uvarint()
		f.uvarint()
	}
}

// params reads the values of the statement's placeholders. They come in the form of settings, as SQL literals.
func (f *fields) params() []chdb.Param {
	var params []chdb.Param
	for _, s := range f.settings() {
		params = append(params, chdb.Param{Name: s.name, Value: literal(s.value)})
	}
	return params
}

// literal returns the text that a literal stands for: without quotes, if it is a string.
func literal(text string) string {
	if len(text) < 2 || text[0] != '\'' || text[len(text)-1] != '\'' {
		return text
	}
	return unescape(text[1:len(text)-1], '\'')
}

// settings reads names, flags and values up to an empty name.
func (f *fields) settings() []setting {
	var settings []setting
	for {
		name := f.string("setting name")
		if name == "" || f.err != nil {
			return settings
		}
		flags := f.uvarint()
		settings = append(settings, setting{name: name, important: flags&flagImportant != 0, value: f.string("setting value")})
		if len(settings) > settingsCount {
			f.err = exceptionf(codeTooBigString, "query with more than %d settings", settingsCount)
		}
	}
}
