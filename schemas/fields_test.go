package schemas_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	parleyv1 "parley/schemas/parley/v1"
)

var rewriteFields = flag.Bool("rewrite-fields", false, "write testdata/fields.txt anew")

// What lies in the topics of a running Parley was written with these numbers and types, and nodes of two versions read each
// other's records: a field is added, never changed, and never taken away but for its number to stay reserved.
func TestFieldsStayWhatTheyAre(t *testing.T) {
	t.Parallel()
	const file = "testdata/fields.txt"
	var have []string
	for _, f := range []protoreflect.FileDescriptor{parleyv1.File_parley_v1_call_proto, parleyv1.File_parley_v1_event_proto, parleyv1.File_parley_v1_state_proto} {
		have = append(have, fieldsOf(f.Messages())...)
	}
	slices.Sort(have)
	if *rewriteFields {
		if err := os.WriteFile(file, []byte(strings.Join(have, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	known := strings.Split(strings.TrimSpace(string(text)), "\n")
	for _, line := range known {
		if !slices.Contains(have, line) {
			t.Errorf("no longer so: %s", line)
		}
	}
	for _, line := range have {
		if !slices.Contains(known, line) {
			t.Errorf("new: %s; may an older version drop it when it writes the record again? If not, raise the format of the state. Then: go test ./schemas -run Fields -rewrite-fields", line)
		}
	}
}

// fieldsOf are the fields of messages, and of those within them, a line each.
func fieldsOf(messages protoreflect.MessageDescriptors) []string {
	var out []string
	for i := range messages.Len() {
		m := messages.Get(i)
		for j := range m.Fields().Len() {
			f := m.Fields().Get(j)
			kind := f.Kind().String()
			if f.Message() != nil {
				kind = string(f.Message().FullName())
			}
			out = append(out, fmt.Sprintf("%s %d %s %s %s", m.FullName(), f.Number(), f.Name(), f.Cardinality(), kind))
		}
		out = append(out, fieldsOf(m.Messages())...)
	}
	return out
}
