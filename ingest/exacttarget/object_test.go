package exacttarget_test

import (
	"encoding/xml"
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"parley/ingest/exacttarget"
	"parley/ingest/soap"
	"parley/internal/partnerapi"
	parleyv1 "parley/schemas/parley/v1"
)

func TestObject(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		xml  string
		want *parleyv1.Object
	}{
		"nothing but a type": {`<Objects xsi:type="List"/>`, &parleyv1.Object{Type: "List"}},
		"no type":            {`<Objects><A/></Objects>`, &parleyv1.Object{Properties: []byte(`{"A":""}`)}},
		"a type with a prefix, keys, values": {
			`<Objects xsi:type="par:Subscriber">
				<Client><ID>5</ID></Client><PartnerKey xsi:nil="true"/><ModifiedDate xsi:nil="true"/><ID>7</ID><ObjectID/> <CustomerKey> c </CustomerKey>
				<CorrelationID>a</CorrelationID><EmailAddress> x@example.com</EmailAddress><SubscriberKey>s</SubscriberKey><Status>Active</Status>
			</Objects>`,
			&parleyv1.Object{
				Type: "Subscriber", Id: "7", CustomerKey: "c", CorrelationId: "a", SubscriberKey: "s",
				Properties: []byte(`{"Client":{"ID":5},"ModifiedDate":null,"EmailAddress":" x@example.com","Status":"Active"}`),
			},
		},
		"what may stand there repeatedly is an array": {
			`<Objects xsi:type="TriggeredSend"><Attributes><Name>a</Name><Value>1</Value></Attributes><Subscribers><SubscriberKey>s</SubscriberKey><Attributes><Name>a</Name></Attributes></Subscribers>
			<Attributes><Name>b</Name><Value/></Attributes><TriggeredSendDefinition><CustomerKey>d</CustomerKey></TriggeredSendDefinition></Objects>`,
			&parleyv1.Object{Type: "TriggeredSend", Properties: []byte(
				`{"Attributes":[{"Name":"a","Value":"1"},{"Name":"b","Value":""}],"Subscribers":[{"SubscriberKey":"s","Attributes":[{"Name":"a"}]}],"TriggeredSendDefinition":{"CustomerKey":"d"}}`,
			)},
		},
		"columns": {
			`<Objects xsi:type="DataExtensionObject"><CustomerKey>de</CustomerKey><Client><ID>5</ID></Client><Properties><Property><Value>Ann</Value><Name>Name</Name></Property>
				<Property xsi:type="NullAPIProperty"><Name>Null</Name><Value/></Property><Property><Name>Absent</Name></Property><Property><Name>Nil</Name><Value xsi:nil="1"/></Property>
				<Property xsi:type="APIProperty"><Name>Client</Name><Value> 7</Value></Property><Property><Name>Twice</Name><Value>1</Value></Property><Property><Name>Twice</Name><Value>2</Value></Property></Properties>
				<Name>Customers</Name><Keys><Key><Name>Id</Name><Value>7</Value></Key></Keys></Objects>`,
			&parleyv1.Object{Type: "DataExtensionObject", CustomerKey: "de", Properties: []byte(
				`{"@Client":{"ID":5},"Name":"Ann","Null":null,"Absent":null,"Nil":null,"Client":" 7","Twice":["1","2"],"@Name":"Customers","@Keys":{"Key":[{"Name":"Id","Value":"7"}]}}`,
			)},
		},
		"columns that are none": {
			`<Objects xsi:type="DataExtensionObject" x="1"><Properties><Property><Name>@a</Name><Value>1</Value></Property></Properties></Objects>`,
			&parleyv1.Object{Type: "DataExtensionObject", Properties: []byte(`{"@@x":"1","@Properties":{"Property":[{"Name":"@a","Value":"1"}]}}`)},
		},
		"columns that are none, and more": {
			`<Objects xsi:type="DataExtensionObject"><Properties><Property><Name>a</Name><More/></Property>t</Properties></Objects>`,
			&parleyv1.Object{Type: "DataExtensionObject", Properties: []byte(`{"@Properties":{"Property":[{"Name":"a","More":""}],"#text":"t"}}`)},
		},
		"types in it, and attributes": {
			`<Objects xsi:type="ImportDefinition" type="x"><DestinationObject xsi:type="par:DataExtension" id="7"><CustomerKey>k</CustomerKey><Fields/></DestinationObject>
			<FieldMappingType xsi:type="xsd:string">M</FieldMappingType><Notification xsi:type="AsyncResponse"><IncludeResults>1</IncludeResults></Notification><Owner xsi:type="Strange"><A/></Owner></Objects>`,
			&parleyv1.Object{Type: "ImportDefinition", Properties: []byte(
				`{"@@type":"x","DestinationObject":{"@type":"DataExtension","@id":"7","CustomerKey":"k","Fields":{}},"FieldMappingType":"M","Notification":{"IncludeResults":true},"Owner":{"@type":"Strange","A":""}}`,
			)},
		},
		"what the schema does not know": {
			`<Objects xsi:type="Order"><CustomerKey>k</CustomerKey><SubscriberKey>s</SubscriberKey><Total currency="EUR">5</Total><Lines><Line>1</Line><Line>2</Line> and text</Lines><Client/><ID>x</ID></Objects>`,
			&parleyv1.Object{Type: "Order", CustomerKey: "k", Id: "x", Properties: []byte(`{"SubscriberKey":"s","Total":{"@currency":"EUR","#text":"5"},"Lines":{"Line":["1","2"],"#text":" and text"},"Client":{}}`)},
		},
		"what is not as the schema has it": {
			`<Objects xsi:type="Subscriber"><Client>none</Client><ID>7</ID><ID>8</ID><Owner><Client x="1">t</Client></Owner><CustomerKey lang="en">k</CustomerKey><EmailAddress><b>bold</b></EmailAddress></Objects>`,
			&parleyv1.Object{Type: "Subscriber", Id: "7", Properties: []byte(
				`{"Client":"none","ID":8,"Owner":{"Client":{"@x":"1","#text":"t"}},"CustomerKey":{"@lang":"en","#text":"k"},"EmailAddress":{"b":"bold"}}`,
			)},
		},
	} {
		e := element(t, c.xml)
		got := exacttarget.Object(e)
		if !proto.Equal(got, c.want) {
			t.Errorf("%s:\n%s, want\n%s", name, got, c.want)
			continue
		}
		again := element(t, string(partnerapi.AppendObject(nil, got, "Objects", partnerapi.WholeObject)))
		if back := exacttarget.Object(again); !sameContent(t, back, got) {
			t.Errorf("%s: written and read again it is\n%s, was\n%s", name, back, got)
		}
	}
}

// However many members there are, those of one name are an array.
func TestManyMembers(t *testing.T) {
	t.Parallel()
	for _, form := range []struct{ begin, member, end string }{
		{`<Objects xsi:type="Order">`, `<C%d>%s</C%[1]d>`, `</Objects>`},
		{`<Objects xsi:type="DataExtensionObject"><Properties>`, `<Property><Name>C%d</Name><Value>%s</Value></Property>`, `</Properties></Objects>`},
	} {
		for _, n := range []int{1, 15, 16, 17, 40} {
			text, want := form.begin, ""
			for _, value := range []string{"a", "b"} {
				for i := range n {
					text += fmt.Sprintf(form.member, i, value)
				}
			}
			for i := range n {
				want += fmt.Sprintf(`,"C%d":["a","b"]`, i)
			}
			if got := string(exacttarget.Object(element(t, text+form.end)).Properties); got != "{"+want[1:]+"}" {
				t.Errorf("%d: %s, want %s", n, got, want)
			}
		}
	}
}

func TestMembers(t *testing.T) {
	t.Parallel()
	e := element(t, `<Options><SaveOptions><SaveOption><PropertyName>*</PropertyName><SaveAction>UpdateAdd</SaveAction></SaveOption></SaveOptions><Client><ID>5</ID></Client><Priority>3</Priority><Other>x</Other></Options>`)
	if got, want := string(exacttarget.Members(e, "CreateOptions")), `{"SaveOptions":{"SaveOption":[{"PropertyName":"*","SaveAction":"UpdateAdd"}]},"Client":{"ID":5},"Priority":3,"Other":"x"}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// Objects that the schema knows, and all that a client may make of them, are the same objects when they have been written and read again.
func TestObjectsComeBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		o := someObject(r)
		text := string(partnerapi.AppendObject(nil, exacttarget.Object(o), "Objects", partnerapi.WholeObject))
		if want, got := exacttarget.Object(o), exacttarget.Object(element(t, text)); !sameContent(t, got, want) {
			t.Fatalf("%+v is\n%s, and written and read again\n%s, by\n%s", o, want, got, text)
		}
	})
}

// someObject is an element as a client could have sent it.
func someObject(r *rapid.T) *soap.Element {
	types := []string{"Order", "Subscriber", "TriggeredSend", "DataExtensionObject", "List", "EmailSendDefinition", "ImportDefinition"}
	e := someElement(r, partnerapi.Member{Name: "Objects", Type: partnerapi.TypeOf(rapid.SampledFrom(types).Draw(r, "type"))}, 4)
	e.Type = xml.Name{Space: partnerapi.Namespace, Local: rapid.SampledFrom(types).Draw(r, "type named")}
	return e
}

// someElement is one of a declared type, or something else in its place.
func someElement(r *rapid.T, m partnerapi.Member, depth int) *soap.Element {
	e := &soap.Element{Name: xml.Name{Space: partnerapi.Namespace, Local: m.Name}}
	if rapid.IntRange(0, 15).Draw(r, "nil") == 0 {
		e.Nil = true
		return e
	}
	if rapid.IntRange(0, 9).Draw(r, "attributes") == 0 {
		e.Attrs = []xml.Attr{{Name: xml.Name{Local: rapid.SampledFrom([]string{"type", "id", "x"}).Draw(r, "attribute")}, Value: rapid.StringMatching(`[ -~é\n]{0,4}`).Draw(r, "value")}}
	}
	if rapid.IntRange(0, 9).Draw(r, "types") == 0 {
		e.Type = xml.Name{Space: partnerapi.Namespace, Local: rapid.SampledFrom([]string{"DataExtension", "NullAPIProperty", "Strange"}).Draw(r, "type")}
	}
	complexType := m.Type != nil && m.Type.Kind == partnerapi.Complex
	if depth == 0 || !complexType && rapid.IntRange(0, 9).Draw(r, "text") > 0 {
		e.Text = rapid.OneOf(rapid.StringMatching(`[ -~]{0,8}`), rapid.SampledFrom([]string{"true", "0", "7", " 7", "007", "1.5", "2026-12-01T08:00:00Z", "Active"})).Draw(r, "text")
		return e
	}
	members := []partnerapi.Member{{Name: "Unheard"}, {Name: "Name"}, {Name: "Value"}}
	if complexType {
		members = append(members, m.Type.Members...)
	}
	for _, of := range rapid.SliceOfN(rapid.SampledFrom(members), 0, 5).Draw(r, "members") {
		e.Children = append(e.Children, *someElement(r, of, depth-1))
	}
	return e
}
