package exacttarget

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"parley/ingest/soap"
	"parley/schemas"
)

// retrieve is a RetrieveRequestMsg with members.
func retrieve(members string) string {
	return `<RetrieveRequestMsg><RetrieveRequest>` + members + `</RetrieveRequest></RetrieveRequestMsg>`
}

// simple is a filter; values that are several have commas between them.
func simple(property, operator, values string) string {
	return `<Filter xsi:type="SimpleFilterPart">` + part(property, operator, values) + `</Filter>`
}

func part(property, operator, values string) string {
	b := `<Property>` + property + `</Property><SimpleOperator>` + operator + `</SimpleOperator>`
	if values == "" {
		return b
	}
	for v := range strings.SplitSeq(values, ",") {
		b += `<Value>` + v + `</Value>`
	}
	return b
}

func complexFilter(logical, left, right string) string {
	return `<Filter xsi:type="ComplexFilterPart"><LeftOperand xsi:type="SimpleFilterPart">` + left + `</LeftOperand><LogicalOperator>` + logical +
		`</LogicalOperator><RightOperand xsi:type="SimpleFilterPart">` + right + `</RightOperand></Filter>`
}

func mustRead(t testing.TB, members string) *Retrieval {
	t.Helper()
	q, err := ReadRetrieve(element(t, retrieve(members)))
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// refusalOf is why a request is refused.
func refusalOf(t testing.TB, message string) string {
	t.Helper()
	q, err := ReadRetrieve(element(t, message))
	if err == nil {
		_, err = q.Plan()
	}
	answer, ok := RetrieveRefused(err)
	if !ok {
		t.Fatalf("not refused: %v", err)
	}
	return conforms(t, answer).Child("OverallStatus").Value()
}

const firstID = "0190a0a0-0000-7000-8000-000000000001"

var accepted = time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC)

// ended is a call of a conversation with an object for each status.
func ended(sequence int32, status schemas.CallStatus, objects ...schemas.ResultStatus) *schemas.CallResource {
	done := accepted.Add(time.Duration(sequence) * time.Second)
	c := &schemas.CallResource{
		RequestID: firstID[:35] + strconv.Itoa(int(sequence)), ConversationID: "order-1", SequenceCode: sequence, CallsInConversation: 3, Method: "Create",
		Status: status, AcceptedAt: &accepted, CompletedAt: &done,
	}
	for i, s := range objects {
		r := schemas.ResultResource{Ordinal: i, CorrelationID: fmt.Sprint("c", i), ObjectType: "Subscriber", CustomerKey: fmt.Sprint("k", i), Status: s}
		switch s {
		case schemas.Error:
			r.ErrorCode, r.Message = "12014", "The subscriber is on the list"
		case schemas.NotProcessed:
			r.ErrorCode = schemas.CallFailed
		}
		c.Results = append(c.Results, r)
	}
	return c
}

// answerOf answers q with calls.
func answerOf(t testing.TB, q *Retrieval, calls ...*schemas.CallResource) *soap.Element {
	t.Helper()
	p := NewPage(q)
	for i, c := range calls {
		if !p.AddCall(c, Place{Named: i}) {
			break
		}
	}
	b, err := p.Answer()
	if err != nil {
		t.Fatal(err)
	}
	return conforms(t, b)
}

// list is what each object of an answer has in a member.
func list(answer *soap.Element, member string) string {
	var all []string
	for r := range answer.All("Results") {
		all = append(all, r.Child(member).Value())
	}
	return strings.Join(all, ",")
}

func TestItems(t *testing.T) {
	t.Parallel()
	calls := []*schemas.CallResource{
		ended(1, schemas.HasErrors, schemas.OK, schemas.Error),
		{RequestID: firstID, Status: schemas.Executing},
		ended(2, schemas.NotProcessed, schemas.NotProcessed),
	}
	a := answerOf(t, mustRead(t, `<ObjectType>ResultItem</ObjectType>`), calls...)
	for member, want := range map[string]string{
		"OrdinalID": "0,1,0", "CorrelationID": "c0,c1,c0", "CustomerKey": "k0,k1,k0", "StatusCode": "OK,Error,Error", "ErrorCode": ",12014,204",
		"RequestObjectType": "Subscriber,Subscriber,Subscriber", "ConversationID": "order-1,order-1,order-1", "RequestType": "Asynchronous,Asynchronous,Asynchronous",
		"CreatedDate":  "2026-12-01T08:00:00.000Z,2026-12-01T08:00:00.000Z,2026-12-01T08:00:00.000Z",
		"ModifiedDate": "2026-12-01T08:00:01.000Z,2026-12-01T08:00:01.000Z,2026-12-01T08:00:02.000Z",
		"RequestID":    calls[0].RequestID + "," + calls[0].RequestID + "," + calls[2].RequestID,
	} {
		if got := list(a, member); got != want {
			t.Errorf("%s is %q, want %q", member, got, want)
		}
	}
	if got := a.Child("OverallStatus").Value(); got != "OK" {
		t.Errorf("OverallStatus %q", got)
	}
	if _, err := uuid.Parse(a.Child("RequestID").Value()); err != nil {
		t.Error(err)
	}
	first := a.Child("Results")
	if first.Type.Local != "ResultItem" || !first.Child("PartnerKey").Nil || !first.Child("ObjectID").Nil {
		t.Errorf("the first is %+v", first)
	}
}

// What is asked for is told, in the order of the schema, and what the schema wants is there as well.
func TestProperties(t *testing.T) {
	t.Parallel()
	q := mustRead(t, `<ObjectType>ResultItem</ObjectType><Properties>requestid</Properties><Properties>ErrorCode</Properties><Properties>Client.ID</Properties><Properties/>`)
	for r := range answerOf(t, q, ended(1, schemas.OK, schemas.OK)).All("Results") {
		var names []string
		for _, c := range r.Children {
			names = append(names, c.Name.Local)
		}
		if got, want := strings.Join(names, " "), "PartnerKey ObjectID RequestID StatusCode StatusMessage"; got != want {
			t.Errorf("members %s, want %s", got, want)
		}
	}
}

func TestMessages(t *testing.T) {
	t.Parallel()
	failed := ended(2, schemas.Error, schemas.Error)
	single := ended(3, schemas.OK, schemas.OK)
	single.ConversationID, single.SequenceCode, single.CallsInConversation = "", 1, 1
	calls := []*schemas.CallResource{ended(1, schemas.HasErrors, schemas.OK, schemas.Error), failed, single, {Status: schemas.Staged}}
	a := answerOf(t, mustRead(t, `<ObjectType>ResultMessage</ObjectType>`), calls...)
	for member, want := range map[string]string{
		"StatusCode": "Has Errors,Error,OK", "OverallStatusCode": "Has Errors,Error,OK", "ErrorCode": "12014,12014,", "SequenceCode": "1,2,",
		"CallsInConversation": "3,3,", "ResultType": "Asynchronous,Asynchronous,Asynchronous", "ResultDetailXML": ",,", "ConversationID": "order-1,order-1,",
	} {
		if got := list(a, member); got != want {
			t.Errorf("%s is %q, want %q", member, got, want)
		}
	}
	a = answerOf(t, mustRead(t, `<ObjectType>ResultMessage</ObjectType><Properties>ResultDetailXML</Properties>`), calls...)
	detail := conforms(t, []byte(a.Child("Results").Child("ResultDetailXML").Value()))
	if detail.Name.Local != "CreateResponse" || list(detail, "StatusCode") != "OK,Error" {
		t.Errorf("detail %+v", detail)
	}
}

func TestRetrieveRefuses(t *testing.T) {
	t.Parallel()
	item := `<ObjectType>ResultItem</ObjectType>`
	many := strings.Repeat(`<LeftOperand xsi:type="ComplexFilterPart">`, 3) + strings.Repeat(`</LeftOperand>`, 3)
	var hundredAndOne []string
	for range namedMax + 1 {
		hundredAndOne = append(hundredAndOne, uuid.NewString())
	}
	for members, want := range map[string]string{
		`<ObjectType>DataExtensionObject[x]</ObjectType>`:                                             "Error: Unable to find a handler for object type: DataExtensionObject[x]. Object types are case-sensitive, check spelling.",
		`<ObjectType>resultitem</ObjectType>`:                                                         "handler for object type: resultitem",
		``:                                                                                            "handler for object type: .",
		item + `<Properties>Colour</Properties>`:                                                      "Error: The Request Property(s) Colour do not match with the fields of ResultItem retrieve",
		item + `<Properties>RequestID.x</Properties>`:                                                 "Error: The Request Property(s) RequestID.x",
		item + simple("Colour", "equals", "red"):                                                      `the Filter Property "Colour"`,
		item + simple("PartnerKey", "equals", "red"):                                                  `the Filter Property "PartnerKey"`,
		item + simple("ErrorCode", "equals", "red"):                                                   "no whole number",
		item + simple("CreatedDate", "greaterThan", "yesterday"):                                      "no time",
		item + simple("CreatedDate", "isAnniversary", "2026-01-01"):                                   `operator "isAnniversary"`,
		item + simple("CreatedDate", "", "2026-01-01"):                                                `operator ""`,
		item + simple("ErrorCode", "between", "1"):                                                    "two values",
		item + simple("ErrorCode", "equals", "1,2"):                                                   "one value, not 2",
		item + simple("ErrorCode", "IN", ""):                                                          "no Value",
		item + simple("RequestID", "IN", strings.Join(hundredAndOne, ",")):                            "at most 100 RequestIDs",
		item + simple("ConversationID", "IN", strings.Join(hundredAndOne, ",")):                       "at most 100 ConversationIDs",
		item + simple("StatusMessage", "equals", strings.Repeat("x", filterBytesMax+1)):               "at most 16384 bytes",
		item + simple("StatusMessage", "like", strings.Repeat("%", filterBytesMax/likeWeight+1)):      "those of like 256",
		item + `<Filter xsi:type="TagFilterPart"><Tags/></Filter>`:                                    `not "TagFilterPart"`,
		item + `<Filter xsi:type="ComplexFilterPart">` + many + `</Filter>`:                           "has no operands",
		item + complexFilter("XOR", part("ErrorCode", "isNull", ""), part("ErrorCode", "isNull", "")): "AND or OR",
		item + `<RepeatLastResult>true</RepeatLastResult>`:                                            "RepeatLastResult",
		item + `<RetrieveAllSinceLastBatch>1</RetrieveAllSinceLastBatch>`:                             "RetrieveAllSinceLastBatch",
		item + `<Options><RequestType>Asynchronous</RequestType></Options>`:                           "not asynchronous",
		`<ContinueRequest>` + firstID + `</ContinueRequest>`:                                          "ContinueRequest",
		`<ContinueRequest>e30</ContinueRequest>`:                                                      "handler for object type",
		`<ContinueRequest>` + strings.Repeat("A", 1<<17) + `</ContinueRequest>`:                       "ContinueRequest",
	} {
		if got := refusalOf(t, retrieve(members)); !strings.Contains(got, want) || !strings.HasPrefix(got, "Error: ") {
			t.Errorf("%.200s: %q, want %q", members, got, want)
		}
	}
	if got := refusalOf(t, `<RetrieveRequestMsg/>`); !strings.HasPrefix(got, "Error: Unable to find a handler") {
		t.Error(got)
	}
	if _, ok := RetrieveRefused(errors.New("a defect")); ok {
		t.Error("a defect is told to callers")
	}
	parts := `<Filter xsi:type="ComplexFilterPart"><LogicalOperator>OR</LogicalOperator><AdditionalOperands>` +
		strings.Repeat(`<Operand xsi:type="SimpleFilterPart">`+part("ErrorCode", "equals", "1")+`</Operand>`, filterPartsMax) + `</AdditionalOperands></Filter>`
	mustRead(t, item+parts)
	mustRead(t, item+simple("StatusMessage", "equals", strings.Repeat("x", filterBytesMax)))
	mustRead(t, item+simple("StatusMessage", "like", strings.Repeat("%", filterBytesMax/likeWeight)))
	parts = strings.Replace(parts, `<AdditionalOperands>`, `<LeftOperand xsi:type="SimpleFilterPart">`+part("ErrorCode", "isNull", "")+`</LeftOperand><AdditionalOperands>`, 1)
	if got := refusalOf(t, retrieve(item+parts)); !strings.Contains(got, "at most 100 comparisons") {
		t.Error(got)
	}
}

// Every page is as long as was asked for, and together they have everything once, whatever is repeated with ContinueRequest.
func TestPages(t *testing.T) {
	t.Parallel()
	calls := []*schemas.CallResource{
		ended(1, schemas.OK, schemas.OK, schemas.OK, schemas.OK), ended(2, schemas.OK, schemas.OK), ended(3, schemas.OK, schemas.OK, schemas.OK),
	}
	all := `<ObjectType>ResultItem</ObjectType><Properties>CorrelationID</Properties>`
	for size := 1; size <= 7; size++ {
		ask := fmt.Sprintf(`%s%s<Options><BatchSize>%d</BatchSize></Options>`, all, simple("RequestID", "isNotNull", ""), size)
		for _, repeats := range []string{"", "<ObjectType/>", ask} {
			q := mustRead(t, ask)
			var got []string
			for pages := 1; ; pages++ {
				p := NewPage(q)
				for at := q.From; at.Named < len(calls) && p.AddCall(calls[at.Named], at); at = (Place{Named: at.Named + 1}) {
				}
				b, err := p.Answer()
				if err != nil {
					t.Fatal(err)
				}
				a := conforms(t, b)
				n := len(slices.Collect(a.All("Results")))
				got = append(got, strings.Split(list(a, "CorrelationID"), ",")...)
				if a.Child("OverallStatus").Value() == "OK" {
					break
				}
				if n != size || pages > 6 {
					t.Fatalf("page %d has %d objects, want %d", pages, n, size)
				}
				q = mustRead(t, repeats+`<ContinueRequest>`+a.Child("RequestID").Value()+`</ContinueRequest>`)
			}
			if want := "c0,c1,c2,c0,c0,c1"; strings.Join(got, ",") != want {
				t.Errorf("pages of %d have %v, want %s", size, got, want)
			}
		}
	}
	// The SDK for Ruby has it beside the RetrieveRequest.
	q := mustRead(t, all+`<Options><BatchSize>9999</BatchSize></Options>`)
	if q.Size != retrievedMax {
		t.Errorf("pages of %d", q.Size)
	}
	id, err := q.continuation()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ReadRetrieve(element(t, `<RetrieveRequestMsg><ContinueRequest>`+id+`</ContinueRequest></RetrieveRequestMsg>`))
	if err != nil || again.Type != resultItem || !slices.Equal(again.Properties, []string{"CorrelationID"}) {
		t.Errorf("%+v, %v", again, err)
	}
}

// Documents make an answer end before it has as many objects as it may.
func TestPagesAreBoundedInBytes(t *testing.T) {
	t.Parallel()
	c := ended(1, schemas.Error, slices.Repeat([]schemas.ResultStatus{schemas.Error}, 1000)...)
	for i := range c.Results {
		c.Results[i].Message = strings.Repeat("m", 1000)
	}
	p := NewPage(mustRead(t, `<ObjectType>ResultMessage</ObjectType><Properties>ResultDetailXML</Properties>`))
	n := 0
	for p.AddCall(c, Place{Named: n}) {
		n++
	}
	b, err := p.Answer()
	if err != nil {
		t.Fatal(err)
	}
	if size := len(b) / n; n < 2 || len(b) < retrievedBytes || len(b) > retrievedBytes+size+1000 {
		t.Errorf("%d bytes in %d documents", len(b), n)
	}
	if more := conforms(t, b).Child("OverallStatus").Value(); more != "MoreDataAvailable" || p.more.Named != n {
		t.Errorf("%s, after %d at %+v", more, n, p.more)
	}
}
