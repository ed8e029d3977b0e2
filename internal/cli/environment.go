package cli

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// prefix begins the names of all settings in the environment.
const prefix = "PARLEY_"

// othersForm are names that begin like ours and are not: what Kubernetes puts into the environment of a pod for each
// service (Kubernetes documentation, "Accessing the Service", environment variables), and what tests are told.
var othersForm = regexp.MustCompile(`^PARLEY_(.*_)?(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT|PORT_\d+_(TCP|UDP|SCTP)(_.*)?)$|^PARLEY_TEST`)

// checkEnvironment refuses settings that there are not: a misspelt one would be without effect, and without a word.
func checkEnvironment(model *kong.Application, environ []string) error {
	known := settings(model.Node)
	for _, e := range environ {
		name, _, _ := strings.Cut(e, "=")
		if !strings.HasPrefix(name, prefix) || slices.Contains(known, name) || othersForm.MatchString(name) {
			continue
		}
		return fmt.Errorf("the environment sets %s, which is no setting%s", name, didYouMean(name, known))
	}
	return nil
}

// settings are the environment variables that the flags of a node, and of those below it, can be given by.
func settings(n *kong.Node) []string {
	var names []string
	for _, f := range n.Flags {
		names = append(names, f.Envs...)
		if file := fileOf(f.Value); file != "" {
			names = append(names, file)
		}
	}
	for _, child := range n.Children {
		names = append(names, settings(child)...)
	}
	return names
}

// didYouMean names the setting that is most like a name, if one is.
func didYouMean(name string, known []string) string {
	best, least := "", 4 // more than three letters off is another word
	for _, k := range known {
		if d := distance(name, k); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return "; parley serve --help lists them"
	}
	return "; did you mean " + best + "?"
}

// distance is how many letters must be added, dropped or changed to make b of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
