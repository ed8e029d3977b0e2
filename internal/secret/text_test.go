package secret

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whoever prints, logs or encodes a secret, or what has one in it, does not see it.
func TestHidden(t *testing.T) {
	t.Parallel()
	type settings struct{ Password Text }
	given := settings{Text{Value: "hidden", File: "hidden"}}
	said := new(bytes.Buffer)
	fmt.Fprintf(said, "%v %+v %#v %s %q", given, given, given, given.Password, given.Password)
	for _, h := range []slog.Handler{slog.NewJSONHandler(said, nil), slog.NewTextHandler(said, nil)} {
		slog.New(h).Info("settings", slog.Any("all", given), slog.Any("password", given.Password), slog.Any("at", &given))
	}
	if err := json.NewEncoder(said).Encode(given); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(said.String(), "hidden") || !strings.Contains(said.String(), `{"Password":"(secret)"}`) {
		t.Error(said)
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want, err string }{
		{"s3cret", "s3cret", ""},
		{"s3 cret \r\n", "s3 cret ", ""},
		{"\n", "", "it is empty"},
		{"", "", "it is empty"},
	} {
		file := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := Text{File: file}.Read()
		if got != c.want || (err == nil) != (c.err == "") || err != nil && err.Error() != "read secret from "+file+": "+c.err {
			t.Errorf("of %q: %q, %v", c.text, got, err)
		}
	}
	if got, err := (Text{Value: "v"}).Read(); got != "v" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := (Text{File: "nowhere"}).Read(); err == nil || err.Error() != "read secret from nowhere: no such file or directory" {
		t.Errorf("error %v", err)
	}
}
