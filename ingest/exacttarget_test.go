package ingest

import (
	"crypto/sha256"
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"parley/internal/account"
	"parley/internal/control"
	"parley/internal/partnerapi"
	"parley/internal/partnerapi/partnerapitest"
	"parley/internal/topics"
	"parley/schemas"
	parleyv1 "parley/schemas/parley/v1"
)

// partnerAnswers is an answer of the partner API, as its readers decode it.
type partnerAnswers struct {
	Action string `xml:"Header>Action"`
	Body   struct {
		Answer struct {
			XMLName       xml.Name
			Results       []partnerResult `xml:"Results"`
			RequestID     string
			OverallStatus string
			Message       string `xml:"OverallStatusMessage"`
		} `xml:",any"`
		Fault *struct {
			Code   string `xml:"faultcode"`
			Text   string `xml:"faultstring"`
			Number int    `xml:"detail>apifault>Code"`
			Why    string `xml:"detail>apifault>Message"`
		} `xml:"Fault"`
	}
}

type partnerResult struct {
	StatusCode, StatusMessage, RequestID, ConversationID, RequestType string
	OrdinalID, ErrorCode                                              int
	Nested                                                            []partnerResult `xml:"Result"`
}

// partner sends an operation, in the default namespace, as its action, which is the beginning of its name.
func (h *harness) partner(t testing.TB, operation string, header ...string) (reply, partnerAnswers) {
	t.Helper()
	action := operation[1:strings.IndexAny(operation, "R")]
	return h.partnerText(t, `<s:Envelope xmlns:s="`+envelope11+`" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><s:Body>`+inNamespace(operation)+`</s:Body></s:Envelope>`,
		append([]string{"SOAPAction", `"` + action + `"`}, header...)...)
}

// inNamespace is an operation with a declaration of its namespace.
func inNamespace(operation string) string {
	at := strings.IndexAny(operation, " >/")
	return operation[:at] + ` xmlns="` + partnerapi.Namespace + `"` + operation[at:]
}

func (h *harness) partnerText(t testing.TB, envelope string, header ...string) (reply, partnerAnswers) {
	t.Helper()
	r := h.do(t, http.MethodPost, partnerPath, []byte(envelope), append([]string{"Content-Type", "text/xml"}, header...)...)
	var a partnerAnswers
	if err := xml.Unmarshal(r.body, &a); err != nil {
		t.Fatalf("%v in %s", err, r.body)
	}
	if err := partnerapitest.Check(r.body); err != nil {
		t.Errorf("%v in %s", err, r.body)
	}
	return r, a
}

// options of a part of a conversation.
func soapPart(conversation string, k, n int) string {
	return fmt.Sprintf(`<Options><SequenceCode>%d</SequenceCode><RequestType>Asynchronous</RequestType><ConversationID>%s</ConversationID><CallsInConversation>%d</CallsInConversation></Options>`, k, conversation, n)
}

const (
	soapRow     = `<Objects xsi:type="Row"><CustomerKey>k</CustomerKey></Objects>`
	soapQueued  = `<Options><RequestType>Asynchronous</RequestType></Options>`
	plainCreate = `<CreateRequest>` + soapRow + `</CreateRequest>`
)

// A call by SOAP is in the log as its twin in JSON would be.
func TestPartnerCallIsInTheLog(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, operation, twin string }{
		{
			"a part with two objects",
			`<CreateRequest><Objects xsi:type="Row"><CustomerKey>k</CustomerKey><CorrelationID>a</CorrelationID></Objects>` + soapPart("order/1", 2, 3) + `<Objects xsi:type="Row"/></CreateRequest>`,
			`{"method":"Create","objects":[{"type":"Row","customerKey":"k","correlationId":"a"},{"type":"Row"}],"options":{"requestType":"Asynchronous","conversationId":"order/1","sequenceCode":2,"callsInConversation":3,"failOn":"Error"}}`,
		},
		{
			"all that options say",
			`<UpdateRequest><Options><Client><ID>7</ID></Client><SendResponseTo><ResponseType>HTTPPost</ResponseType><ResponseAddress>https://example.com/hook</ResponseAddress><RespondWhen>OnCallComplete</RespondWhen>` +
				`<IncludeResults>1</IncludeResults><IncludeObjects>true</IncludeObjects><OnlyIncludeBase>false</OnlyIncludeBase></SendResponseTo><SendResponseTo><ResponseType>None</ResponseType></SendResponseTo><SendResponseTo/>` +
				`<ConversationID>c</ConversationID><ScheduledTime>2026-12-24T08:00:00.5</ScheduledTime><RequestType>Asynchronous</RequestType><QueuePriority>High</QueuePriority></Options><Objects xsi:type="Row"/></UpdateRequest>`,
			`{"method":"Update","objects":[{"type":"Row"}],"options":{"requestType":"Asynchronous","conversationId":"c","priority":"High","failOn":"Error","scheduledTime":"2026-12-24T08:00:00.5Z","properties":{"Client":{"ID":7}},
			"sendResponseTo":[{"responseType":"HTTPPost","responseAddress":"https://example.com/hook","respondWhen":"OnCallComplete","includeResults":true,"includeObjects":true},{"responseType":"None"}]}}`,
		},
		{
			"the definitions of a Perform",
			`<PerformRequestMsg><Options><RequestType>Asynchronous</RequestType><ConversationID>c</ConversationID></Options><Action>start</Action><Definitions><Definition xsi:type="Import"><CustomerKey>a</CustomerKey></Definition><Definition xsi:type="Import"/></Definitions></PerformRequestMsg>`,
			`{"method":"Perform","action":"start","objects":[{"type":"Import","customerKey":"a"},{"type":"Import"}],"options":{"requestType":"Asynchronous","conversationId":"c","failOn":"Error"}}`,
		},
		{
			"a correlation id among the options, and what is empty",
			`<DeleteRequest><Options><ConversationID>c</ConversationID><SequenceCode/><CallsInConversation></CallsInConversation><ScheduledTime xsi:nil="true"/><RequestType> Asynchronous </RequestType><CorrelationID>x</CorrelationID></Options><Objects xsi:type="Row"/></DeleteRequest>`,
			`{"method":"Delete","objects":[{"type":"Row","correlationId":"x"}],"options":{"requestType":"Asynchronous","conversationId":"c","failOn":"Error"}}`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := start(t, func(c *Config) { c.Now = newClock().now })
			r, a := h.partner(t, tt.operation, accountHeader, "acme")
			want, p := schemas.DecodeCall([]byte(tt.twin))
			if p != nil {
				t.Fatal(p)
			}
			conversation := want.Options.GetConversationId()
			sequenceCode, _ := schemas.Place(want)
			digest := sha256.Sum256([]byte(inNamespace(tt.operation)))
			partition := topics.Partition("acme/"+conversation, partitions)
			id := schemas.PartRequestID("acme", conversation, sequenceCode, digest[:], partition).String()
			want.Account, want.RequestId, want.Digest, want.Soap = "acme", id, digest[:], true
			record := h.log(t, 1)[0]
			got := callOf(t, record)
			if !proto.Equal(got, want) {
				t.Errorf("queued %v\nwant   %v", got, want)
			}
			if sent, twin := contentOf(t, got), contentOf(t, want); sent != twin {
				t.Errorf("content %x, its twin's %x", sent, twin)
			}
			results := a.Body.Answer.Results
			if len(results) == 1 && len(results[0].Nested) > 0 {
				results = results[0].Nested
			}
			if r.status != http.StatusOK || a.Body.Answer.OverallStatus != "OK" || a.Body.Answer.RequestID != id || len(results) != len(want.Objects) {
				t.Fatalf("answer %d %s, want of %s", r.status, r.body, id)
			}
			for i, got := range results {
				if got.StatusCode != "OK" || got.RequestID != id || got.ConversationID != conversation || got.OrdinalID != i || got.RequestType != "Asynchronous" || got.ErrorCode != 0 {
					t.Errorf("result %d: %+v", i, got)
				}
			}
		})
	}
}

func contentOf(t testing.TB, call *parleyv1.Call) uint64 {
	t.Helper()
	content, err := schemas.Content(call)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// The bytes of the operation are the call: what stands around them is another every time. A key names a call without a conversation.
func TestIdentityOfAPartnerCall(t *testing.T) {
	t.Parallel()
	h := start(t)
	send := func(operation, envelope string, header ...string) string {
		r, a := h.partnerText(t, strings.Replace(envelope, "BODY", inNamespace(operation), 1), append([]string{"SOAPAction", "Create"}, header...)...)
		if a.Body.Answer.RequestID == "" {
			t.Fatalf("%s", r.body)
		}
		return a.Body.Answer.RequestID
	}
	const (
		plain  = `<s:Envelope xmlns:s="` + envelope11 + `" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><s:Body>BODY</s:Body></s:Envelope>`
		signed = `<?xml version="1.0"?><e:Envelope xmlns:e="` + envelope11 + `" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"> <e:Body> BODY </e:Body><e:Header><fueloauth xmlns="http://exacttarget.com">t</fueloauth></e:Header></e:Envelope>`
	)
	one, other := `<CreateRequest>`+soapPart("c", 1, 2)+soapRow+`</CreateRequest>`, `<CreateRequest>`+soapPart("c", 2, 2)+soapRow+`</CreateRequest>`
	if a, b := send(one, plain), send(one, signed); a != b {
		t.Errorf("a resend has the id %s, the first %s", b, a)
	}
	if a, b := send(one, plain), send(other, plain); a == b {
		t.Error("two parts have one id")
	}
	alone := `<CreateRequest>` + soapQueued + soapRow + `</CreateRequest>`
	if a, b := send(alone, plain), send(alone, plain); a == b {
		t.Error("two calls without a conversation have one id")
	}
	if a, b := send(alone, plain, keyHeader, "k"), send(alone, signed, keyHeader, "k"); a != b {
		t.Error("two calls with one Idempotency-Key have two ids")
	}
}

func TestSynchronousPartnerCall(t *testing.T) {
	t.Parallel()
	h := start(t)
	result := func(ordinal int, status schemas.ResultStatus, code schemas.Code, message string) schemas.ResultResource {
		return schemas.ResultResource{Ordinal: ordinal, ObjectType: "Row", Status: status, ErrorCode: code, Message: message}
	}
	for _, tt := range []struct {
		status  schemas.CallStatus
		results []schemas.ResultResource
		overall string
		want    []partnerResult
	}{
		{schemas.OK, []schemas.ResultResource{result(0, schemas.OK, "", ""), result(1, schemas.OK, "", "kept")}, "OK",
			[]partnerResult{{StatusCode: "OK", StatusMessage: "Created Row"}, {StatusCode: "OK", StatusMessage: "kept", OrdinalID: 1}}},
		{schemas.HasErrors, []schemas.ResultResource{result(0, schemas.OK, "", ""), result(1, schemas.Error, "12014", "on the list")}, "Has Errors",
			[]partnerResult{{StatusCode: "OK", StatusMessage: "Created Row"}, {StatusCode: "Error", OrdinalID: 1, ErrorCode: 12014}}},
		{schemas.Error, []schemas.ResultResource{result(0, schemas.Error, schemas.CallFailed, "no")}, "Error", []partnerResult{{StatusCode: "Error", ErrorCode: 204}}},
		{schemas.Expired, nil, "Error", []partnerResult{{StatusCode: "Error", ErrorCode: 204}}},
	} {
		h.live.tell(func(f *fakeSource) {
			f.answers.request = func(q schemas.RequestQuery) (schemas.CallResource, error) {
				return schemas.CallResource{RequestID: q.ID.String(), Account: q.Account, Method: "Create", SequenceCode: 1, CallsInConversation: 1, Status: tt.status, Results: tt.results}, nil
			}
		})
		r, a := h.partner(t, plainCreate)
		if a.Body.Answer.OverallStatus != tt.overall || a.Body.Answer.RequestID == "" || len(a.Body.Answer.Results) != len(tt.want) || !strings.HasSuffix(a.Action, "CreateResponse") {
			t.Fatalf("%s: %s", tt.status, r.body)
		}
		for i, want := range tt.want {
			got := a.Body.Answer.Results[i]
			if got.StatusMessage == "" || got.RequestID != a.Body.Answer.RequestID {
				t.Errorf("%s: result %d: %+v", tt.status, i, got)
			}
			if want.StatusMessage == "" {
				got.StatusMessage = ""
			}
			got.RequestID, got.RequestType = "", ""
			if !slices.Equal([]any{got.StatusCode, got.StatusMessage, got.OrdinalID, got.ErrorCode}, []any{want.StatusCode, want.StatusMessage, want.OrdinalID, want.ErrorCode}) {
				t.Errorf("%s: result %d is %+v, want %+v", tt.status, i, got, want)
			}
		}
	}
}

// What does not end in time is told with the id by which it is found.
func TestSynchronousPartnerCallGoesOn(t *testing.T) {
	t.Parallel()
	h := start(t, func(c *Config) { c.SynchronousWait = 20 * time.Millisecond })
	h.stays()
	r, a := h.partner(t, plainCreate)
	id := callOf(t, h.log(t, 1)[0]).RequestId
	if r.status != http.StatusInternalServerError || a.Body.Fault == nil || !strings.HasSuffix(a.Body.Fault.Code, ":Server") || !strings.Contains(a.Body.Fault.Text, id) {
		t.Errorf("status %d, want a fault that names %s: %s", r.status, id, r.body)
	}
}

func TestPartnerCallsRefused(t *testing.T) {
	t.Parallel()
	h := start(t, func(c *Config) {
		c.Limits = schemas.DefaultLimits()
		c.Limits.ObjectsMax = 3
		c.Now = newClock().now
	})
	options := func(members string) string {
		return `<CreateRequest><Options>` + members + `</Options>` + soapRow + `</CreateRequest>`
	}
	queued := func(members string) string { return options(`<RequestType>Asynchronous</RequestType>` + members) }
	for _, tt := range []struct {
		name, operation string
		code            int
	}{
		{"a conversation that is not asynchronous", options(`<ConversationID>c</ConversationID>`), 209},
		{"a sequence code that is not asynchronous", options(`<SequenceCode>1</SequenceCode>`), 209},
		{"a count that is not asynchronous", options(`<RequestType>Synchronous</RequestType><CallsInConversation>1</CallsInConversation>`), 209},
		{"no SequenceCode", queued(`<ConversationID>c</ConversationID><CallsInConversation>1</CallsInConversation>`), 202},
		{"no ConversationID", queued(`<SequenceCode>1</SequenceCode><CallsInConversation>1</CallsInConversation>`), 207},
		{"an empty ConversationID", queued(`<ConversationID/><SequenceCode>1</SequenceCode><CallsInConversation>1</CallsInConversation>`), 207},
		{"no CallsInConversation", queued(`<ConversationID>c</ConversationID><SequenceCode>1</SequenceCode>`), 208},
		{"a SequenceCode of 0", queued(`<ConversationID>c</ConversationID><SequenceCode>0</SequenceCode><CallsInConversation>1</CallsInConversation>`), 205},
		{"a SequenceCode beyond the last", queued(`<ConversationID>c</ConversationID><SequenceCode>2</SequenceCode><CallsInConversation>1</CallsInConversation>`), 205},
		{"a SequenceCode beyond all numbers", queued(`<ConversationID>c</ConversationID><SequenceCode>3000000000</SequenceCode><CallsInConversation>1</CallsInConversation>`), 205},
		{"no call in the conversation", queued(`<ConversationID>c</ConversationID><SequenceCode>1</SequenceCode><CallsInConversation>0</CallsInConversation>`), 206},
		{"too far ahead", queued(`<ScheduledTime>2026-12-31T08:00:01Z</ScheduledTime>`), 226},
		{"a callback to where nobody is", queued(`<SendResponseTo><ResponseType>HTTPPost</ResponseType><ResponseAddress>http://127.0.0.1/</ResponseAddress></SendResponseTo>`), 227},
		{"too many objects", `<CreateRequest>` + strings.Repeat(soapRow, 4) + `</CreateRequest>`, 218},
		{"no number", queued(`<SequenceCode>one</SequenceCode>`), 204},
		{"no time", queued(`<ScheduledTime>soon</ScheduledTime>`), 204},
		{"no truth", queued(`<SendResponseTo><ResponseType>None</ResponseType><IncludeResults>yes</IncludeResults></SendResponseTo>`), 204},
		{"no type of request", options(`<RequestType>Later</RequestType>`), 204},
		{"what is scheduled, and a row", `<DeleteRequest><Objects xsi:type="ScheduledRequest"><RequestID>` + someID + `</RequestID></Objects>` + soapRow + `</DeleteRequest>`, 204},
	} {
		r, a := h.partner(t, tt.operation)
		if r.status != http.StatusOK || a.Body.Answer.OverallStatus != "Error" || len(a.Body.Answer.Results) != 1 {
			t.Errorf("%s: status %d: %s", tt.name, r.status, r.body)
			continue
		}
		if got := a.Body.Answer.Results[0]; got.StatusCode != "Error" || got.ErrorCode != tt.code || got.StatusMessage == "" || got.OrdinalID != 0 {
			t.Errorf("%s: %+v, want the code %d", tt.name, got, tt.code)
		}
	}
	if _, a := h.partner(t, `<CreateRequest>`+soapQueued+soapRow+`<Objects xsi:nil="true"/></CreateRequest>`); a.Body.Answer.Results[0].OrdinalID != 1 {
		t.Errorf("a null object is told as %+v", a.Body.Answer.Results[0])
	}
	if n := h.logEnd(t); n != 0 {
		t.Errorf("%d records, want none", n)
	}
}

func TestPartnerFaults(t *testing.T) {
	t.Parallel()
	c := newClock()
	keys := make(fakeKeys)
	reads := keys.mint("acme", []account.Scope{account.Read})
	for _, tt := range []struct {
		name, operation, action string
		setup                   func(*Config)
		before                  func(*harness)
		code, text              string
		number                  int
	}{
		{name: "no action", operation: plainCreate, code: "soap:Client", text: "SOAPAction", number: 2},
		{name: "no action there is", operation: plainCreate, action: "Enlist", code: "soap:Client", text: "Server did not recognize the value of HTTP Header SOAPAction: Enlist."},
		{name: "the body of another action", operation: plainCreate, action: "Update", code: "soap:Client", text: "UpdateRequest"},
		{name: "another namespace", operation: `<CreateRequest xmlns="urn:a"/>`, action: "Create", code: "soap:Client", text: "{urn:a}CreateRequest"},
		{name: "an operation there is not", operation: `<EnlistRequest/>`, action: "Enlist", code: "soap:Client", text: "did not recognize"},
		{name: "no XML", operation: `<CreateRequest`, action: "Create", code: "soap:Client", text: ""},
		{name: "no key", operation: plainCreate, action: "Create", setup: byKeys(keys), code: "q0:Security", text: "Login failed"},
		{name: "too fast", operation: plainCreate, action: "Create", setup: limited(c, account.Limits{Rate: 1, Burst: 1}), before: (*harness).stays, code: "soap:Server", text: "Rate Limited", number: 17},
		{name: "no queue", operation: `<CreateRequest>` + soapQueued + soapRow + `</CreateRequest>`, action: "Create", before: func(h *harness) { h.broker.Close() }, setup: impatient, code: "soap:Server", text: "Unplanned Outage", number: 2},
		{name: "no backend", operation: plainCreate, action: "Create", before: func(h *harness) { h.down(schemas.OutageCircuit) }, code: "soap:Server", text: "Unplanned Outage", number: 2},
		{name: "in maintenance", operation: plainCreate, action: "Create", before: func(h *harness) { h.maintain(t, c.now()) }, code: "soap:Server", text: "Maintenance", number: 9},
		{name: "an Idempotency-Key that is none", operation: plainCreate, action: "Create", code: "soap:Client", text: keyHeader},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var changes []func(*Config)
			if tt.setup != nil {
				changes = append(changes, tt.setup)
			}
			h := start(t, changes...)
			if tt.before != nil {
				tt.before(h)
			}
			operation := tt.operation
			if !strings.Contains(operation, "xmlns=") {
				operation = inNamespace(operation + " ")
			}
			header := []string{"SOAPAction", tt.action}
			switch tt.text {
			case keyHeader:
				header = append(header, keyHeader, "")
			case "Rate Limited":
				header = append(header, accountHeader, "acme")
			}
			envelope := `<s:Envelope xmlns:s="` + envelope11 + `" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><s:Body>` + operation + `</s:Body></s:Envelope>`
			if tt.text == "Rate Limited" { // the first fits
				h.partnerText(t, strings.Replace(envelope, soapRow, soapQueued+soapRow, 1), header...)
			}
			r, a := h.partnerText(t, envelope, header...)
			if f := a.Body.Fault; r.status != http.StatusInternalServerError || f == nil || f.Code != tt.code || !strings.Contains(f.Text, tt.text) || f.Number != tt.number {
				t.Errorf("status %d, want %s %q %d: %s", r.status, tt.code, tt.text, tt.number, r.body)
			}
			if again := r.header.Get("Retry-After"); (again != "") != (tt.code == "soap:Server") {
				t.Errorf("Retry-After %q", again)
			}
		})
	}
	h := start(t, byKeys(keys))
	if r, a := h.partner(t, plainCreate, "Authorization", "Bearer "+reads); a.Body.Fault == nil || a.Body.Fault.Code != "soap:Client" || a.Body.Fault.Number != 11 {
		t.Errorf("a key that may not submit: %s", r.body)
	}
}

// down has the live state say that no route works.
func (h *harness) down(cause schemas.OutageCause) {
	h.live.tell(func(f *fakeSource) {
		f.answers.outage = func(schemas.RouteQuery) (schemas.RouteOutage, error) { return schemas.RouteOutage{Cause: cause}, nil }
	})
}

// maintain puts the default route into maintenance.
func (h *harness) maintain(t testing.TB, now time.Time) {
	t.Helper()
	if err := h.control.put(control.Maintenance{Route: "default", Reason: "r", Since: now}); err != nil {
		t.Error(err)
	}
}

// Delete of what is scheduled cancels it.
func TestDeleteScheduled(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.owns(&owner{
		conversations: map[string]schemas.ConversationResource{
			"c": standing("c", schemas.ConversationScheduled), someID: alone(someID, schemas.ConversationScheduled),
			"run": standing("run", schemas.ConversationComplete),
		},
		apply: becomes(schemas.ConversationCancelled),
	})
	conversation := func(id string) string {
		return `<Objects xsi:type="ScheduledConversation"><ConversationID>` + id + `</ConversationID></Objects>`
	}
	request := `<Objects xsi:type="ScheduledRequest"><RequestID>` + someID + `</RequestID></Objects>`
	for _, tt := range []struct {
		objects, overall string
		codes            []int
	}{
		{conversation("c") + request, "OK", []int{0, 0}},
		{conversation("run") + conversation("c"), "Has Errors", []int{222, 0}},
		{conversation("nobody's"), "Error", []int{220}},
	} {
		r, a := h.partner(t, `<DeleteRequest><Options/>`+tt.objects+`</DeleteRequest>`, accountHeader, "acme")
		if a.Body.Answer.XMLName.Local != "DeleteResponse" || a.Body.Answer.OverallStatus != tt.overall || len(a.Body.Answer.Results) != len(tt.codes) {
			t.Fatalf("%s", r.body)
		}
		for i, code := range tt.codes {
			got := a.Body.Answer.Results[i]
			if got.ErrorCode != code || got.OrdinalID != i || code == 0 && (got.StatusCode != "OK" || got.StatusMessage != "Deleted") {
				t.Errorf("result %d: %+v, want the code %d", i, got, code)
			}
		}
	}
	if _, a := h.partner(t, `<DeleteRequest><Objects xsi:type="ScheduledConversation"/></DeleteRequest>`, accountHeader, "acme"); a.Body.Answer.Results[0].ErrorCode != 220 {
		t.Errorf("nothing named: %+v", a.Body.Answer)
	}
}

func TestPartnerPathInAnyCase(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.ends(schemas.OK)
	for _, path := range []string{"/Service.asmx", "/service.asmx", "/SERVICE.ASMX"} {
		resp, err := http.Post(h.url+path, "text/xml", strings.NewReader("<"))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusInternalServerError || resp.Header.Get("Content-Type") != "text/xml; charset=utf-8" {
			t.Errorf("%s: status %d, %s", path, resp.StatusCode, resp.Header.Get("Content-Type"))
		}
	}
}

// Each version of SOAP is answered in its own, also when nothing can be read of an envelope.
func TestVersionsOfPartnerAPI(t *testing.T) {
	t.Parallel()
	h := start(t, func(c *Config) {
		c.Limits = schemas.DefaultLimits()
		c.Limits.CallBytesMax = 4 << 10
	})
	envelope := func(operation string) string {
		return `<s:Envelope xmlns:s="` + envelope12 + `" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><s:Body>` + operation + `</s:Body></s:Envelope>`
	}
	create := inNamespace(`<CreateRequest>` + soapQueued + soapRow + `</CreateRequest>`)
	long := strings.Repeat("x", 5<<10)
	for _, tt := range []struct {
		name, body, action string
		status             int
		want               string
	}{
		{"a call", envelope(create), "Create", http.StatusOK, "<OverallStatus>OK</OverallStatus>"},
		{"a call too long", envelope(strings.Replace(create, "</CustomerKey>", "</CustomerKey><Note>"+long+"</Note>", 1)), "Create", http.StatusOK, "at most 4096 bytes"},
		{"an envelope too long", envelope(strings.Repeat(long, 4)), "Create", http.StatusBadRequest, "at most 16384 bytes"},
		{"no XML", "{}", "Create", http.StatusBadRequest, "soap:Sender"},
		{"another body", envelope(create), "Delete", http.StatusBadRequest, "DeleteRequest"},
		{"no envelope", `<a xmlns="urn:a"/>`, "Create", http.StatusInternalServerError, "soap:VersionMismatch"},
	} {
		r := h.do(t, http.MethodPost, partnerPath, []byte(tt.body), "Content-Type", `application/soap+xml; charset=utf-8; action="`+tt.action+`"`)
		if media := r.header.Get("Content-Type"); r.status != tt.status || !strings.HasPrefix(media, "application/soap+xml") || !strings.Contains(string(r.body), tt.want) {
			t.Errorf("%s: status %d, %s, want %d with %q: %s", tt.name, r.status, media, tt.status, tt.want, r.body)
		}
	}
}

// A defect of ours is a fault, too, and is told without its details.
func TestPartnerDefect(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.live.tell(func(f *fakeSource) {
		f.answers.outage = func(schemas.RouteQuery) (schemas.RouteOutage, error) { panic("a defect") }
	})
	r, a := h.partner(t, plainCreate)
	if f := a.Body.Fault; r.status != http.StatusInternalServerError || f == nil || f.Code != "soap:Server" || strings.Contains(string(r.body), "a defect") {
		t.Errorf("status %d: %s", r.status, r.body)
	}
	if !strings.Contains(h.logged.String(), "a defect") {
		t.Error("it is not in the log")
	}
}

// What a document is read into counts as bytes in flight, for it may need many times what the document has.
func TestPartnerTreesAreBounded(t *testing.T) {
	t.Parallel()
	l := schemas.DefaultLimits()
	l.CallBytesMax = 20_000
	h := start(t, func(c *Config) { c.Limits, c.RequestBytesMax, c.BytesInFlightMax = l, 20_000, 200_000 })
	of := func(elements int) string {
		return `<CreateRequest>` + soapQueued + `<Objects xsi:type="Row">` + strings.Repeat("<b/>", elements) + `</Objects></CreateRequest>`
	}
	for range 3 { // what was held is given back
		if r, a := h.partner(t, of(500)); r.status != http.StatusOK || a.Body.Answer.OverallStatus != "OK" {
			t.Fatalf("few elements: %s", r.body)
		}
		if r, a := h.partner(t, of(1_000)); r.status != http.StatusInternalServerError || a.Body.Fault == nil || a.Body.Fault.Text != "Unplanned Outage" || !strings.Contains(a.Body.Fault.Why, "too many bytes") {
			t.Fatalf("many: %s", r.body)
		}
	}
}
