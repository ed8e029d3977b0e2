package exacttarget

import (
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"parley/schemas"
)

func TestFilter(t *testing.T) {
	t.Parallel()
	call := ended(1, schemas.HasErrors, schemas.OK, schemas.Error)
	for filter, want := range map[string]string{
		``:                                      "c0,c1",
		`<Filter/>`:                             "c0,c1",
		simple("StatusCode", "equals", "Error"): "c1",
		simple("statuscode", "notEquals", "Error"):                                                               "c0",
		simple("RequestID", "equals", "{"+strings.ToUpper(firstID)+"}"):                                          "c0,c1",
		simple("RequestID", "equals", firstID[:35]+"2"):                                                          "",
		simple("RequestID", "IN", "x,"+firstID):                                                                  "c0,c1",
		simple("ErrorCode", "isNull", ""):                                                                        "c0",
		simple("ErrorCode", "isNotNull", "ignored"):                                                              "c1",
		simple("ErrorCode", "notEquals", "12014"):                                                                "c0",
		simple("ErrorCode", "notEquals", "7"):                                                                    "c0,c1",
		simple("ErrorCode", "greaterThan", "9"):                                                                  "c1",
		simple("ErrorCode", "lessThan", "9"):                                                                     "",
		simple("ErrorCode", "equals", "012014"):                                                                  "c1",
		simple("ErrorCode", "between", "12000,12014"):                                                            "c1",
		simple("OrdinalID", "greaterThanOrEqual", "0"):                                                           "c0,c1",
		simple("OrdinalID", "lessThanOrEqual", "0"):                                                              "c0",
		simple("OrdinalID", "IN", "1,5"):                                                                         "c1",
		simple("CreatedDate", "equals", "2026-12-01T09:00:00+01:00"):                                             "c0,c1",
		simple("CreatedDate", "equals", "2026-12-01T08:00:00"):                                                   "c0,c1",
		simple("CreatedDate", "between", "2026-12-01,2026-12-02"):                                                "c0,c1",
		simple("ModifiedDate", "greaterThan", "2026-12-01T08:00:01.0004Z"):                                       "",
		simple("ModifiedDate", "greaterThanOrEqual", "2026-12-01T08:00:01.000Z"):                                 "c0,c1",
		simple("CorrelationID", "like", "c_"):                                                                    "c0,c1",
		simple("CorrelationID", "like", "%0%"):                                                                   "c0",
		simple("CorrelationID", "beginsWith", "c"):                                                               "c0,c1",
		simple("CorrelationID", "endsWith", "1"):                                                                 "c1",
		simple("StatusMessage", "contains", "on the"):                                                            "c1",
		simple("StatusMessage", "notContains", "on the"):                                                         "c0",
		simple("StatusMessage", "existsInString", "subscr"):                                                      "c1",
		simple("StatusMessage", "existsInStringAsAWord", "subscr"):                                               "",
		simple("StatusMessage", "existsInStringAsAWord", "list"):                                                 "c1",
		simple("StatusMessage", "notExistsInString", "list"):                                                     "c0",
		complexFilter("AND", part("OrdinalID", "equals", "0"), part("StatusCode", "equals", "Error")):            "",
		complexFilter("OR", part("OrdinalID", "equals", "0"), part("StatusCode", "equals", "Error")):             "c0,c1",
		complexFilter("AND", part("OrdinalID", "equals", "1"), part("StatusCode", "equals", "Error")):            "c1",
		`<Filter><Property>OrdinalID</Property><SimpleOperator>equals</SimpleOperator><Value>1</Value></Filter>`: "c1",
		`<Filter xsi:type="SimpleFilterPart"><Property>ModifiedDate</Property><SimpleOperator>lessThan</SimpleOperator><DateValue>2026-12-02T00:00:00Z</DateValue></Filter>`: "c0,c1",
		`<Filter xsi:type="ComplexFilterPart">` + operand("LeftOperand", "Complex", operand("LeftOperand", "Simple", part("OrdinalID", "equals", "0"))) +
			`<LogicalOperator>OR</LogicalOperator><AdditionalOperands>` + operand("Operand", "Simple", part("OrdinalID", "equals", "7")) +
			operand("Operand", "Simple", part("OrdinalID", "equals", "1")) + `</AdditionalOperands></Filter>`: "c0,c1",
	} {
		q := mustRead(t, `<ObjectType>ResultItem</ObjectType>`+filter)
		if got := list(answerOf(t, q, call), "CorrelationID"); got != want {
			t.Errorf("%s takes %q, want %q", filter, got, want)
		}
		if q.Filter == nil {
			continue
		}
		id, err := q.continuation()
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseContinuation(id)
		if err != nil {
			t.Fatal(err)
		}
		if got := list(answerOf(t, again, call), "CorrelationID"); got != want {
			t.Errorf("%s, continued, takes %q, want %q", filter, got, want)
		}
	}
}

func operand(name, kind, members string) string {
	return `<` + name + ` xsi:type="` + kind + `FilterPart">` + members + `</` + name + `>`
}

func TestLike(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]bool{
		"abcb": true, "%": true, "a%": true, "%b": true, "%bc%": true, "a__b": true, "a%b%b": true, "a%_b": true, "%%": true,
		"": false, "abc": false, "b%": false, "a_b": false, "%c": false, "_____": false, "abcb_": false,
	} {
		if got := like("abcb", pattern); got != want {
			t.Errorf("%q: %t", pattern, got)
		}
	}
	if !like("", "") || !like("é", "_") || like(strings.Repeat("a", 5000), strings.Repeat("%a", 2000)+"b") {
		t.Error("like is wrong")
	}
}

func TestPlan(t *testing.T) {
	t.Parallel()
	second := firstID[:35] + "2"
	for filter, want := range map[string]Plan{
		``: {},
		simple("RequestID", "IN", strings.ToUpper(firstID)+","+firstID+",nonsense,"+second):                                                         {ByRequest: true, Requests: []schemas.RequestID{id(t, firstID), id(t, second)}},
		simple("RequestID", "equals", "nonsense"):                                                                                                   {ByRequest: true},
		simple("RequestID", "beginsWith", "0190"):                                                                                                   {},
		simple("ConversationID", "equals", "order-1"):                                                                                               {ByConversation: true, Conversations: []string{"order-1"}},
		complexFilter("OR", part("RequestID", "equals", firstID), part("RequestID", "IN", second)):                                                  {ByRequest: true, Requests: []schemas.RequestID{id(t, firstID), id(t, second)}},
		complexFilter("OR", part("RequestID", "equals", firstID), part("ConversationID", "equals", "a")):                                            {},
		complexFilter("AND", part("RequestID", "IN", firstID+","+second), part("RequestID", "equals", second)):                                      {ByRequest: true, Requests: []schemas.RequestID{id(t, second)}},
		complexFilter("AND", part("ConversationID", "equals", "a"), part("RequestID", "equals", second)):                                            {ByRequest: true, Requests: []schemas.RequestID{id(t, second)}},
		complexFilter("AND", part("StatusCode", "equals", "OK"), part("CustomerKey", "equals", "k")):                                                {Search: schemas.ResultsFilter{Statuses: []schemas.ResultStatus{schemas.OK}, CustomerKey: "k"}},
		complexFilter("AND", part("CorrelationID", "equals", "c"), part("RequestObjectType", "equals", "List")):                                     {Search: schemas.ResultsFilter{CorrelationID: "c", ObjectType: "List"}},
		complexFilter("OR", part("CorrelationID", "equals", "c"), part("RequestObjectType", "equals", "List")):                                      {},
		simple("ModifiedDate", "between", "2026-12-01T08:00:00Z,2026-12-02T08:00:00Z"):                                                              {Search: schemas.ResultsFilter{From: accepted, To: accepted.Add(24*time.Hour + time.Millisecond)}},
		complexFilter("AND", part("ModifiedDate", "greaterThan", "2026-12-01T08:00:00Z"), part("ModifiedDate", "lessThan", "2026-12-02T08:00:00Z")): {Search: schemas.ResultsFilter{From: accepted, To: accepted.Add(24*time.Hour + time.Millisecond)}},
		simple("ModifiedDate", "equals", "2026-12-01T08:00:00Z"):                                                                                    {Search: schemas.ResultsFilter{From: accepted, To: accepted.Add(time.Millisecond)}},
		simple("CreatedDate", "equals", "2026-12-01T08:00:00Z"):                                                                                     {},
	} {
		p, err := mustRead(t, `<ObjectType>ResultItem</ObjectType>`+filter).Plan()
		if err != nil || text(t, p) != text(t, want) {
			t.Errorf("%s: %s, %v, want %s", filter, text(t, p), err, text(t, want))
		}
	}
	// An object is OK in a call that is not.
	p, err := mustRead(t, `<ObjectType>ResultMessage</ObjectType>`+simple("StatusCode", "equals", "OK")).Plan()
	if err != nil || len(p.Search.Statuses) > 0 {
		t.Errorf("%+v, %v", p, err)
	}
}

func id(t testing.TB, text string) schemas.RequestID {
	t.Helper()
	q := Filter{Property: "RequestID", Operator: opEquals, Values: []string{text}}
	p, err := (&Retrieval{Filter: &q}).Plan()
	if err != nil || len(p.Requests) != 1 {
		t.Fatalf("%q is no request id", text)
	}
	return p.Requests[0]
}

func text(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Whatever a ContinueRequest says is refused, or is a question that can be planned and that reads as itself.
func FuzzContinuation(f *testing.F) {
	q := mustRead(f, `<ObjectType>ResultItem</ObjectType>`+complexFilter("AND", part("RequestID", "IN", firstID), part("ErrorCode", "isNull", "")))
	seed, err := q.continuation()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add("e30")
	f.Fuzz(func(t *testing.T, in string) {
		q, err := parseContinuation(in)
		if err != nil {
			return
		}
		if _, err := q.Plan(); err != nil {
			return
		}
		answerOf(t, q, ended(1, schemas.HasErrors, schemas.OK, schemas.Error))
		one, err := q.continuation()
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseContinuation(one)
		if err != nil {
			t.Fatal(err)
		}
		if two, err := again.continuation(); err != nil || one != two {
			t.Errorf("%s reads as %s, %v", one, two, err)
		}
	})
}
