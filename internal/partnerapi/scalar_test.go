package partnerapi_test

import (
	"testing"

	"parley/internal/partnerapi"
)

func TestAppendJSON(t *testing.T) {
	t.Parallel()
	member := func(object, name string) *partnerapi.Type {
		m, ok := partnerapi.Lookup(object).Member(name)
		if !ok {
			t.Fatalf("%s has no %s", object, name)
		}
		return m.Type
	}
	for _, c := range []struct {
		of         *partnerapi.Type
		text, want string
	}{
		{nil, " 5 ", `" 5 "`},
		{nil, "", `""`},
		{member("List", "ListName"), " a\n", `" a\n"`},
		{member("Subscriber", "Status"), "Active", `"Active"`},
		{member("Subscriber", "UnsubscribedDate"), "2026-12-01T08:00:00Z", `"2026-12-01T08:00:00Z"`},
		{member("APIObject", "ID"), "\n +007 ", `7`},
		{member("APIObject", "ID"), "-2147483648", `-2147483648`},
		{member("APIObject", "ID"), "2147483648", `"2147483648"`},
		{member("APIObject", "ID"), "1.0", `"1.0"`},
		{member("APIObject", "ID"), "1_0", `"1_0"`},
		{member("APIObject", "ID"), "", `""`},
		{member("ClientID", "EnterpriseID"), "9007199254740991", `9007199254740991`},
		{member("ClientID", "EnterpriseID"), "9007199254740992", `"9007199254740992"`},
		{member("ClientID", "EnterpriseID"), "-9007199254740992", `"-9007199254740992"`},
		{member("CreateOptions", "Priority"), "127", `127`},
		{member("CreateOptions", "Priority"), "128", `"128"`},
		{member("AsyncResponse", "IncludeResults"), " 1 ", `true`},
		{member("AsyncResponse", "IncludeResults"), "false", `false`},
		{member("AsyncResponse", "IncludeResults"), "True", `"True"`},
		{member("CreateOptions", "Client"), "text where elements should be", `"text where elements should be"`},
	} {
		if got := string(c.of.AppendJSON(nil, c.text)); got != c.want {
			t.Errorf("%q is %s, want %s", c.text, got, c.want)
		}
	}
}

// A number of JSON stands for the number in the XML, or there is none.
func TestAppendJSONNumbers(t *testing.T) {
	t.Parallel()
	score, _ := partnerapi.Lookup("ValidationResult").Member("Score")
	for text, want := range map[string]string{
		"0": "0", "-0": "-0", "1.50": "1.5", "+2": "2", ".5": "0.5", "5.": "5", "0.1": "0.1", "1e3": "1000", "1E+21": "1e+21", "00.10": "0.1",
		"123456789.123456789": `"123456789.123456789"`, // more than a float64 holds
		"1e400":               `"1e400"`,
		"1e-400":              `"1e-400"`,
		"INF":                 `"INF"`, "-INF": `"-INF"`, "NaN": `"NaN"`, "inf": `"inf"`, "0x1p4": `"0x1p4"`, "": `""`, "1,5": `"1,5"`, ".": `"."`, "1e99999999999": `"1e99999999999"`,
	} {
		if got := string(score.Type.AppendJSON(nil, text)); got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
}
