package reports_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.yaml.in/yaml/v3"
)

const grafana = "../../deploy/grafana/"

// dashboard is what we use of Grafana's dashboard model (schemaVersion 39).
type dashboard struct {
	UID           string  `json:"uid"`
	Title         string  `json:"title"`
	SchemaVersion int     `json:"schemaVersion"`
	Panels        []panel `json:"panels"`
	Templating    struct {
		List []variable `json:"list"`
	} `json:"templating"`
}

type panel struct {
	ID         int        `json:"id"`
	Type       string     `json:"type"`
	Title      string     `json:"title"`
	Interval   string     `json:"interval"`
	Datasource datasource `json:"datasource"`
	GridPos    struct{ X, Y, W, H int }
	Targets    []target `json:"targets"`
}

type target struct {
	RefID      string     `json:"refId"`
	Datasource datasource `json:"datasource"`
	// Of ClickHouse. Format is 0 for a time series, 1 for a table; QueryType says the same since version 4.
	EditorType string `json:"editorType"`
	QueryType  string `json:"queryType"`
	Format     int    `json:"format"`
	RawSQL     string `json:"rawSql"`
	// Of Prometheus.
	Expr string `json:"expr"`
}

type datasource struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

type variable struct {
	Name       string     `json:"name"`
	Type       string     `json:"type"`
	Query      string     `json:"query"`
	Datasource datasource `json:"datasource"`
}

// The types of the two data sources.
const (
	clickHouse = "grafana-clickhouse-datasource"
	prometheus = "prometheus"
)

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	text, err := os.ReadFile(grafana + "parley.json")
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// Grafana takes a dashboard that has no errors of these kinds.
func TestDashboard(t *testing.T) {
	t.Parallel()
	d := readDashboard(t)
	if d.UID == "" || d.Title == "" || d.SchemaVersion < 39 {
		t.Errorf("uid %q, title %q, schemaVersion %d", d.UID, d.Title, d.SchemaVersion)
	}
	sources := map[datasource]bool{}
	for _, v := range d.Templating.List {
		if v.Type == "datasource" {
			sources[datasource{v.Query, "${" + v.Name + "}"}] = true
		}
	}
	for _, v := range d.Templating.List {
		if v.Type == "query" && !sources[v.Datasource] {
			t.Errorf("variable %s has the data source %v, which is no variable", v.Name, v.Datasource)
		}
	}
	ids, places := map[int]bool{}, map[[2]int]string{}
	for _, p := range d.Panels {
		if p.ID == 0 || ids[p.ID] || p.Title == "" {
			t.Errorf("panel %q has the id %d", p.Title, p.ID)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := places[[2]int{x, y}]; other != "" || x < 0 || x >= 24 {
					t.Fatalf("panel %q lies outside or on %q", p.Title, other)
				}
				places[[2]int{x, y}] = p.Title
			}
		}
		if !slices.Contains([]string{"row", "stat", "table", "timeseries", "state-timeline"}, p.Type) {
			t.Errorf("panel %q has the type %q", p.Title, p.Type)
		}
		if (p.Type == "row") != (len(p.Targets) == 0) {
			t.Errorf("panel %q has %d queries", p.Title, len(p.Targets))
		}
		refs := map[string]bool{}
		for _, q := range p.Targets {
			if q.RefID == "" || refs[q.RefID] || q.Datasource != p.Datasource || !sources[q.Datasource] {
				t.Errorf("panel %q: query %q of %v", p.Title, q.RefID, q.Datasource)
			}
			refs[q.RefID] = true
			series := p.Type == "timeseries"
			if q.Datasource.Type == clickHouse && (q.EditorType != "sql" || (q.QueryType == "timeseries") != series || (q.Format == 0) != series) {
				t.Errorf("panel %q: query %s is read as %s, %d", p.Title, q.RefID, q.QueryType, q.Format)
			}
			if strings.Contains(q.RawSQL, "(minute)") && series && p.Interval != "1m" {
				t.Errorf("panel %q shows minutes in intervals of less", p.Title)
			}
		}
	}
}

// view is what somebody looks at: a period, in steps, of some accounts or of all.
type view struct {
	from, to time.Time
	step     time.Duration
	accounts []string
}

var (
	macro          = regexp.MustCompile(`\$__(\w+)\b(?:\(([\w.]+)\))?`)
	conditionalAll = regexp.MustCompile(`\$__conditionalAll\((.*?\)), \$account\)`)
)

// expand makes a query of ClickHouse of one of a panel, as the plugin documents it: what depends on variables in the browser,
// the macros in its backend.
func (v view) expand(t *testing.T, query string) string {
	t.Helper()
	condition := "1=1"
	if len(v.accounts) > 0 {
		condition = "$1"
	}
	query = conditionalAll.ReplaceAllString(query, condition)
	query = strings.ReplaceAll(query, "${account:singlequote}", "'"+strings.Join(v.accounts, "','")+"'")
	return macro.ReplaceAllStringFunc(query, func(call string) string {
		m := macro.FindStringSubmatch(call)
		seconds := func(at time.Time) string { return fmt.Sprintf("toDateTime(%d)", at.Unix()) }
		millis := func(at time.Time) string { return fmt.Sprintf("fromUnixTimestamp64Milli(%d)", at.UnixMilli()) }
		switch m[1] {
		case "timeFilter":
			return fmt.Sprintf("%s >= %s AND %s <= %s", m[2], seconds(v.from), m[2], seconds(v.to))
		case "timeFilter_ms":
			return fmt.Sprintf("%s >= %s AND %s <= %s", m[2], millis(v.from), m[2], millis(v.to))
		case "timeInterval":
			return fmt.Sprintf("toStartOfInterval(toDateTime(%s), INTERVAL %d second)", m[2], int(v.step.Seconds()))
		case "interval_s":
			return fmt.Sprint(int(v.step.Seconds()))
		default:
			t.Fatalf("macro %s is not known here", call)
			return ""
		}
	})
}

// Every panel shows what there is, and a time series begins with its time.
func TestDashboardQueries(t *testing.T) {
	t.Parallel()
	conn := day(t)
	d := readDashboard(t)
	all := view{from: yesterday.Add(-12 * time.Hour), to: yesterday.Add(36 * time.Hour), step: time.Minute}
	some := view{from: at(9, 0), to: at(9, 0), step: 5 * time.Minute, accounts: []string{"globex", "nobody"}}
	none := view{from: at(30, 0), to: at(40, 0), step: time.Hour}
	ran := 0
	for _, p := range d.Panels {
		for _, q := range p.Targets {
			if q.Datasource.Type != clickHouse {
				continue
			}
			ran++
			for _, v := range []view{all, some} {
				if rows := ask(t, conn, q, v.expand(t, q.RawSQL)); len(rows) == 0 {
					t.Errorf("panel %q shows nothing of %v", p.Title, v)
				}
			}
			ask(t, conn, q, none.expand(t, q.RawSQL))
		}
	}
	if ran == 0 {
		t.Error("no panel asks ClickHouse")
	}
	for _, v := range d.Templating.List {
		if v.Type == "query" {
			lines(t, conn, v.Query)
		}
	}
}

// ask returns the rows of a query of a panel, as text.
func ask(t *testing.T, conn driver.Conn, q target, query string) []string {
	t.Helper()
	if q.Format == 0 {
		types := selectRows[struct {
			Type string `ch:"type"`
		}](t, conn, `SELECT toTypeName(time) AS type FROM (`+query+`) LIMIT 1`)
		if len(types) > 0 && !strings.HasPrefix(types[0].Type, "DateTime") {
			t.Errorf("time is %s in %s", types[0].Type, query)
		}
	}
	return lines(t, conn, `SELECT toString(tuple(*)) FROM (`+query+`)`)
}

// What two of the panels show of globex, which had a failure at 9 o'clock.
func TestDashboardFigures(t *testing.T) {
	t.Parallel()
	conn := day(t)
	v := view{from: at(8, 0), to: at(10, 0), step: time.Minute, accounts: []string{"globex"}}
	for _, p := range readDashboard(t).Panels {
		want, ok := map[string]string{
			"Results":                            "(1)",
			"Failed":                             "(1)",
			"Routes, the slowest first":          "('crm',1,1,1024,1024)",
			"Accounts":                           "('globex',1,1)",
			"Failures per minute, by error code": "('2026-11-21 09:00:00','Duplicate',1)",
		}[p.Title]
		if !ok {
			continue
		}
		if got := strings.Join(ask(t, conn, p.Targets[0], v.expand(t, p.Targets[0].RawSQL)), " "); got != want {
			t.Errorf("panel %q shows %s, want %s", p.Title, got, want)
		}
	}
}

// The metrics of the dashboard are those that a node has.
func TestDashboardMetrics(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(parley_\\w+)` \\| (\\w+) \\|").FindAllStringSubmatch(string(text), -1) {
		known[m[1]] = m[2]
	}
	asked := 0
	for _, p := range readDashboard(t).Panels {
		for _, q := range p.Targets {
			for _, name := range regexp.MustCompile(`parley_\w+`).FindAllString(q.Expr, -1) {
				asked++
				histogram := strings.HasSuffix(name, "_bucket")
				if kind := known[strings.TrimSuffix(name, "_bucket")]; kind == "" || histogram != (kind == "histogram") {
					t.Errorf("panel %q asks for %s, which docs/metrics.md knows as %q", p.Title, name, kind)
				}
			}
		}
	}
	if asked == 0 {
		t.Error("no panel asks Prometheus")
	}
}

// The files of the provisioning name the data sources and the folder in Grafana's words, and no others.
func TestProvisioning(t *testing.T) {
	t.Parallel()
	var sources struct {
		APIVersion  int `yaml:"apiVersion"`
		Datasources []struct {
			Name, UID, Type, Access, URL string
			JSONData                     struct {
				Host, Protocol, Username string
				Port                     int
				DefaultDatabase          string `yaml:"defaultDatabase"`
			} `yaml:"jsonData"`
			SecureJSONData struct{ Password string } `yaml:"secureJsonData"`
		}
	}
	strict(t, "datasources", &sources)
	var types []string
	for _, s := range sources.Datasources {
		types = append(types, s.Type)
	}
	if sources.APIVersion != 1 || !slices.Equal(types, []string{clickHouse, prometheus}) || sources.Datasources[0].JSONData.DefaultDatabase != "parley" {
		t.Errorf("data sources: %+v", sources)
	}
	var dashboards struct {
		APIVersion int `yaml:"apiVersion"`
		Providers  []struct {
			Name, Type string
			Options    struct{ Path string }
		}
	}
	strict(t, "dashboards", &dashboards)
	if dashboards.APIVersion != 1 || len(dashboards.Providers) != 1 || dashboards.Providers[0].Type != "file" || dashboards.Providers[0].Options.Path == "" {
		t.Errorf("dashboards: %+v", dashboards)
	}
}

// strict decodes a file of the provisioning into what knows all of its fields.
func strict(t *testing.T, folder string, into any) {
	t.Helper()
	text, err := os.ReadFile(grafana + "provisioning/" + folder + "/parley.yaml")
	if err != nil {
		t.Fatal(err)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(into); err != nil {
		t.Errorf("%s: %v", folder, err)
	}
}
