package partnerapi_test

import (
	"encoding/xml"
	"testing"

	"parley/internal/partnerapi"
	parleyv1 "parley/schemas/parley/v1"
)

// Whatever the properties of an object are, what is written of it is XML.
func FuzzAppendObject(f *testing.F) {
	f.Add("DataExtensionObject", []byte(`{"Name":"Ann","Gone":null,"@Keys":{"Key":[{"Name":"Id","Value":"7"}]}}`))
	f.Add("Subscriber", []byte(`{"Attributes":[{"Name":"a","@type":"NullAPIProperty","@id":1,"@@type":"x","#text":"t"}],"Client":[[1],{}]}`))
	f.Add("a b", []byte(`{"":1,"1st":"\u0000","xml:x":[null],"@type":2,"@a b":3}`))
	f.Add("", []byte(`[1`))
	f.Fuzz(func(t *testing.T, name string, properties []byte) {
		for _, extent := range []partnerapi.Extent{partnerapi.WholeObject, partnerapi.BaseOnly} {
			text := partnerapi.AppendObject(nil, &parleyv1.Object{Type: name, Properties: properties}, "Object", extent)
			document := `<a xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">` + string(text) + `</a>`
			if err := xml.Unmarshal([]byte(document), new(struct{})); err != nil {
				t.Errorf("%v in %s", err, document)
			}
		}
	})
}
