package exacttarget_test

import (
	"net/http"
	"testing"

	"parley/ingest/exacttarget"
	"parley/ingest/soap"
	"parley/internal/partnerapi"
	"parley/internal/partnerapi/partnerapitest"
	"parley/schemas"
)

// asked is what an envelope around an operation asks; false: it cannot be read.
func asked(operation string) (soap.Request, bool) {
	r, err := soap.Decode(http.Header{}, []byte(`<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns="`+
		partnerapi.Namespace+`"><s:Body>`+operation+`</s:Body></s:Envelope>`))
	return r, err == nil
}

// Whatever a request says, it is refused as the schema has it, or is a call whose objects, when they are written and read again, are
// written alike.
func FuzzObjects(f *testing.F) {
	f.Add(`<CreateRequest><Options><RequestType>Asynchronous</RequestType><ConversationID>c</ConversationID><SaveOptions><SaveOption a="b">t<PropertyName>*</PropertyName></SaveOption></SaveOptions></Options>` +
		`<Objects xsi:type="Subscriber"><Client><ID>7</ID></Client><SubscriberKey>s</SubscriberKey><Attributes><Name>n</Name><Value xsi:nil="true"/></Attributes></Objects></CreateRequest>`)
	f.Add(`<UpdateRequest x="y"><z/><Options a="b"><SendResponseTo><ResponseType>HTTPPost</ResponseType><IncludeResults>1</IncludeResults></SendResponseTo></Options>` +
		`<Objects xsi:type="DataExtensionObject"><CustomerKey>k</CustomerKey><Type>t</Type><Properties><Property><Name>a</Name><Value>1</Value></Property><Property xsi:type="NullAPIProperty"><Name>b</Name></Property></Properties><Keys/></Objects></UpdateRequest>`)
	f.Add(`<PerformRequestMsg><Action>start</Action><Definitions><Definition xsi:type="ImportDefinition"><type xmlns:a="u" a:x="1" x="2">t<a/>u</type></Definition></Definitions></PerformRequestMsg>`)
	f.Add(`<DeleteRequest><Options><CorrelationID>c</CorrelationID><ScheduledTime>2026-12-01T08:00:00</ScheduledTime></Options><Objects xsi:type="_"><CustomerKey a="b"> </CustomerKey><a><![CDATA[ ]]></a></Objects></DeleteRequest>`)
	for _, inner := range []string{
		`<a xmlns:u="u" xmlns:v="v" u:x="1" v:x="2"/>`,
		`<a type="1" nil="2"/><a xsi:type="xsi:b" type="c">t</a><a xsi:nil="true" b="c">t</a>`,
		`<CustomerKey>1</CustomerKey><CustomerKey>2</CustomerKey><CustomerKey><a/></CustomerKey><CustomerKey xsi:nil="1"/>`,
		`<ID>x</ID><ID/><CreatedDate>yesterday</CreatedDate><Client>t<ID>1</ID>u<ID>2</ID></Client><Owner> </Owner>`,
		`<Properties a="b"><Property><Name>@a</Name></Property></Properties><Properties>t</Properties><Properties/>`,
		`<Properties><Property><Name>a</Name><Value>1</Value></Property><Property><Name>a</Name></Property><Property><Name> b </Name><Value> x </Value></Property></Properties><type>t</type><Name>n</Name>`,
		`<Properties><Property><Name></Name><Value>1</Value></Property><Other/></Properties><_x0040_a>1</_x0040_a>`,
		`<Attributes>t</Attributes><Attributes/><Lists><ID>1.0</ID><Status xsi:type="Other">x</Status></Lists><EmailTypePreference xsi:nil="true">HTML</EmailTypePreference>`,
		"<PartnerKey>\r\n&#13;\t</PartnerKey><a>]]&gt;&#xFFFD;</a>",
	} {
		for _, name := range []string{"Subscriber", "DataExtensionObject", "Unknown", ""} {
			f.Add(`<CreateRequest><Objects xsi:type="` + name + `">` + inner + `</Objects></CreateRequest>`)
			f.Add(`<CreateRequest><Options>` + inner + `</Options><Objects>` + inner + `</Objects></CreateRequest>`)
		}
	}
	f.Fuzz(func(t *testing.T, operation string) {
		r, ok := asked(operation)
		if !ok {
			return
		}
		if _, p := exacttarget.Scheduled(&r.Body, schemas.DefaultLimits()); p != nil && p.Detail == "" {
			t.Errorf("%+v", p)
		}
		call, p := exacttarget.Call(&r.Body, now)
		if p != nil {
			if err := partnerapitest.Check(exacttarget.Refused(exacttarget.CreateRequest, p)); err != nil {
				t.Errorf("%s is refused by %v", operation, err)
			}
			return
		}
		for _, o := range call.Objects {
			written := string(partnerapi.AppendObject(nil, o, "Objects", partnerapi.WholeObject))
			r, ok := asked(written)
			if !ok {
				t.Fatalf("%v is written as %s", o, written)
			}
			if twice := string(partnerapi.AppendObject(nil, exacttarget.Object(&r.Body), "Objects", partnerapi.WholeObject)); twice != written {
				t.Errorf("%v is written as\n%s\nand that as\n%s", o, written, twice)
			}
		}
	})
}

// Whatever is asked of what was recorded, or of the schema, the answer is as the schema has it.
func FuzzQuestions(f *testing.F) {
	f.Add(`<RetrieveRequestMsg><RetrieveRequest><ObjectType>ResultItem</ObjectType><Properties>RequestID</Properties><Filter xsi:type="ComplexFilterPart"><LeftOperand xsi:type="SimpleFilterPart"><Property>StatusMessage</Property>` +
		`<SimpleOperator>like</SimpleOperator><Value>%a_</Value></LeftOperand><LogicalOperator>OR</LogicalOperator><RightOperand xsi:type="SimpleFilterPart"><Property>CreatedDate</Property><SimpleOperator>between</SimpleOperator>` +
		`<DateValue>2026-01-01</DateValue><DateValue>2027-01-01T00:00:00Z</DateValue></RightOperand></Filter><Options><BatchSize>1</BatchSize></Options></RetrieveRequest></RetrieveRequestMsg>`)
	f.Add(`<RetrieveRequestMsg><RetrieveRequest><ObjectType>ResultMessage</ObjectType><Properties>ResultDetailXML</Properties><ContinueRequest>e30</ContinueRequest></RetrieveRequest></RetrieveRequestMsg>`)
	f.Add(`<DefinitionRequestMsg><DescribeRequests><ObjectDefinitionRequest><ObjectType>ResultItem</ObjectType></ObjectDefinitionRequest></DescribeRequests></DefinitionRequestMsg>`)
	f.Add(`<ExtractRequestMsg><Requests><ID>AsyncResults</ID><Parameters><Parameter><Name>from</Name><Value>2026-01-01</Value></Parameter><Parameter><Name>format</Name><Value>CSV</Value></Parameter></Parameters></Requests></ExtractRequestMsg>`)
	f.Fuzz(func(t *testing.T, operation string) {
		r, ok := asked(operation)
		if !ok {
			return
		}
		q, err := exacttarget.ReadRetrieve(&r.Body)
		answer, refused := exacttarget.RetrieveRefused(err)
		if !refused {
			if _, err := q.Plan(); err != nil {
				answer, _ = exacttarget.RetrieveRefused(err)
			} else {
				page := exacttarget.NewPage(q)
				page.AddCall(&schemas.CallResource{
					RequestID: "018f4c1e-7c1a-7b5e-9d55-0242ac120002", Method: "Create", Status: schemas.HasErrors,
					Results: []schemas.ResultResource{{Status: schemas.OK, ObjectType: "List"}, {Ordinal: 1, Status: schemas.Error, ErrorCode: "x", Message: "\x00<%"}},
				}, q.From)
				if answer, err = page.Answer(); err != nil {
					t.Fatal(err)
				}
			}
		}
		check(t, operation, answer)
		if answer, err = exacttarget.Describe(&r.Body); err == nil {
			check(t, operation, answer)
		}
		if all, p := exacttarget.ReadExtracts(&r.Body); p == nil {
			check(t, operation, exacttarget.ExtractsAnswer(all, "https://example.com/v1/extracts"))
		}
	})
}

func check(t *testing.T, operation string, answer []byte) {
	t.Helper()
	document := append([]byte(`<a xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">`), answer...)
	if err := partnerapitest.Check(append(document, "</a>"...)); err != nil {
		t.Errorf("%s is answered by\n%s\n%v", operation, answer, err)
	}
}
