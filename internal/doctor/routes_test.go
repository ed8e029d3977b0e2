package doctor

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"parley/internal/mail"
	"parley/internal/route"
)

// What doctor says of a backend is shown to many: neither the password nor the key of its URL is in it, whatever was met.
func TestBackendsAreShownWithoutSecrets(t *testing.T) {
	t.Parallel()
	backend := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(backend.Close)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	away := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		address string
		verdict Verdict
	}{
		"that answers": {strings.TrimPrefix(backend.URL, "http://"), OK},
		"that is away": {away, Failure},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table, err := route.Parse([]byte(`routes: [{name: r, executor: {type: http, url: "http://user:hidden@` + tt.address + `/calls?key=hidden"}}]`))
			if err != nil {
				t.Fatal(err)
			}
			r := CheckRoutes(t.Context(), table, mail.Client{}, nil)
			if len(r) != 1 || r[0].Verdict != tt.verdict {
				t.Fatalf("%+v, want one that is %v", r, tt.verdict)
			}
			said := r[0].Subject + r[0].Found + r[0].Meaning + r[0].Remedy
			if strings.Contains(said, "hidden") || !strings.Contains(r[0].Subject, "user:xxxxx@"+tt.address+"/calls?key=xxxxx") {
				t.Errorf("shown: %s", said)
			}
		})
	}
}
