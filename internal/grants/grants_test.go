package grants

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var parley = Parley{Prefix: "parley", Requests: []string{"postings"}, Replies: []string{"postings-done"}, Account: "acme"}

// Nothing is granted twice, nor what Kafka implies, and everything says why.
func TestNothingTwice(t *testing.T) {
	t.Parallel()
	for _, role := range Roles() {
		all := parley.For(role)
		if len(all) == 0 {
			t.Errorf("%s may do nothing", role)
		}
		for i, g := range all {
			if g.Why == "" || g.Name == "" {
				t.Errorf("%s: %s is for %q", role, g, g.Why)
			}
			if slices.ContainsFunc(all[:i], g.same) || slices.ContainsFunc(all, func(other Grant) bool { return other.implies(g) }) {
				t.Errorf("%s: %s is granted twice", role, g)
			}
		}
	}
}

func TestUnion(t *testing.T) {
	t.Parallel()
	got := Union([]Grant{
		{Group, "g", false, Describe, ""}, {Topic, "t", false, Describe, ""}, {Topic, "t", true, Describe, ""},
		{Group, "g", false, Read, ""}, {Topic, "t", false, DescribeConfigs, ""}, {Topic, "t", false, AlterConfigs, ""}, {Group, "g", false, Read, ""},
	})
	want := []Grant{{Topic, "t", false, AlterConfigs, ""}, {Topic, "t", false, Describe, ""}, {Topic, "t", true, Describe, ""}, {Group, "g", false, Read, ""}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestCommands(t *testing.T) {
	t.Parallel()
	got := Commands("User:CN=it's me", []Grant{
		{Topic, "t", false, Read, ""}, {Topic, "t", false, Write, ""}, {Group, "g.", true, Read, ""}, {Cluster, theCluster, false, Alter, ""},
	})
	want := []string{
		`kafka-acls.sh --add --allow-principal 'User:CN=it'\''s me' --operation Read --operation Write --topic t`,
		`kafka-acls.sh --add --allow-principal 'User:CN=it'\''s me' --operation Read --group g. --resource-pattern-type prefixed`,
		`kafka-acls.sh --add --allow-principal 'User:CN=it'\''s me' --operation Alter --cluster`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if _, err := ParseRole("cook"); err == nil || !strings.Contains(err.Error(), `"cook" is no role; the roles are ingest, processor`) {
		t.Errorf("error %v", err)
	}
}

// The table of docs/security.md is this list.
func TestDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	want := parley.Markdown()
	if !strings.Contains(string(page), want) {
		t.Errorf("docs/security.md does not have this table:\n%s", want)
	}
}
