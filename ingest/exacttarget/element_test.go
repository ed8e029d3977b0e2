package exacttarget_test

import (
	"net/http"
	"testing"

	"parley/ingest/soap"
	"parley/internal/partnerapi"
	parleyv1 "parley/schemas/parley/v1"
)

// element reads an element of the partner API, with prefixes as clients have them.
func element(t testing.TB, text string) *soap.Element {
	t.Helper()
	r, err := soap.Decode(http.Header{}, []byte(`<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><all xmlns="`+partnerapi.Namespace+
		`" xmlns:par="`+partnerapi.Namespace+`" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">`+text+`</all></e:Body></e:Envelope>`))
	if err != nil || len(r.Body.Children) != 1 {
		t.Fatalf("%d elements, %v in %s", len(r.Body.Children), err, text)
	}
	return &r.Body.Children[0]
}

// sameContent says whether calls of one object ask for the same.
func sameContent(t *testing.T, x, y *parleyv1.Object) bool {
	t.Helper()
	of := func(o *parleyv1.Object) *parleyv1.Call { return &parleyv1.Call{Objects: []*parleyv1.Object{o}} }
	return content(t, of(x)) == content(t, of(y))
}
