package deploy

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v3"
)

// The data sources that are provisioned are those that the dashboard asks, and what Grafana puts into them is in its environment.
func TestGrafana(t *testing.T) {
	t.Parallel()
	var sources struct {
		APIVersion  int `yaml:"apiVersion"`
		Datasources []struct {
			Name, UID, Type, URL, Access string
			JSONData                     map[string]any    `yaml:"jsonData"`
			SecureJSONData               map[string]string `yaml:"secureJsonData"`
		}
	}
	strictYAML(t, filepath.Join(folder, "grafana", "provisioning", "datasources", "parley.yaml"), &sources)
	var providers struct {
		APIVersion int `yaml:"apiVersion"`
		Providers  []struct {
			Name, Type string
			Options    struct{ Path string }
		}
	}
	strictYAML(t, filepath.Join(folder, "grafana", "provisioning", "dashboards", "parley.yaml"), &providers)

	text, err := os.ReadFile(filepath.Join(folder, "grafana", "parley.json"))
	if err != nil {
		t.Fatal(err)
	}
	var dashboard any
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	var known []string
	for _, d := range sources.Datasources {
		known = append(known, d.UID)
	}
	for _, uid := range datasources(dashboard) {
		if !slices.Contains(known, uid) {
			t.Errorf("the dashboard asks %s, which is not provisioned: %v", uid, known)
		}
	}

	project, err := compose(t, exampleSecrets...)
	if err != nil {
		t.Fatal(err)
	}
	grafana := project.Services["grafana"]
	provisioned, err := os.ReadFile(filepath.Join(folder, "grafana", "provisioning", "datasources", "parley.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	os.Expand(string(provisioned), func(name string) string {
		if grafana.Environment[name] == nil && name != "NAME" {
			t.Errorf("%s is not in the environment of Grafana", name)
		}
		return ""
	})
	if path := providers.Providers[0].Options.Path; !slices.ContainsFunc(grafana.Volumes, func(v types.ServiceVolumeConfig) bool { return filepath.Dir(v.Target) == path }) {
		t.Errorf("no dashboard is mounted below %s", path)
	}
}

// datasources are the uids of all data sources in a document, but Grafana's own.
func datasources(in any) []string {
	var found []string
	switch in := in.(type) {
	case []any:
		for _, v := range in {
			found = append(found, datasources(v)...)
		}
	case map[string]any:
		for key, v := range in {
			found = append(found, datasources(v)...)
			source, ok := v.(map[string]any)
			if uid, is := source["uid"].(string); key == "datasource" && ok && is && uid != "-- Grafana --" && uid[0] != '$' {
				found = append(found, uid)
			}
		}
	}
	return found
}

func strictYAML(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil {
		t.Errorf("%s: %v", file, err)
	}
}
