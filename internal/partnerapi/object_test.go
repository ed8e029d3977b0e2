package partnerapi_test

import (
	"testing"

	"parley/internal/partnerapi"
	parleyv1 "parley/schemas/parley/v1"
)

func TestAppendObject(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		object *parleyv1.Object
		extent partnerapi.Extent
		want   string
	}{
		"nothing but a type": {
			&parleyv1.Object{Type: "List"}, partnerapi.WholeObject,
			`<Object xsi:type="List"/>`,
		},
		"members in the order of the schema, whatever theirs": {
			&parleyv1.Object{Type: "Subscriber", CustomerKey: "c", SubscriberKey: "s", CorrelationId: "a", Properties: []byte(
				`{"Attributes":[{"Value":"Ann","Name":"First"},{"Name":"Age","Value":7}],"EmailAddress":"x@example.com","Unheard":[true,{"Of":null}],"Client":{"ID":5}}`,
			)},
			partnerapi.WholeObject,
			`<Object xsi:type="Subscriber"><Client><ID>5</ID></Client><CustomerKey>c</CustomerKey><CorrelationID>a</CorrelationID><EmailAddress>x@example.com</EmailAddress>` +
				`<Attributes><Name>First</Name><Value>Ann</Value></Attributes><Attributes><Name>Age</Name><Value>7</Value></Attributes><SubscriberKey>s</SubscriberKey>` +
				`<Unheard>true</Unheard><Unheard><Of xsi:nil="true"/></Unheard></Object>`,
		},
		"the members of each object alone": {
			&parleyv1.Object{Type: "Subscriber", CustomerKey: "c", SubscriberKey: "s", Properties: []byte(`{"EmailAddress":"x@example.com","Client":{"ID":5}}`)},
			partnerapi.BaseOnly,
			`<Object xsi:type="Subscriber"><Client><ID>5</ID></Client><CustomerKey>c</CustomerKey></Object>`,
		},
		"columns": {
			&parleyv1.Object{Type: "DataExtensionObject", CustomerKey: "de", Properties: []byte(
				`{"Name":"Ann & Co","Gone":null,"Type":1.50,"@Name":"Customers","@Keys":{"Key":[{"Name":"Id","Value":"7"}]},"Tags":["a","b"]}`,
			)},
			partnerapi.WholeObject,
			`<Object xsi:type="DataExtensionObject"><CustomerKey>de</CustomerKey><Properties><Property><Name>Name</Name><Value>Ann &amp; Co</Value></Property>` +
				`<Property xsi:type="NullAPIProperty"><Name>Gone</Name><Value/></Property><Property><Name>Type</Name><Value>1.50</Value></Property>` +
				`<Property><Name>Tags</Name><Value>a</Value></Property><Property><Name>Tags</Name><Value>b</Value></Property></Properties>` +
				`<Name>Customers</Name><Keys><Key><Name>Id</Name><Value>7</Value></Key></Keys></Object>`,
		},
		"no columns among the members of each object": {
			&parleyv1.Object{Type: "DataExtensionObject", CustomerKey: "de", Properties: []byte(`{"Client":"a column","@Client":{"ID":5},"@Name":"Customers"}`)},
			partnerapi.BaseOnly,
			`<Object xsi:type="DataExtensionObject"><Client><ID>5</ID></Client><CustomerKey>de</CustomerKey></Object>`,
		},
		"types of what is in it": {
			&parleyv1.Object{Type: "ImportDefinition", Properties: []byte(`{"DestinationObject":{"@type":"DataExtension","Name":"n","CustomerKey":"k","#text":"t","@id":"7","@@type":"x"}}`)},
			partnerapi.WholeObject,
			`<Object xsi:type="ImportDefinition"><DestinationObject xsi:type="DataExtension" id="7" type="x"><CustomerKey>k</CustomerKey><Name>n</Name>t</DestinationObject></Object>`,
		},
		"a type that the schema does not know": {
			&parleyv1.Object{Type: "Order", Id: "9", SubscriberKey: "s", Properties: []byte(`{"Total":1e400,"Client":{"ID":1}}`)}, partnerapi.WholeObject,
			`<Object xsi:type="Order"><Client><ID>1</ID></Client><ID>9</ID><SubscriberKey>s</SubscriberKey><Total>1e400</Total></Object>`,
		},
		"names that XML cannot have": {
			&parleyv1.Object{Type: "a b", Properties: []byte(`{"":1,"first name":2,"1st":3,"xml:x":4,"größe":5,"@@":6,"@a b":7,"😀":8,"@c":{"#text":[9]}}`)}, partnerapi.WholeObject,
			`<Object xsi:type="a_x0020_b" _x0040_="6" a_x0020_b="7"><_x0000_>1</_x0000_><first_x0020_name>2</first_x0020_name><_x0031_st>3</_x0031_st>` +
				`<xml_x003a_x>4</xml_x003a_x><größe>5</größe><_x1f600_>8</_x1f600_><_x0040_c><_x0023_text>9</_x0023_text></_x0040_c></Object>`,
		},
		"attributes that would be there twice": {
			&parleyv1.Object{Type: "Order", Properties: []byte(`{"@type":"Other","@a b":1,"@a_x0020_b":2}`)}, partnerapi.WholeObject,
			`<Object xsi:type="Order" a_x0020_b="1"/>`,
		},
		"arrays of arrays": {
			&parleyv1.Object{Type: "Order", Properties: []byte(`{"A":[[1,2],[]]}`)}, partnerapi.WholeObject,
			`<Object xsi:type="Order"><A><A>1</A><A>2</A></A><A/></Object>`,
		},
		"properties that nobody accepts": {
			&parleyv1.Object{Type: "Order", Properties: []byte(`[1`)}, partnerapi.WholeObject,
			`<Object xsi:type="Order">[1</Object>`,
		},
	} {
		if got := string(partnerapi.AppendObject(nil, c.object, "Object", c.extent)); got != c.want {
			t.Errorf("%s:\n%s, want\n%s", name, got, c.want)
		}
	}
}
