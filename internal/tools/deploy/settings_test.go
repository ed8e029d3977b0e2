package deploy

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// root is the folder of the repository, and folder that of what is tested.
var (
	root   = filepath.Join("..", "..", "..")
	folder = filepath.Join(root, "deploy")
)

var envTag = regexp.MustCompile(`\benv:"([A-Z0-9_]+)"( secret:"")?`)

// settings are the environment variables that the program knows, read from the tags of its flags: of a secret, that of a file, too.
var settings = sync.OnceValues(func() ([]string, error) {
	files, err := filepath.Glob(filepath.Join(root, "internal", "cli", "*.go"))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for _, m := range envTag.FindAllStringSubmatch(string(text), -1) {
			names = append(names, m[1])
			if m[2] != "" {
				names = append(names, m[1]+"_FILE")
			}
		}
	}
	return names, nil
})

// mustBeSetting fails a test when an environment variable begins like a setting of Parley and is none: the program would refuse to
// start.
func mustBeSetting(t *testing.T, where, name string) {
	t.Helper()
	known, err := settings()
	if err != nil || len(known) < 50 {
		t.Fatalf("found %d settings in the source: %v", len(known), err)
	}
	if strings.HasPrefix(name, "PARLEY_") && !slices.Contains(known, name) {
		t.Errorf("%s: %s is no setting of parley", where, name)
	}
}

// pinnedForm is an image with a digest or with a whole version.
var pinnedForm = regexp.MustCompile(`(@sha256:[0-9a-f]{64}|:v?\d+\.\d+\.\d+(\.\d+)?)$`)
