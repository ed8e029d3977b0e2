package ingest

import (
	"math"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestPreferences(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]preferences{
		"":                                  {},
		"wait=10":                           {wait: 10 * time.Second},
		"respond-async":                     {respondAsync: true},
		"respond-async, wait=10":            {respondAsync: true, wait: 10 * time.Second},
		"wait=10\nrespond-async":            {respondAsync: true, wait: 10 * time.Second},
		"Wait = 10 , RESPOND-ASYNC":         {respondAsync: true, wait: 10 * time.Second},
		`wait="10"`:                         {wait: 10 * time.Second},
		`wait="1\0"`:                        {wait: 10 * time.Second},
		"wait=10; foo=bar; baz":             {wait: 10 * time.Second},
		`handling=lenient, , wait=3,`:       {wait: 3 * time.Second},
		`x="a, wait=9", wait=3`:             {wait: 3 * time.Second},
		`x="a\", wait=9", wait=3`:           {wait: 3 * time.Second},
		`x; y="wait=9, wait=8", wait=3`:     {wait: 3 * time.Second},
		"wait=3, wait=9\nwait=8":            {wait: 3 * time.Second},
		"wait=soon, wait=9":                 {},
		"wait":                              {},
		`wait=""`:                           {},
		"wait=0":                            {},
		"wait=-1":                           {},
		"wait=1.5":                          {},
		"wait=+1":                           {},
		"wait=1 0":                          {},
		`wait="10`:                          {},
		`wait="10"0`:                        {},
		`wait="10\`:                         {},
		"wait=0010":                         {wait: 10 * time.Second},
		"wait=9223372036":                   {wait: 9223372036 * time.Second},
		"wait=9223372037":                   {wait: math.MaxInt64},
		"wait=99999999999999999999":         {wait: math.MaxInt64},
		"respond-asynchronously, waiting=1": {},
		"=5, ;, \", wait=4":                 {},
	} {
		if got := preferencesOf(http.Header{"Prefer": strings.Split(header, "\n")}); got != want {
			t.Errorf("Prefer: %q is read as %+v, want %+v", header, got, want)
		}
	}
}

// A preference is read alike whatever stands around it, as long as that is whole.
func FuzzPreferences(f *testing.F) {
	for _, s := range []string{"", "wait=10", `a="b, c";d, respond-async`, `x="\""`, "wait=1;wait=2", "=,;", `"`, `\`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		alone := preferencesOf(http.Header{"Prefer": {text}})
		if alone.wait < 0 {
			t.Fatalf("%q waits for %s", text, alone.wait)
		}
		lines := preferencesOf(http.Header{"Prefer": {`x="y, z"`, text, "respond-async; a"}})
		if lines.wait != alone.wait || !lines.respondAsync {
			t.Errorf("%q is read as %+v, in the midst of others as %+v", text, alone, lines)
		}
		before := preferencesOf(http.Header{"Prefer": {"wait=7," + text}})
		if before.wait != 7*time.Second || before.respondAsync != alone.respondAsync {
			t.Errorf("behind wait=7, %q is read as %+v, alone as %+v", text, before, alone)
		}
	})
}
