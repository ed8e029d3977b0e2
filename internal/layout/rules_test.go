package layout

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// module is the path of the main module and of its root package.
const module = "parley"

// A layer says which packages of ours the packages from may import. A pattern is a path below the module, "." its
// root package; "/..." after it means the package and all below it. A package always may import what lies below it.
type layer struct {
	from string
	to   []string
	why  string
}

// layers are read from the top, and the first one whose from matches holds: the special stands above the general.
// They bind tests as well.
var layers = []layer{
	{".", []string{"internal/cli"}, "main only calls the command line"},
	{"internal/cli/...", []string{"..."}, "the command line joins the roles"},

	{"ingest/...", []string{"ingest/...", "internal/...", "schemas/..."}, "the roles meet in topics, through schemas"},

	{"processor", []string{"internal/...", "schemas/..."}, "the roles meet in topics, through schemas"},
	{"processor/conversation", []string{"schemas/..."}, "the core decides, and knows nothing but the words"},
	{"processor/delivery", []string{"processor/notify", "schemas/..."}, "it decides what follows from a verdict"},
	{"processor/store", []string{"processor/conversation", "processor/delivery", "internal/...", "schemas/..."}, "it keeps what the two cores decide"},
	{"processor/sim", []string{"processor/...", "internal/...", "schemas/..."}, "it runs core and shell, and no other role"},
	{"processor/scale", []string{"processor/...", "internal/...", "schemas/..."}, "it measures core and shell, and no other role"},
	{"processor/notify/...", []string{"processor/notify", "internal/...", "schemas/..."}, "senders know what they tell, and nothing of who decides it"},
	{"processor/...", []string{"processor/conversation", "internal/...", "schemas/..."}, "only the shell joins the processor's parts"},

	{"results/...", []string{"results/...", "internal/...", "schemas/..."}, "the roles meet in topics, through schemas"},

	{"internal/partnerapi", []string{"schemas/..."}, "it knows types and how they are written, and no role"},
	{"internal/...", []string{"internal/...", "schemas/..."}, "what serves all roles depends on none"},
	{"schemas/...", []string{"schemas/..."}, "the contracts depend on nothing of ours"},
	{"docs/...", nil, "examples stand alone, to be copied"},
}

// A home says which packages of ours may import a package, outside of tests and test kits, so that replacing a library, or making
// the next version of it ours, is a change in one place.
type home struct {
	pkg string   // a full import path, with the patterns of layer
	in  []string // patterns as in layer
	why string
}

var homes = []home{
	{"parley/internal/cli/...", []string{".", "internal/cli/..."}, "roles never reach up to the command line"},
	{"github.com/labstack/echo/...", []string{"ingest/..."}, "echo's next version shall be a small step"},
	{
		"github.com/twmb/franz-go/pkg/kgo/...",
		[]string{
			"ingest",             // the producer of calls
			"ingest/inbox",       // reads the topics of tenants
			"ingest/publish",     // makes the records of calls
			"processor",          // the shell: one transaction a turn
			"processor/executor", // the record that carries a call out by Kafka
			"processor/replies",  // makes answers of what backends answer by Kafka
			"results/sink",       // reads results, writes down which block comes next
			"results/subscriber", // the second transactional hop
			"internal/relay",     // reads topics and writes what is made of each record
			"internal/topics",    // creates and checks the topics, places keys
			"internal/doctor",    // looks at clusters
			"internal/peer",      // asks who owns a partition
			"internal/control",   // reads and writes what all processes agree on
			"internal/e2e/...",   // asks real brokers how they are
			"internal/kafka",     // how every client connects
			"internal/embedded/...",
			"internal/cli/...", // opens the clients that the roles are given
		},
		"Kafka is met in the shell, the sink, the producer and where topics are made",
	},
	{"github.com/twmb/franz-go/pkg/kfake/...", []string{"internal/embedded/kafka"}, "it is the embedded broker"},
	{"github.com/cockroachdb/pebble/...", []string{"processor/store"}, "the store is the only one that knows how state is kept"},
	{"github.com/pressly/goose/...", []string{"results/..."}, "migrations run where ClickHouse is written"},
	{"github.com/ebitengine/purego/...", []string{"internal/embedded/chdb"}, "only the binding calls foreign code"},
	{"parley/internal/embedded/chdb", []string{"internal/embedded/...", "internal/cli/..."}, "everybody else talks to ClickHouse by its protocol"},
	{"go.opentelemetry.io/otel/sdk/...", []string{"internal/telemetry", "internal/cli/..."}, "roles make spans, and know nothing of where they go"},
	{"go.opentelemetry.io/otel/exporters/...", []string{"internal/telemetry"}, "roles make spans, and know nothing of where they go"},
	{"github.com/wneessen/go-mail/...", []string{"internal/mail"}, "one place writes messages, and sees to what gets into their headers"},
	{
		"github.com/emersion/go-smtp/...",
		[]string{
			"internal/mail", // hands messages over, and knows what a failure proves
			"ingest/mailin", // takes replies
		},
		"SMTP is spoken in one place, and heard in one",
	},
	{"golang.org/x/oauth2/...", []string{"internal/kafka"}, "tokens are for Kafka alone"},
	{"github.com/twmb/franz-go/pkg/sasl/...", []string{"internal/kafka"}, "one place knows how Kafka is reached"},
	{"github.com/alecthomas/kong/...", []string{"internal/cli/..."}, "only the command line reads flags"},
}

// cores decide, and do nothing else.
var cores = []string{"processor/conversation", "processor/delivery"}

// pure are the standard packages that a core may import outside of tests: none of them reads a clock, knows a
// goroutine or does input or output. (time is there for its types; the linter forbids its clock.)
var pure = []string{
	"bytes", "cmp", "encoding/binary", "errors", "fmt", "iter", "maps", "math", "math/bits", "slices", "strconv", "strings", "time",
}

// An edge is one import.
type edge struct {
	from   string // the importing package, as a path below the module
	target string // the full path of what it imports
	inTest bool   // by a test file
}

// breaks says which rule e breaks, or "".
func (e edge) breaks() string {
	local, ours := inModule(e.target)
	if ours {
		if rule := breaksLayer(e.from, local); rule != "" {
			return rule
		}
	}
	if e.inTest || isKit(e.from) {
		return ""
	}
	if isKit(e.target) {
		return "test kits are for tests and for one another"
	}
	if slices.Contains(cores, e.from) && !ours && !slices.Contains(pure, e.target) {
		return "a core imports pure standard packages only: " + strings.Join(pure, " ")
	}
	for _, h := range homes {
		if matches(h.pkg, e.target) && !matchesAny(h.in, e.from) {
			return fmt.Sprintf("%s: %s is for %s", h.why, h.pkg, strings.Join(h.in, ", "))
		}
	}
	return ""
}

// isKit says whether a package helps tests: its name says so, as that of httptest does.
func isKit(pkg string) bool {
	name := path.Base(pkg)
	return strings.HasSuffix(name, "test") || name == "testkit" || name == "testing"
}

func breaksLayer(from, target string) string {
	i := slices.IndexFunc(layers, func(l layer) bool { return matches(l.from, from) })
	if i < 0 {
		return "no layer holds this folder: give it its place in the rules"
	}
	l := layers[i]
	if matchesAny(l.to, target) || below(from, target) {
		return ""
	}
	return fmt.Sprintf("%s: %s may import %s", l.why, l.from, strings.Join(l.to, ", "))
}

// inModule gives the path below the module of a package that is ours.
func inModule(pkg string) (local string, ours bool) {
	if pkg == module {
		return ".", true
	}
	return strings.CutPrefix(pkg, module+"/")
}

// below says whether target is from itself, as in an external test, or lies below it.
func below(from, target string) bool {
	return from != "." && (target == from || strings.HasPrefix(target, from+"/"))
}

func matchesAny(patterns []string, pkg string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, pkg) })
}

func matches(pattern, pkg string) bool {
	root, deep := strings.CutSuffix(pattern, "...")
	root = path.Clean(root)
	if !deep {
		return pkg == root
	}
	return root == "." || pkg == root || strings.HasPrefix(pkg, root+"/")
}
