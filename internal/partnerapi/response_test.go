package partnerapi_test

import (
	"slices"
	"strings"
	"testing"

	"parley/internal/partnerapi"
	"parley/internal/partnerapi/partnerapitest"
	"parley/schemas"
)

// ended is a call with a result that is well, one that is not, and one that nothing came of.
func ended(method, objectType string) *schemas.CallResource {
	return &schemas.CallResource{
		RequestID: "0c3b7a1e-8a2f-4a43-9a5e-6d2f1f0c9a11", ConversationID: "order-1234", SequenceCode: 2, CallsInConversation: 3,
		Method: method, Status: schemas.HasErrors, Message: "1 of 3 objects failed", Total: 3, Processed: 2, Errors: 1,
		Results: []schemas.ResultResource{
			{Ordinal: 0, CorrelationID: "a", ObjectType: objectType, CustomerKey: "row-1", Status: schemas.OK},
			{Ordinal: 1, CorrelationID: "b", ObjectType: objectType, Status: schemas.Error, ErrorCode: "12014", Message: "already <on> the list", Object: &schemas.ObjectResource{
				Type: objectType, CorrelationID: "b", PartnerKey: "p", Properties: []byte(`{"Email":"x@example.com"}`),
			}},
			{Ordinal: 2, ObjectType: objectType, Status: schemas.NotProcessed, ErrorCode: schemas.CallFailed},
		},
	}
}

func TestAppendDetail(t *testing.T) {
	t.Parallel()
	const declarations = ` xmlns="http://exacttarget.com/wsdl/partnerAPI" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"`
	const ids = `<RequestID>0c3b7a1e-8a2f-4a43-9a5e-6d2f1f0c9a11</RequestID><ConversationID>order-1234</ConversationID><RequestType>Asynchronous</RequestType>`
	for method, want := range map[string]string{
		"Create": `<CreateResponse` + declarations + `>` +
			`<Results xsi:type="DataExtensionCreateResult"><StatusCode>OK</StatusCode><StatusMessage>Created DataExtensionObject</StatusMessage><OrdinalID>0</OrdinalID>` + ids + `<NewID>0</NewID>` +
			`<Object xsi:type="DataExtensionObject"><CustomerKey>row-1</CustomerKey><CorrelationID>a</CorrelationID></Object></Results>` +
			`<Results xsi:type="DataExtensionCreateResult"><StatusCode>Error</StatusCode><StatusMessage>already &lt;on&gt; the list</StatusMessage><OrdinalID>1</OrdinalID><ErrorCode>12014</ErrorCode>` + ids +
			`<NewID>0</NewID><PartnerKey>p</PartnerKey><Object xsi:type="DataExtensionObject"><PartnerKey>p</PartnerKey><CorrelationID>b</CorrelationID><Properties><Property><Name>Email</Name><Value>x@example.com</Value></Property></Properties></Object>` +
			`<ErrorMessage>already &lt;on&gt; the list</ErrorMessage></Results>` +
			`<Results xsi:type="DataExtensionCreateResult"><StatusCode>Error</StatusCode><StatusMessage>Async API Error: CallFailed: 1 of 3 objects failed</StatusMessage><OrdinalID>2</OrdinalID><ErrorCode>204</ErrorCode>` + ids +
			`<NewID>0</NewID><ErrorMessage>Async API Error: CallFailed: 1 of 3 objects failed</ErrorMessage></Results>` +
			`<RequestID>0c3b7a1e-8a2f-4a43-9a5e-6d2f1f0c9a11</RequestID><OverallStatus>Has Errors</OverallStatus></CreateResponse>`,
		"Perform": `<PerformResponseMsg` + declarations + `><Results>` +
			`<Result><StatusCode>OK</StatusCode><StatusMessage>Performed DataExtensionObject</StatusMessage><OrdinalID>0</OrdinalID>` + ids +
			`<Object xsi:type="DataExtensionObject"><CustomerKey>row-1</CustomerKey><CorrelationID>a</CorrelationID></Object></Result>` +
			`<Result><StatusCode>Error</StatusCode><StatusMessage>already &lt;on&gt; the list</StatusMessage><OrdinalID>1</OrdinalID><ErrorCode>12014</ErrorCode>` + ids +
			`<Object xsi:type="DataExtensionObject"><PartnerKey>p</PartnerKey><CorrelationID>b</CorrelationID><Properties><Property><Name>Email</Name><Value>x@example.com</Value></Property></Properties></Object></Result>` +
			`<Result><StatusCode>Error</StatusCode><StatusMessage>Async API Error: CallFailed: 1 of 3 objects failed</StatusMessage><OrdinalID>2</OrdinalID><ErrorCode>204</ErrorCode>` + ids + `</Result>` +
			`</Results><OverallStatus>Has Errors</OverallStatus><OverallStatusMessage>1 of 3 objects failed</OverallStatusMessage><RequestID>0c3b7a1e-8a2f-4a43-9a5e-6d2f1f0c9a11</RequestID></PerformResponseMsg>`,
	} {
		if got := string(partnerapi.AppendDetail(nil, ended(method, "DataExtensionObject"), partnerapi.WholeObject)); got != want {
			t.Errorf("%s:\n%s, want\n%s", method, got, want)
		}
	}
}

// Whatever the method and the type, what is said of a call is as the schema has it.
func TestAppendDetailIsInTheSchema(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"Create", "Update", "Delete", "Perform"} {
		for object := range partnerapi.Objects() {
			if slices.ContainsFunc(object.Members, func(m partnerapi.Member) bool { return m.Min > 0 }) {
				continue // of which the members of each object alone are not enough
			}
			call := ended(method, object.Name)
			call.Results[1].Object.Properties = nil
			if err := partnerapitest.Check(partnerapi.AppendDetail(nil, call, partnerapi.BaseOnly)); err != nil {
				t.Errorf("%s of %s: %v", method, object.Name, err)
			}
		}
	}
	refused := &schemas.CallResource{RequestID: "r", Status: schemas.Rejected, ErrorCode: schemas.ConversationIDUsed}
	detail := partnerapi.AppendDetail(nil, refused, partnerapi.WholeObject)
	if err := partnerapitest.Check(detail); err != nil || !strings.Contains(string(detail), "<ErrorCode>211</ErrorCode>") {
		t.Errorf("%v in %s", err, detail)
	}
}

func TestAppendDetails(t *testing.T) {
	t.Parallel()
	calls := []schemas.CallResource{*ended("Create", "List"), *ended("Perform", "ImportDefinition")}
	got := string(partnerapi.AppendDetails(nil, calls, partnerapi.WholeObject))
	rest, ok := strings.CutPrefix(got, `<Results xmlns="http://exacttarget.com/wsdl/partnerAPI" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><CreateResponse>`)
	if !ok || !strings.Contains(rest, `</CreateResponse><PerformResponseMsg>`) || !strings.HasSuffix(rest, `</PerformResponseMsg></Results>`) {
		t.Error(got)
	}
}
