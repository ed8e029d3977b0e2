package partnerapitest_test

import (
	"strings"
	"testing"

	"parley/internal/partnerapi"
	"parley/internal/partnerapi/partnerapitest"
)

const (
	declarations = ` xmlns="` + partnerapi.Namespace + `" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"`
	retrieved    = `<OverallStatus>OK</OverallStatus><Results xsi:type="ResultItem"><PartnerKey xsi:nil="true"/><StatusCode>OK</StatusCode><StatusMessage/></Results>`
)

func TestCheck(t *testing.T) {
	t.Parallel()
	in := func(body string) string {
		return `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><RetrieveResponseMsg` + declarations + `>` + body + `</RetrieveResponseMsg></soap:Body></soap:Envelope>`
	}
	for document, want := range map[string]string{ // empty: it is right
		in(retrieved): "",
		`<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><soap:Fault/></soap:Body></soap:Envelope>`: "",
		`<a/>`:                        "no element of the schema",
		`<a`:                          "read XML",
		`<Else` + declarations + `/>`: "no element Else",
		in(``):                        "OverallStatus stands there 0 times",
		in(`<OverallStatus>OK</OverallStatus><OverallStatus>OK</OverallStatus>`):                                                "OverallStatus stands there 2 times",
		in(`<RequestID>a</RequestID>` + retrieved):                                                                              "it stands behind RequestID",
		in(retrieved + `<More/>`):                                                                                               "no such member",
		in(retrieved + `text`):                                                                                                  "it holds text",
		in(`<OverallStatus xmlns="urn:x">OK</OverallStatus>`):                                                                   `its namespace is "urn:x"`,
		in(`<OverallStatus a="b">OK</OverallStatus>`):                                                                           "no attribute a",
		in(`<OverallStatus><a/></OverallStatus>`):                                                                               "it holds elements",
		in(`<OverallStatus xsi:nil="true"/>`):                                                                                   "it may not be nil",
		in(strings.ReplaceAll(retrieved, `"true"/>`, `"true">a</PartnerKey>`)):                                                  "it is nil and holds something",
		in(strings.ReplaceAll(retrieved, `ResultItem`, `CreateResult`)):                                                         "no type that extends APIObject",
		in(strings.ReplaceAll(retrieved, `ResultItem`, `par:ResultItem`)):                                                       "no type that extends APIObject",
		in(strings.ReplaceAll(retrieved, `</Results>`, `<OrdinalID>x</OrdinalID></Results>`)):                                   `"x" is no int`,
		in(strings.ReplaceAll(retrieved, `<PartnerKey xsi:nil="true"/>`, `<CreatedDate>today</CreatedDate>`)):                   `"today" is no dateTime`,
		in(strings.ReplaceAll(retrieved, `</Results>`, `<RequestType>Sometimes</RequestType></Results>`)):                       `"Sometimes" is no RequestType`,
		`<VersionInfoRequestMsg` + declarations + `><IncludeVersionHistory>yes</IncludeVersionHistory></VersionInfoRequestMsg>`: `"yes" is no boolean`,
	} {
		err := partnerapitest.Check([]byte(document))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s\n%v, want %q", document, err, want)
		}
	}
}
