package sim

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// edit replaces a text of a source file, which it must have exactly once, in what is built with an overlay. The file
// is named from the root of the module, or of Go when it begins with "go:".
type edit struct{ file, old, new string }

// path is where the file lies.
func (e edit) path() (string, error) {
	name, ok := strings.CutPrefix(e.file, "go:")
	if !ok {
		return filepath.Abs(filepath.Join("..", "..", e.file))
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("ask for GOROOT: %w", err)
	}
	return filepath.Join(strings.TrimSpace(string(root)), "src", name), nil
}

// applied returns a source with the edit made.
func (e edit) applied(source string) (string, error) {
	if n := strings.Count(source, e.old); n != 1 {
		return "", fmt.Errorf("%s has this %d times instead of once, so an edit must follow a change of the source:\n%s", e.file, n, e.old)
	}
	return strings.Replace(source, e.old, e.new, 1), nil
}

// writeOverlay writes what go build's -overlay wants to make edits, and returns its name.
func writeOverlay(dir string, edits []edit) (string, error) {
	sources := make(map[string]string)
	for _, e := range edits {
		path, err := e.path()
		if err != nil {
			return "", err
		}
		source, ok := sources[path]
		if !ok {
			b, err := os.ReadFile(path)
			if err != nil {
				return "", err
			}
			source = string(b)
		}
		if sources[path], err = e.applied(source); err != nil {
			return "", err
		}
	}
	replace := make(map[string]string)
	for path, source := range sources {
		to := filepath.Join(dir, fmt.Sprintf("%d-%s", len(replace), filepath.Base(path)))
		if err := os.WriteFile(to, []byte(source), 0o600); err != nil {
			return "", err
		}
		replace[path] = to
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "overlay.json")
	return name, os.WriteFile(name, b, 0o600)
}

// exact makes Go's runtime do the same again: the choices that it draws lots for in a bubble come from a sequence of the
// bubble's own (which of the ready cases a select takes, where the iteration of a map begins, which of the timers of one
// instant fires first), all other lots of the process from one that is always the same (the seeds of hashes, where the
// heap lies); and no goroutine is interrupted because it has run for long.
var exact = []edit{
	{
		"go:runtime/rand.go",
		"\tglobalRand.state.Init(*seed)\n",
		"\t*seed = [32]byte{}\n\tglobalRand.state.Init(*seed)\n",
	},
	{
		"go:runtime/rand.go",
		"func rand() uint64 {\n",
		"func rand() uint64 {\n\tif gp := getg().m.curg; gp != nil && gp.bubble != nil {\n\t\treturn gp.bubble.lot()\n\t}\n",
	},
	{
		"go:runtime/select.go",
		"\t\tj := cheaprandn(uint32(norder + 1))\n",
		"\t\tj := cheaprandn(uint32(norder + 1))\n\t\tif gp.bubble != nil {\n\t\t\tj = uint32(gp.bubble.lot() % uint64(norder+1))\n\t\t}\n",
	},
	{
		"go:runtime/time.go",
		"\t\t\tt.rand = cheaprand()\n",
		"\t\t\tt.rand = 0\n",
	},
	{
		"go:runtime/synctest.go",
		"\tdone    bool   // true if main has exited\n",
		"\tdone    bool   // true if main has exited\n\tlots    uint64 // state of lot\n",
	},
	{
		"go:runtime/synctest.go",
		"// changegstatus is called when",
		`// lot is the next of the bubble's own random numbers (splitmix64).
//
//go:nosplit
func (bubble *synctestBubble) lot() uint64 {
	bubble.lots += 0x9e3779b97f4a7c15
	x := bubble.lots
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// changegstatus is called when`,
	},
	{
		"go:runtime/synctest.go",
		"\t\tpp := getg().m.p.ptr()\n\t\trunqput(pp, bubble.main, true)\n",
		"\t\tpp := getg().m.p.ptr()\n\t\tpp.schedtick = 0\n\t\trunqput(pp, bubble.main, true)\n",
	},
	{
		"go:runtime/proc.go",
		"\t\t} else if pd.schedwhen+forcePreemptNS <= now {\n\t\t\tpreemptone(pp)\n",
		"\t\t} else if pd.schedwhen+forcePreemptNS <= now {\n",
	},
}

// TestWriteOverlay writes the overlay that makes runs exact, when it is told where to.
func TestWriteOverlay(t *testing.T) {
	if *overlayFlag == "" {
		return
	}
	name, err := writeOverlay(*overlayFlag, exact)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(name)
}
