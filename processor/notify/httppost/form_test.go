package httppost_test

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"go.yaml.in/yaml/v3"

	"parley/internal/partnerapi/partnerapitest"
	"parley/processor/notify"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// part is the second call of a conversation of three, which ended with an error of its second object.
func part() *schemas.CallResource {
	return &schemas.CallResource{
		RequestID: "018f4c1e-7c1a-7b5e-9d55-0242ac120002", Account: "acme", ConversationID: "order & more", SequenceCode: 2, CallsInConversation: 3,
		Method: "Update", Status: schemas.HasErrors, Total: 2, Processed: 2, Errors: 1,
		Results: []schemas.ResultResource{
			{CorrelationID: "a", ObjectType: "Subscriber", Status: schemas.OK, Object: &schemas.ObjectResource{
				Type: "Subscriber", CustomerKey: "k", SubscriberKey: "s", CorrelationID: "a", Properties: []byte(`{"EmailAddress": "a@b", "Owner": {"FromName": "é"}}`),
			}},
			{Ordinal: 1, ObjectType: "Subscriber", CustomerKey: "l", Status: schemas.Error, ErrorCode: "12014", Message: "on the list"},
		},
	}
}

// documented is what openapi.yaml says of a form.
func documented(t *testing.T) *jsonschema.Schema {
	t.Helper()
	var document map[string]any
	if err := yaml.Unmarshal([]byte(schemas.OpenAPI()), &document); err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	if err := compiler.AddResource("openapi.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("openapi.json#/webhooks/callback/post/requestBody/content/application~1x-www-form-urlencoded/schema")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// posted is the form that a notification by SOAP is sent as, verified.
func posted(t *testing.T, n *notify.Notification) (fields url.Values, order []string) {
	t.Helper()
	r := startReceiver(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	n.ID, n.Account, n.Soap = "cb_1", "acme", true
	n.Target.ResponseType, n.Target.ResponseAddress = "HTTPPost", r.URL
	a := agree()
	if v := r.sender(t, a).Send(t.Context(), n); v.Kind != notify.Taken {
		t.Fatalf("%+v", v)
	}
	header := r.requests()[0].Header
	verifier, err := standardwebhooks.NewWebhook(a.secrets.Signing(time.Now())[0].Text())
	if err != nil {
		t.Fatal(err)
	}
	if err := verifier.Verify(r.body, header); err != nil {
		t.Errorf("the form is not signed: %v", err)
	}
	if got := header.Get("Content-Type"); got != schemas.ContentForm {
		t.Errorf("content type %q", got)
	}
	if fields, err = url.ParseQuery(string(r.body)); err != nil {
		t.Fatal(err)
	}
	for f := range strings.SplitSeq(string(r.body), "&") {
		name, _, _ := strings.Cut(f, "=")
		order = append(order, name)
	}
	return fields, order
}

// formFields are the names of ASYNC-WIRE, section 11, in its order.
var formFields = []string{
	"RequestID", "ConversationID", "OverallStatusCode", "StatusCode", "StatusMessage", "ErrorCode", "RequestType", "ResultType", "ResultDetailXML", "SequenceCode",
}

func TestForm(t *testing.T) {
	t.Parallel()
	first := &schemas.ResultResource{Status: schemas.Error, ErrorCode: "12014", Message: "on the list"}
	single := &schemas.CallResource{RequestID: "r", Method: "Create", SequenceCode: 1, Status: schemas.OK, Results: []schemas.ResultResource{}, Total: 1}
	conversation := func(status schemas.ConversationStatus, code schemas.Code, errors int32) *schemas.ConversationResource {
		return &schemas.ConversationResource{ConversationID: "c", Status: status, ErrorCode: code, Message: "why", Errors: errors}
	}
	schema := documented(t)
	for _, tt := range []struct {
		name string
		n    notify.Notification
		want string // the values of formFields, but for ResultDetailXML
	}{
		{"a part", notify.Notification{Call: part(), FirstError: first}, "018f4c1e-7c1a-7b5e-9d55-0242ac120002|order & more|Has Errors|Has Errors|on the list|12014|Asynchronous|Asynchronous|2"},
		{"a call alone", notify.Notification{Call: single}, "r||OK|OK|||Asynchronous|Asynchronous|"},
		{"a word of a backend", notify.Notification{
			Call: &schemas.CallResource{RequestID: "r", Status: schemas.Error, ErrorCode: "NoStock", Message: "none"},
		}, "r||Error|Error|Async API Error: NoStock: none|204|Asynchronous|Asynchronous|"},
		{"a conversation", notify.Notification{Conversation: conversation(schemas.ConversationComplete, "", 0)}, "|c|OK|OK|why||Asynchronous|Asynchronous|"},
		{"one with errors", notify.Notification{Conversation: conversation(schemas.ConversationComplete, "", 1), FirstError: first}, "|c|Has Errors|Has Errors|on the list|12014|Asynchronous|Asynchronous|"},
		{"one that failed by a call", notify.Notification{Conversation: conversation(schemas.ConversationError, schemas.CallFailed, 1), FirstError: first}, "|c|Error|Error|on the list|12014|Asynchronous|Asynchronous|"},
		{"one that failed itself", notify.Notification{Conversation: conversation(schemas.ConversationError, schemas.PartTimeout, 0), FirstError: first}, "|c|Error|Error|Async API Timeout: why|203|Asynchronous|Asynchronous|"},
		{"the conversation of a call alone", notify.Notification{
			Conversation: &schemas.ConversationResource{ConversationID: "r", RequestID: "r", Status: schemas.ConversationComplete},
		}, "r||OK|OK|||Asynchronous|Asynchronous|"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.n.Target = new(parleyv1.ResponseTarget)
			got, order := posted(t, &tt.n)
			var values []string
			for _, f := range formFields {
				if f != "ResultDetailXML" {
					values = append(values, got.Get(f))
				}
			}
			said := make(map[string]any)
			for f := range got {
				said[f] = got.Get(f)
			}
			if err := schema.Validate(said); err != nil {
				t.Errorf("it is not as documented: %v", err)
			}
			if got := strings.Join(values, "|"); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if want := slices.Delete(slices.Clone(formFields), 8, 9); !slices.Equal(order, want) { // no results were asked for
				t.Errorf("fields %q", order)
			}
		})
	}
}

// ResultDetailXML is the response that the call would have been answered with; at the end of a conversation those of its calls.
func TestFormHasResults(t *testing.T) {
	t.Parallel()
	type detail struct {
		XMLName xml.Name
		Results []struct {
			StatusCode string
			OrdinalID  int
			ErrorCode  int
			Object     *struct {
				CustomerKey, CorrelationID, SubscriberKey, EmailAddress string
				Owner                                                   struct{ FromName string }
			}
		}
		Response []detailOf `xml:"UpdateResponse"`
	}
	for _, tt := range []struct {
		name   string
		target *parleyv1.ResponseTarget
		want   string
	}{
		{"whole objects", &parleyv1.ResponseTarget{IncludeResults: true, IncludeObjects: true}, "k a s a@b é"},
		{"their base", &parleyv1.ResponseTarget{IncludeResults: true, IncludeObjects: true, OnlyIncludeBase: true}, "k a   é"},
	} {
		n := &notify.Notification{Target: tt.target, Call: part()}
		got, order := posted(t, n)
		if !slices.Equal(order, formFields) {
			t.Errorf("%s: fields %q", tt.name, order)
		}
		if err := partnerapitest.Check([]byte(got.Get("ResultDetailXML"))); err != nil {
			t.Errorf("%s: ResultDetailXML is not as the schema has it: %v", tt.name, err)
		}
		var d detail
		if err := xml.Unmarshal([]byte(got.Get("ResultDetailXML")), &d); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if d.XMLName != (xml.Name{Space: "http://exacttarget.com/wsdl/partnerAPI", Local: "UpdateResponse"}) || len(d.Results) != 2 || d.Results[1].ErrorCode != 12014 || d.Results[1].OrdinalID != 1 {
			t.Fatalf("%s: %s", tt.name, got.Get("ResultDetailXML"))
		}
		if o := d.Results[0].Object; o == nil || strings.Join([]string{o.CustomerKey, o.CorrelationID, o.SubscriberKey, o.EmailAddress, o.Owner.FromName}, " ") != tt.want {
			t.Errorf("%s: %+v", tt.name, o)
		}
	}
	n := &notify.Notification{
		Target:       &parleyv1.ResponseTarget{IncludeResults: true},
		Conversation: &schemas.ConversationResource{ConversationID: "c", Status: schemas.ConversationComplete, Calls: []schemas.CallResource{*part(), *part()}},
	}
	got, _ := posted(t, n)
	var d detail
	if err := xml.Unmarshal([]byte(got.Get("ResultDetailXML")), &d); err != nil || d.XMLName.Local != "Results" || len(d.Response) != 2 || len(d.Response[1].Results) != 2 {
		t.Errorf("%v: %s", err, got.Get("ResultDetailXML"))
	}
}

// detailOf is a response within others.
type detailOf struct {
	Results []struct{ StatusCode string }
}

// What has no room is left out, and the receiver is told so once. What fits, fits to the last byte.
func TestFormHasAnEnd(t *testing.T) {
	t.Parallel()
	const formBytesMax = 4096 << 10
	const leftOut = "Results or objects are left out, there are too many: retrieve them as ResultItem"
	n := func(message int, truncated bool) *notify.Notification {
		c := part()
		c.Status, c.Message, c.Results[0].Message = schemas.OK, "done", strings.Repeat("m", message)
		return &notify.Notification{Target: &parleyv1.ResponseTarget{IncludeResults: true}, Call: c, Truncated: truncated}
	}
	_, empty := formOf(t, n(1, false))
	room := formBytesMax - empty + 1
	for _, tt := range []struct {
		name     string
		n        *notify.Notification
		message  string
		withXML  bool
		size     int
		cutShort bool
	}{
		{"all", n(1, false), "done", true, 0, false},
		{"to the last byte", n(room, false), "done", true, formBytesMax, false},
		{"one more", n(room+1, false), "done; " + leftOut, false, 0, false},
		{"objects left out before", n(1, true), "done; " + leftOut, true, 0, false},
		{"both", n(room, true), "done; " + leftOut, false, 0, false},
		{"results left out before", n(1, true), "done; " + leftOut, false, 0, true},
	} {
		if tt.cutShort {
			tt.n.Call.Results = []schemas.ResultResource{}
		}
		got, size := formOf(t, tt.n)
		if got.Get("StatusMessage") != tt.message || got.Has("ResultDetailXML") != tt.withXML || tt.size > 0 && size != tt.size || size > formBytesMax {
			t.Errorf("%s: %q, with results %t, %d bytes", tt.name, got.Get("StatusMessage"), got.Has("ResultDetailXML"), size)
		}
	}
}

// formOf is the form of a notification, and its length.
func formOf(t *testing.T, n *notify.Notification) (fields url.Values, size int) {
	t.Helper()
	fields, _ = posted(t, n)
	for i, f := range formFields {
		if !fields.Has(f) {
			continue
		}
		if i > 0 {
			size++
		}
		size += len(f) + 1 + len(url.QueryEscape(fields.Get(f)))
	}
	return fields, size
}
