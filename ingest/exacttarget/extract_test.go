package exacttarget

import (
	"strings"
	"testing"

	"parley/schemas"
)

// extract is an ExtractRequestMsg; each request is its ID, and the names and values of its parameters.
func extract(requests ...[]string) string {
	b := `<ExtractRequestMsg>`
	for _, r := range requests {
		b += `<Requests><ID>` + r[0] + `</ID><Options/><Parameters>`
		for i := 1; i < len(r); i += 2 {
			b += `<Parameter><Name>` + r[i] + `</Name><Value>` + r[i+1] + `</Value></Parameter>`
		}
		b += `</Parameters></Requests>`
	}
	return b + `</ExtractRequestMsg>`
}

func TestExtract(t *testing.T) {
	t.Parallel()
	all, p := ReadExtracts(element(t, extract(
		[]string{"AsyncResults", "from", "2026-12-01", "EndDate", "2026-12-02T00:00:00", "Format", "CSV", "ConversationID", "a&amp;b", "Status", ""},
		[]string{"asyncresults"},
		[]string{"bb94a04d-9632-4623-be47-daabc3f588a6"},
		[]string{"AsyncResults", "from", "yesterday"},
		[]string{"AsyncResults", "colour", "red"},
	)))
	if p != nil {
		t.Fatal(p)
	}
	a := conforms(t, ExtractsAnswer(all, "https://host/v1/extracts"))
	if got := list(a, "StatusCode"); got != "OK,OK,Error,Error,Error" || a.Child("OverallStatus").Value() != "Has Errors" || list(a, "OrdinalID") != "0,1,2,3,4" {
		t.Errorf("StatusCode %s: %+v", got, a)
	}
	messages := strings.Split(list(a, "StatusMessage"), "https://")
	const want = "host/v1/extracts?conversationId=a%26b&format=csv&from=2026-12-01T00%3A00%3A00.000Z&to=2026-12-02T00%3A00%3A00.000Z,"
	if messages[1] != want || !strings.Contains(messages[2], "AsyncResults") || !strings.Contains(messages[2], "from is a time") || !strings.Contains(messages[2], `no parameter "colour"`) {
		t.Errorf("messages %q", messages)
	}
	if got := conforms(t, ExtractsAnswer(all[:2], "x")).Child("OverallStatus").Value(); got != "OK" {
		t.Error(got)
	}
	if got := conforms(t, ExtractsAnswer(all[2:], "x")).Child("OverallStatus").Value(); got != "Error" {
		t.Error(got)
	}
}

func TestExtractBounds(t *testing.T) {
	t.Parallel()
	var most [][]string
	for range extractsMax {
		most = append(most, []string{AsyncResults})
	}
	if all, p := ReadExtracts(element(t, extract(most...))); p != nil || len(all) != extractsMax {
		t.Errorf("%d extracts, %v", len(all), p)
	}
	if _, p := ReadExtracts(element(t, extract(append(most, most[0])...))); p == nil || p.Code != schemas.TooManyObjects {
		t.Error(p)
	}
	if _, p := ReadExtracts(element(t, extract())); p == nil || p.Code != schemas.InvalidParameter {
		t.Error(p)
	}
}
