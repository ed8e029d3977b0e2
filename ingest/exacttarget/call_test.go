package exacttarget_test

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"google.golang.org/protobuf/proto"

	"parley/ingest/exacttarget"
	"parley/ingest/soap"
	"parley/internal/partnerapi"
	"parley/internal/samples"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

var now = time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC)

// The calls of the tour ask for the same by SOAP as in JSON, as far as XML can say it: what is no text and is not in the schema is
// text there, an object of which nothing is said has no properties, and the columns of a row are texts. Of the types that the schema
// knows, those alone have a SubscriberKey that have it there.
func TestCallsOfTheTour(t *testing.T) {
	t.Parallel()
	var lines bytes.Buffer
	if _, err := samples.Generate(&lines); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for line := range bytes.Lines(lines.Bytes()) {
		want, p := schemas.DecodeCall(line)
		if p != nil {
			t.Fatal(p)
		}
		for _, o := range want.Objects {
			sayable(t, o)
		}
		want.Options.RequestType, want.Options.FailOn = partnerapi.Asynchronous, string(schemas.FailOnError)
		got := read(t, envelopeOf(want))
		if !got.Soap {
			t.Fatal("it does not say that it came by SOAP")
		}
		for _, o := range got.Objects {
			o.Properties = asText(t, o.Properties)
		}
		if content(t, got) != content(t, want) {
			t.Errorf("got  %v\nwant %v", got, want)
		}
		seen++
	}
	if seen < 1000 {
		t.Errorf("%d calls", seen)
	}
}

// sayable makes of an object what XML can say of it.
func sayable(t testing.TB, o *parleyv1.Object) {
	t.Helper()
	if known := partnerapi.Lookup(o.Type); known != nil {
		if _, ok := known.Member("SubscriberKey"); !ok {
			o.SubscriberKey = ""
		}
	}
	properties := make(map[string]any)
	if len(o.Properties) > 0 {
		if err := json.Unmarshal(o.Properties, &properties); err != nil {
			t.Fatal(err)
		}
	}
	if o.Type == "DataExtensionObject" {
		delete(properties, "_backend")
	}
	o.Properties = nil
	if len(properties) > 0 {
		b, err := json.Marshal(text(properties))
		if err != nil {
			t.Fatal(err)
		}
		o.Properties = b
	}
}

// envelopeOf is a call as a client of the partner API sends it.
func envelopeOf(call *parleyv1.Call) []byte {
	name, element := call.Method+"Request", "Objects"
	if call.Method == "Perform" {
		name, element = "PerformRequestMsg", "Definition"
	}
	b := fmt.Appendf(nil, `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><s:Body><%s xmlns=%q>`, name, partnerapi.Namespace)
	o := call.Options
	b = fmt.Appendf(b, `<Options><ConversationID>%s</ConversationID><SequenceCode>%d</SequenceCode><CallsInConversation>%d</CallsInConversation><RequestType>%s</RequestType></Options>`,
		o.GetConversationId(), o.GetSequenceCode(), o.GetCallsInConversation(), o.RequestType)
	if call.Method == "Perform" {
		b = append(partnerapi.AppendElement(b, "Action", call.Action), `<Definitions>`...)
	}
	for _, o := range call.Objects {
		b = partnerapi.AppendObject(b, o, element, partnerapi.WholeObject)
	}
	if call.Method == "Perform" {
		b = append(b, `</Definitions>`...)
	}
	return fmt.Appendf(b, `</%s></s:Body></s:Envelope>`, name)
}

func read(t testing.TB, envelope []byte) *parleyv1.Call {
	t.Helper()
	r, err := soap.Decode(http.Header{}, envelope)
	if err != nil {
		t.Fatalf("%v in %s", err, envelope)
	}
	call, p := exacttarget.Call(&r.Body, now)
	if p != nil {
		t.Fatalf("%v in %s", p, envelope)
	}
	return call
}

// asText has text in the place of all numbers and truths of properties.
func asText(t testing.TB, properties []byte) []byte {
	t.Helper()
	if len(properties) == 0 {
		return nil
	}
	var v any
	if err := json.Unmarshal(properties, &v); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(text(v))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func text(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name := range v {
			v[name] = text(v[name])
		}
		return v
	case []any:
		for i := range v {
			v[i] = text(v[i])
		}
		return v
	case nil, string:
		return v
	}
	return fmt.Sprint(v)
}

func content(t testing.TB, call *parleyv1.Call) uint64 {
	t.Helper()
	c, err := schemas.Content(call)
	if err != nil {
		t.Fatalf("%v: %v", call, err)
	}
	return c
}

// What is not a member of a request, or of its options, goes with the call; nothing of it is lost.
func TestPropertiesOfOptions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ operation, want string }{
		{`<UpdateRequest><Options><SaveOptions><SaveOption><PropertyName>*</PropertyName><SaveAction>UpdateAdd</SaveAction></SaveOption></SaveOptions><Action>a</Action></Options></UpdateRequest>`,
			`{"SaveOptions":{"SaveOption":[{"PropertyName":"*","SaveAction":"UpdateAdd"}]},"Action":"a"}`},
		{`<CreateRequest><Options><Client><ID>7</ID></Client><Container xsi:type="ContainerID"><APIObject xsi:type="List"><ID>3</ID></APIObject></Container><Priority>2</Priority></Options></CreateRequest>`,
			`{"Client":{"ID":7},"Container":{"APIObject":{"@type":"List","ID":3}},"Priority":2}`},
		{`<PerformRequestMsg><Options><Explanation>why</Explanation><Unheard><of>it</of></Unheard><CorrelationID>x</CorrelationID></Options><Definitions/></PerformRequestMsg>`,
			`{"Explanation":"why","Unheard":{"of":"it"},"CorrelationID":"x"}`},
		{`<CreateRequest><Trace on="1">t</Trace><Options/></CreateRequest>`, `{"@request":{"Trace":{"@on":"1","#text":"t"}}}`},
		{`<CreateRequest><Options><RequestType>Asynchronous</RequestType></Options></CreateRequest>`, ``},
		{`<DeleteRequest/>`, ``},
	} {
		call := read(t, []byte(`<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><s:Body xmlns="`+partnerapi.Namespace+`">`+tt.operation+`</s:Body></s:Envelope>`))
		want := proto.CloneOf(call)
		want.Options.Properties = []byte(tt.want)
		if len(call.Options.Properties) == 0 != (tt.want == "") || content(t, call) != content(t, want) {
			t.Errorf("%s: got %s, want %s", tt.operation, call.Options.Properties, tt.want)
		}
	}
}

// FuzzCall holds of whatever an envelope holds: a call is made of it that can be compared with others and be written as JSON, or it is
// said why not.
func FuzzCall(f *testing.F) {
	f.Add([]byte(`<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><Body><CreateRequest xmlns="` + partnerapi.Namespace + `"><Options><RequestType>Asynchronous</RequestType><ScheduledTime>2026-12-01T08:00:00.5</ScheduledTime><SequenceCode>1</SequenceCode><CorrelationID>x</CorrelationID><Client><ID>7</ID></Client>` +
		`<SendResponseTo><ResponseType>None</ResponseType><IncludeResults>1</IncludeResults></SendResponseTo></Options><Objects xsi:type="DataExtensionObject" a="b"><CustomerKey>k</CustomerKey><Properties><Property><Name>n</Name><Value>&#x1F600;"</Value></Property></Properties></Objects></CreateRequest></Body></Envelope>`))
	f.Add([]byte(`<Envelope xmlns="http://www.w3.org/2003/05/soap-envelope" xmlns:i="http://www.w3.org/2001/XMLSchema-instance"><Body><PerformRequestMsg><Action>start</Action><Definitions><Definition i:type="A"><x/><x>1</x>t<y i:nil="true"/></Definition></Definitions></PerformRequestMsg></Body></Envelope>`))
	f.Fuzz(func(t *testing.T, envelope []byte) {
		r, err := soap.Decode(http.Header{}, envelope)
		if err != nil {
			return
		}
		call, p := exacttarget.Call(&r.Body, now)
		if p != nil {
			if p.Code == "" || p.Detail == "" {
				t.Errorf("%s: problem %+v", envelope, p)
			}
			return
		}
		before := content(t, call)
		encoded, err := schemas.EncodeCall(call)
		if err != nil {
			if at := call.Options.ScheduledTimeMs; at != nil && *at < 0 {
				return // JSON has no such year
			}
			t.Fatalf("%s: %v", envelope, err)
		}
		again, p := schemas.DecodeCall(encoded)
		if p != nil {
			t.Fatalf("%s: %v", encoded, p)
		}
		if after := content(t, again); before != after {
			t.Errorf("%v\nasks for something else than\n%v", again, call)
		}
	})
}
