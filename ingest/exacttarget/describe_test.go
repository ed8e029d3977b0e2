package exacttarget

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/ingest/soap"
	"parley/internal/partnerapi"
	"parley/schemas"
)

func describe(t testing.TB, types ...string) ([]byte, error) {
	t.Helper()
	b := `<DefinitionRequestMsg><DescribeRequests>`
	for _, name := range types {
		b += `<ObjectDefinitionRequest><Client/><ObjectType>` + name + `</ObjectType></ObjectDefinitionRequest>`
	}
	return Describe(element(t, b+`<ObjectDefinitionRequest xsi:nil="true"/></DescribeRequests></DefinitionRequestMsg>`))
}

func described(t testing.TB, types ...string) []*soap.Element {
	t.Helper()
	answer, err := describe(t, types...)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Collect(conforms(t, answer).All("ObjectDefinition"))
}

// Who retrieves all that Describe calls retrievable is not refused, and finds it by what it calls filterable.
func TestDescribeResults(t *testing.T) {
	t.Parallel()
	for _, name := range []string{resultItem, resultMessage} {
		d := described(t, name)[0]
		if d.Child("IsRetrievable").Value() != "true" || d.Child("IsCreatable").Value() != "false" {
			t.Errorf("%s: %+v", name, d)
		}
		ask := `<ObjectType>` + name + `</ObjectType>`
		for p := range d.All("Properties") {
			member := p.Child("Name").Value()
			if p.Child("IsRetrievable").Value() == "true" {
				ask += `<Properties>` + member + `</Properties>`
			}
			_, err := ReadRetrieve(element(t, retrieve(`<ObjectType>`+name+`</ObjectType>`+simple(member, "isNull", ""))))
			if filterable := p.Child("IsFilterable").Value() == "true"; filterable != (err == nil) {
				t.Errorf("%s is filterable: %t, but %v", member, filterable, err)
			}
		}
		q := mustRead(t, ask)
		if len(q.Properties) < 10 {
			t.Errorf("%s has %v", name, q.Properties)
		}
		answerOf(t, q, ended(1, schemas.OK, schemas.OK))
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	all := described(t, "Subscriber", "NoSuchType", "Options", "")
	if len(all) != 3 {
		t.Fatalf("%d definitions", len(all))
	}
	if d := all[0]; d.Child("IsCreatable").Value() != "true" || d.Child("IsRetrievable").Value() != "false" || d.Child("Name").Value() != "Subscriber" {
		t.Errorf("%+v", d)
	}
	for _, d := range all[1:] {
		if len(d.Children) != 1 {
			t.Errorf("of what is no object is told %+v", d)
		}
	}
	for ty := range partnerapi.Objects() {
		d := described(t, ty.Name)[0]
		if got := len(slices.Collect(d.All("Properties"))); got != len(ty.Members) {
			t.Errorf("%s has %d properties, want %d", ty.Name, got, len(ty.Members))
		}
	}
	if len(described(t)) != 0 {
		t.Error("nothing is described at length")
	}
	_, err := describe(t, strings.Split(strings.Repeat("List,", describedMax)+"List", ",")...)
	if p, ok := errors.AsType[*schemas.Problem](err); !ok || p.Code != schemas.InvalidParameter {
		t.Error(err)
	}
	described(t, strings.Split(strings.Repeat("List,", describedMax), ",")...)
}

func TestSystemStatus(t *testing.T) {
	t.Parallel()
	for status, want := range map[SystemStatus]string{
		{}:                               "OK",
		{InMaintenance: 2}:               "InMaintenance",
		{Unplanned: 1}:                   "UnplannedOutage",
		{InMaintenance: 1, Unplanned: 1}: "UnplannedOutage",
	} {
		a := conforms(t, status.Answer())
		r := a.Child("Results").Child("Result")
		if got := r.Child("SystemStatus").Value(); got != want || a.Child("OverallStatus").Value() != "OK" || r.Child("StatusMessage").Value() != "System Status Retrieved" {
			t.Errorf("%+v: %+v", status, a)
		}
		if got := len(slices.Collect(r.Child("Outages").All("Outage"))); got != status.InMaintenance+status.Unplanned {
			t.Errorf("%+v: %d outages", status, got)
		}
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	v := Version{Name: "v1.2.3", Date: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)}
	for asked, want := range map[string]int{"": 0, "false": 0, "0": 0, "true": 1, "1": 1} {
		a := conforms(t, v.Answer(element(t, `<VersionInfoRequestMsg><IncludeVersionHistory>`+asked+`</IncludeVersionHistory></VersionInfoRequestMsg>`)))
		info := a.Child("VersionInfo")
		if got := len(slices.Collect(info.All("VersionHistory"))); got != want || info.Child("Version").Value() != "v1.2.3" || info.Child("VersionDate").Value() != "2026-11-23T00:00:00.000Z" {
			t.Errorf("%q: %+v", asked, info)
		}
	}
	unknown := conforms(t, Version{Name: "(unknown)"}.Answer(element(t, `<VersionInfoRequestMsg/>`)))
	if got := unknown.Child("VersionInfo").Child("VersionDate").Value(); got != "1970-01-01T00:00:00.000Z" {
		t.Error(got)
	}
}
